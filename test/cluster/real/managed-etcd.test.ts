/** The etcd that the operator runs, as a kubelet runs it: the project's own images, a volume, probes, names, restarts. */
import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  operatorAccount,
  operatorName,
  operatorNamespace as namespace,
} from "#test/support/kube/operator-role.ts";
import { importProjectImages, type ProjectImages } from "#tools/cluster/real/project-images.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { makeVolumes } from "#tools/cluster/real/storage.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";
import { BackendDesk } from "../backend-seen.ts";

const folder = path.resolve(".cache/cluster-real");
const withinMs = 120_000;
/** Longer than a pod would take that is replaced for what it is to trust: that nothing comes is no event. */
const staysMs = 30_000;

describe("an etcd that the operator runs, on the real rung", function () {
  this.timeout(300_000);
  let cluster: RealCluster;
  let backend: BackendDesk;
  let images: ProjectImages;

  const apply = (...items: readonly object[]): Promise<string> =>
    cluster.kubectl.run(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
  const own = (...args: readonly string[]): Promise<string> =>
    cluster.kubectl.run([...args, "-n", namespace]);
  const podUid = () => own("get", "pod", "holdfast-etcd-0", "-o", "jsonpath={.metadata.uid}");
  const clientsOf = () =>
    own("get", "secret", "holdfast-etcd-trust", "-o", "jsonpath={.data.clients-of}");

  const trustsClients = () =>
    until("etcd to be started with the trust in clients", async () =>
      /"trusts":\["operator","clients"\]/.test(await own("logs", "holdfast-etcd-0")),
    );

  /** Throws with what the operator's log ends with. */
  async function ready(): Promise<void> {
    try {
      await until(
        "the Backend to be ready",
        async () => {
          const { status } = await backend.get();
          const found = status?.conditions?.find(({ type }) => type === "Ready");
          if (found?.status === "True") return true;
          throw new Error(JSON.stringify(found));
        },
        { withinMs },
      );
    } catch (error) {
      const logs = await own("logs", "operator", "--tail=20");
      throw new Error(`${logs}\n${await own("get", "pods")}`, { cause: error });
    }
  }

  before(async () => {
    // Of a run that was killed.
    await takeDown(folder);
    cluster = await startReal({ folder });
    backend = new BackendDesk(cluster.kubectl);
    images = await importProjectImages(cluster);
    await makeVolumes(cluster, { count: 1, size: "1Gi" });
    await cluster.kubectl.run(["apply", "--server-side", "-f", "crds"]);
    await apply(...operatorAccount());
    const strictest = "pod-security.kubernetes.io/enforce=restricted";
    await cluster.kubectl.run(["label", "namespace", namespace, strictest]);
    await apply(operatorPod(images));
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  it("is ready within two minutes, on a volume, in a namespace of the strictest standard", async () => {
    await ready();
    await backend.says("Durable", "True Durable");
    await backend.says("Running", "True Running");
    const claim = ["get", "pvc", "data-holdfast-etcd-0", "-o", "jsonpath={.status.phase}"];
    assert.equal(await own(...claim), "Bound");
  });

  it("keeps its data, and whom it trusts, when its pod is replaced", async () => {
    const [pod, trusted] = [await podUid(), await clientsOf()];
    await own("delete", "pod", "holdfast-etcd-0");
    await until("another pod to be ready", async () => {
      const state = ["get", "pod", "holdfast-etcd-0", "-o"];
      const isReady = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
      return (await podUid()) !== pod && (await own(...state, isReady)) === "True";
    });
    await ready();
    assert.equal(await clientsOf(), trusted);
    await trustsClients();
  });

  it("settles in one pod where its data goes with that", async () => {
    await own("delete", "pod", "operator");
    await own("delete", "hfbackend", "default");
    await own("delete", "statefulset", "holdfast-etcd");
    await own("wait", "--for=delete", "pod/holdfast-etcd-0", "--timeout=60s");
    const former = await clientsOf();
    await apply(operatorPod(images, { HOLDFAST_ETCD_EPHEMERAL: "true" }));
    await ready();
    await backend.says("Durable", "False Ephemeral");
    await trustsClients();
    const [pod, trusted] = [await podUid(), await clientsOf()];
    assert.notEqual(trusted, former);
    await sleep(staysMs);
    assert.equal(await podUid(), pod);
    assert.equal(await clientsOf(), trusted);
    const restarts = "jsonpath={.status.containerStatuses[0].restartCount}";
    assert.equal(await own("get", "pod", "holdfast-etcd-0", "-o", restarts), "0");
    await ready();
  });
});

function operatorPod({ operator, etcd }: ProjectImages, more: object = {}): object {
  const env = {
    HOLDFAST_NAMESPACE: namespace,
    HOLDFAST_ETCD_MANAGED: "true",
    HOLDFAST_ETCD_IMAGE: etcd,
    HOLDFAST_ETCD_STORAGE: "1Gi",
    ...more,
  };
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "operator", namespace } },
    spec: {
      serviceAccountName: operatorName,
      enableServiceLinks: false,
      containers: [
        {
          ...{ name: "operator", image: operator, imagePullPolicy: "IfNotPresent" },
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          securityContext: {
            ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
            ...{ runAsNonRoot: true, capabilities: { drop: ["ALL"] } },
            seccompProfile: { type: "RuntimeDefault" },
          },
        },
      ],
    },
  };
}
