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
    const args = ["create", "configmap", name, "--from-literal=by=nobody"];
    await cluster.kubectl.run(args);
  };
  /** Whether it was written. */
  const write = async (
    name: string,
    { fence, by }: { readonly fence: string; readonly by: string },
    meanwhile?: () => Promise<unknown>,
  ): Promise<boolean> => {
    const wanted = { named: named(name), fence };
    const written = await writeFenced<V1ConfigMap>(slowed(meanwhile), wanted, (object) => {
      object.data = { ...object.data, by };
    });
    assert.ok(written === undefined || written.data?.["by"] === by);
    return written !== undefined;
  };
  const stateOf = async (name: string): Promise<(string | undefined)[]> => {
    const { data, metadata } = await api.read<V1ConfigMap>(named(name));
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
    assert.equal(await write("a", { fence: lower, by: "first" }), true);
    assert.equal(await write("a", { fence: lower, by: "again" }), true);
    assert.equal(await write("a", { fence: higher, by: "next" }), true);
    assert.deepEqual(await stateOf("a"), ["next", higher]);
  });

  it("is not written by a lower one", async () => {
    await make("b");
    assert.equal(await write("b", { fence: higher, by: "new" }), true);
    assert.equal(await write("b", { fence: lower, by: "old" }), false);
    assert.deepEqual(await stateOf("b"), ["new", higher]);
  });

  it("is not written by a lower one that had looked before the higher one wrote", async () => {
    await make("c");
    assert.equal(
      await write("c", { fence: lower, by: "old" }, () => write("c", { fence: higher, by: "new" })),
      false,
    );
    assert.deepEqual(await stateOf("c"), ["new", higher]);
  });

  it("takes what somebody else has changed meanwhile, and keeps it", async () => {
    await make("d");
    const other = () =>
      cluster.kubectl.run(["patch", "configmap", "d", "-p", '{"data":{"other":"kept"}}']);
    assert.equal(await write("d", { fence: lower, by: "me" }, other), true);
    const { data } = await api.read<V1ConfigMap>(named("d"));
    assert.deepEqual(data, { by: "me", other: "kept" });
  });

  it("throws what else the API server says", async () => {
    await assert.rejects(write("nowhere", { fence: lower, by: "me" }), /not found/);
  });
});
