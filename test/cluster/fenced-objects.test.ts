/** The recipe in examples/fences/kubernetes, on a real API server. */
import assert from "node:assert/strict";
import { KubeConfig, KubernetesObjectApi, type V1ConfigMap } from "@kubernetes/client-node";
import { after, before, describe, it } from "mocha";
import { startLight, type LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { fenceAnnotation, writeFenced } from "#examples/fences/kubernetes/write-fenced.ts";

describe("a Kubernetes object with a fence", function () {
  this.timeout(120_000);
  let cluster: LightCluster;
  let api: KubernetesObjectApi;

  before(async () => {
    cluster = await startLight({ controllerManager: false });
    const config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    api = KubernetesObjectApi.makeApiClient(config);
  });
  after(() => cluster?.close());

  const named = (name: string) => ({
    ...{ apiVersion: "v1", kind: "ConfigMap" },
    metadata: { name, namespace: "default" },
  });
  const make = async (name: string): Promise<void> => {
    await api.create({ ...named(name), data: { by: "nobody" } } as V1ConfigMap);
  };
  const write = (name: string, fence: string, by: string, meanwhile?: () => Promise<unknown>) =>
    writeFenced<V1ConfigMap>(slowed(meanwhile), { named: named(name), fence }, (object) => {
      object.data = { ...object.data, by };
    });
  const stateOf = async (name: string): Promise<(string | undefined)[]> => {
    const { data, metadata } = await api.read<V1ConfigMap>(named(name) as never);
    return [data?.["by"], metadata?.annotations?.[fenceAnnotation]];
  };
  /** The API, with something that happens between the first look and the write. */
  const slowed = (meanwhile: (() => Promise<unknown>) | undefined): KubernetesObjectApi => {
    let left = meanwhile;
    const slow = Object.create(api) as KubernetesObjectApi;
    slow.replace = async (object) => {
      const now = left;
      left = undefined;
      await now?.();
      return api.replace(object);
    };
    return slow;
  };
  const [lower, higher] = ["1176953443972153344", "1176953443972153345"] as const;

  it("is written by the first fence, the same one again, and each higher one", async () => {
    await make("a");
    assert.equal(await write("a", lower, "first"), true);
    assert.equal(await write("a", lower, "again"), true);
    assert.equal(await write("a", higher, "next"), true);
    assert.deepEqual(await stateOf("a"), ["next", higher]);
  });

  it("is not written by a lower one", async () => {
    await make("b");
    assert.equal(await write("b", higher, "new"), true);
    assert.equal(await write("b", lower, "old"), false);
    assert.deepEqual(await stateOf("b"), ["new", higher]);
  });

  it("is not written by a lower one that had looked before the higher one wrote", async () => {
    await make("c");
    assert.equal(await write("c", lower, "old", () => write("c", higher, "new")), false);
    assert.deepEqual(await stateOf("c"), ["new", higher]);
  });

  it("takes what somebody else has changed meanwhile, and keeps it", async () => {
    await make("d");
    const other = () =>
      cluster.kubectl.run(["patch", "configmap", "d", "-p", '{"data":{"other":"kept"}}']);
    assert.equal(await write("d", lower, "me", other), true);
    const { data } = await api.read<V1ConfigMap>(named("d") as never);
    assert.deepEqual(data, { by: "me", other: "kept" });
  });

  it("throws what else the API server says", async () => {
    await assert.rejects(write("nowhere", lower, "me"), /not found/);
  });
});
