/**
 * The etcd that the operator runs, on the light rung: the operator's process under its own role, the controllers of
 * Kubernetes, the image's launcher and a real etcd with real certificates. Only the kubelet is a stand-in.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { IdentityAnswer } from "#api/identity.ts";
import { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import type { AdminOutcome } from "#operator/etcd-admin/outcome.ts";
import { issue, keyPem, readAuthority } from "#operator/identity/x509/certificate.ts";
import { testRuntime } from "#test/support/etcd-users.ts";
import { EtcdKubelet } from "#test/support/kube/etcd-kubelet.ts";
import {
  operatorKubeconfig,
  operatorNamespace as namespace,
  operatorUser,
} from "#test/support/kube/operator-role.ts";
import { findNames, withNames } from "#test/support/names-preload.ts";
import { OperatorProcess } from "#test/support/operator-process.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { until } from "#tools/cluster/until.ts";
import { BackendDesk } from "./backend-seen.ts";
import { startWithCrds } from "./crds-applied.ts";
import { IdentifiedPods } from "./identified-pods.ts";

const host = `holdfast-etcd.${namespace}.svc`;
/** Of this machine, and nobody else's. */
const address = `127.${[1, 2, 3].map(() => 2 + Math.floor(Math.random() * 250)).join(".")}`;
const names = { [host]: address };
const env = {
  ...{ HOLDFAST_ETCD_MANAGED: "true", HOLDFAST_ETCD_IMAGE: "example.test/holdfast-etcd:1" },
  HOLDFAST_ETCD_POD: JSON.stringify({
    priorityClassName: "system-cluster-critical",
    imagePullSecrets: [{ name: "pull" }],
    tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 1,
            podAffinityTerm: {
              labelSelector: { matchLabels: { app: "noisy" } },
              topologyKey: "kubernetes.io/hostname",
            },
          },
        ],
      },
    },
    resources: { requests: { cpu: "0.25" }, limits: { cpu: "2000m" } },
  }),
  ...withNames(names),
};

/** Between two attempts of an intruder. */
const betweenMs = 20;

const volume = {
  ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "managed-etcd" } },
  spec: {
    ...{ capacity: { storage: "8Gi" }, accessModes: ["ReadWriteOnce"] },
    claimRef: { namespace, name: "data-holdfast-etcd-0" },
    hostPath: { path: "/nowhere" },
  },
};

describe("an etcd that the operator runs", function () {
  this.timeout(180_000);
  let cluster: LightCluster;
  let kubeconfig: string;
  let operator: OperatorProcess;
  let backend: BackendDesk;
  let client: { ca: string; cert: string; key: string };

  before(async () => {
    findNames(names);
    cluster = await startWithCrds({ controllerManager: true, audit: [operatorUser] });
    backend = new BackendDesk(cluster.kubectl);
    kubeconfig = await operatorKubeconfig(cluster);
    await kubectl("create", "service", "clusterip", "holdfast-etcd", "--tcp=1:1", "-n", namespace);
    operator = await OperatorProcess.start({ kubeconfig, env });
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await operator?.[Symbol.asyncDispose]();
    await cluster?.close();
  });

  const kubectl = (...args: readonly string[]) => cluster.kubectl.run(args);
  const own = (...args: readonly string[]) => kubectl(...args, "-n", namespace);
  const json = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await own(...args, "-o", "json")) as T;
  const patchStatus = (what: string, status: object) =>
    own(
      ...["patch", what, "--subresource=status", "--type=merge"],
      "-p",
      JSON.stringify({ status }),
    );
  const entries = async (secret: string): Promise<Readonly<Record<string, string>>> => {
    const { data } = await json<{ data: Record<string, string> }>("get", "secret", secret);
    const texts = Object.entries(data).map(([key, text]) => [
      key,
      Buffer.from(text, "base64").toString(),
    ]);
    return Object.fromEntries(texts) as Record<string, string>;
  };

  const entry = async (secret: string, key: string): Promise<string> =>
    (await entries(secret))[key] ?? "";

  /** Throws what the handshake, or the network, said. */
  function statusOf(port: number, tls: object): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const path = port === 2379 ? "/version" : "/members";
    const request = https.get(`https://${host}:${port}${path}`, { agent: false, ...tls });
    request.once("response", (response) => {
      response.resume().once("end", () => {
        resolve(response.statusCode ?? 0);
      });
    });
    request.once("error", reject);
    return promise;
  }

  /** What comes of a visit to the members' port. */
  const metPeers = (tls: object): Promise<string> => statusOf(2380, tls).then(String, String);

  /** A sidecar of namespace `default`, by the authority of clients. */
  async function clientOf(): Promise<typeof client> {
    const of = (key: string) => entry("holdfast-ca-clients", key);
    const authority = readAuthority(await of("tls.crt"), await of("tls.key"));
    const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 };
    const subject = { name: "ns:default" };
    const { certificate, key } = issue(authority, { subject, uses: ["client"], validity });
    return { ca: authority.certificate, cert: certificate, key: keyPem(key) };
  }

  const isLetIn = (): Promise<boolean> =>
    statusOf(2379, client).then(
      (status) => status === 200,
      () => false,
    );

  /** Comes with its certificate again and again, and reads all that there is. */
  function startIntruder() {
    const [ca, cert, key] = [client.ca, client.cert, client.key].map((pem) => Buffer.from(pem));
    const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
    const made = EtcdAdmin.start({ endpoints: [`https://${host}:2379`], tls }, testRuntime);
    assert.ok(made.kind === "done");
    const admin = made.value;
    let over = false;
    const seen = { reads: 0, denied: 0 };
    const done = (async () => {
      while (!over) {
        const told = await admin.ask((etcd, options) =>
          etcd.kv.range({ key: Buffer.from([0]), range_end: Buffer.from([0]) }, options),
        );
        if (told.kind === "done") seen.reads++;
        if (told.kind === "refused" && /permission|user name/.test(told.message)) seen.denied++;
        await sleep(betweenMs);
      }
      admin[Symbol.dispose]();
    })();
    return {
      end: async () => {
        over = true;
        await done;
        return seen;
      },
    };
  }

  it("is not made over somebody else's Service of its name", async () => {
    const { message } = await backend.says("Running", "False ObjectsRefused");
    assert.match(message, /Service 'holdfast-etcd' is not of Holdfast's making/);
    await backend.says("Ready", "False NotRunning");
    await own("delete", "service", "holdfast-etcd");
  });

  it("says what its volume, its node and its image wait for", async () => {
    const { message } = await backend.says("Running", "False VolumePending");
    assert.match(message, /'data-holdfast-etcd-0' is Pending/);
    await backend.says("Durable", "True Durable");
    await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(volume));
    await backend.says("Running", "False NotScheduled");
    const unschedulable = {
      ...{ type: "PodScheduled", status: "False", reason: "Unschedulable" },
      message: "0/0 nodes are available",
    };
    await patchStatus("pod/holdfast-etcd-0", { conditions: [unschedulable] });
    await until("the scheduler's words", async () => {
      const words = await backend.says("Running", "False NotScheduled");
      return words.message.includes("0/0 nodes");
    });
    const waits = (reason: string, words: string, more: object = {}) =>
      patchStatus("pod/holdfast-etcd-0", {
        conditions: [{ type: "PodScheduled", status: "True" }],
        containerStatuses: [
          {
            ...{ name: "etcd", image: "e", imageID: "", ready: false, restartCount: 1 },
            state: { waiting: { reason, message: words } },
            ...more,
          },
        ],
      });
    await waits("ContainerCreating", "");
    await backend.says("Running", "False NotReady");
    await waits("ImagePullBackOff", "Back-off pulling image");
    assert.match((await backend.says("Running", "False ImageNotPulled")).message, /Back-off pull/);
    const lastState = { terminated: { exitCode: 7, reason: "Error", message: "no space left" } };
    await waits("CrashLoopBackOff", "back-off restarting", { lastState });
    const crash = await backend.says("Running", "False CrashLooping");
    assert.match(crash.message, /ended with 7: no space left/);
  });

  describe("with a kubelet", () => {
    let kubelet: EtcdKubelet;
    /** There from the first moment on. */
    let first: ReturnType<typeof startIntruder>;

    before(async () => {
      client = await clientOf();
      first = startIntruder();
      kubelet = await EtcdKubelet.start({ cluster, namespace, pod: "holdfast-etcd-0", address });
    });
    after(async () => {
      await first?.end();
      await kubelet?.[Symbol.asyncDispose]();
    });

    it("is made from the options, and lets a sidecar in when all that protects it stands", async () => {
      await backend.says("Running", "True Running");
      await backend.says("Ready", "True Ready");
      assert.equal(await until("a sidecar to be let in", isLetIn), true);
      await backend.says("HighlyAvailable", "False TooFewMembers");
      await backend.says("Isolated", "True Isolated");
      const { denied, reads } = await first.end();
      assert.equal(reads, 0);
      assert.ok(denied > 0);
      // The first start, and the one that the new trust took.
      assert.equal(kubelet.starts, 2);
      const { status, spec } = await backend.get();
      assert.deepEqual(spec, {
        ...{ type: "etcd", limits: {} },
        managed: { members: 1, resources: {}, storage: { size: "8Gi", ephemeral: false } },
      });
      assert.equal(status?.members, 1);
    });

    it("takes a certificate that a pod was given for clients' port and its own namespace, and for nothing else", async () => {
      await using pods = await IdentifiedPods.start(cluster.kubectl);
      await pods.use(operator);
      await pods.pod("app", "default");
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const pem = publicKey.export({ type: "spki", format: "pem" });
      const token = await pods.token("app", "default");
      const answer = await pods.ask({ token, body: { publicKey: pem } });
      assert.equal(answer.status, 200, answer.text);
      const given = answer.body as unknown as IdentityAnswer;
      assert.deepEqual(given.etcd.endpoints, [`https://${host}:2379`]);
      const shown = { cert: given.certificate ?? "", key: keyPem(privateKey) };
      const [ca, cert, key] = [given.etcd.ca ?? "", shown.cert, shown.key].map((one) =>
        Buffer.from(one),
      );
      const tls = { ca: ca!, cert: cert!, key: key! };
      const made = EtcdAdmin.start({ endpoints: given.etcd.endpoints, tls }, testRuntime);
      assert.ok(made.kind === "done");
      using pod = made.value;
      const read = (at: string) => pod.ask((it, how) => it.kv.range({ key: Buffer.from(at) }, how));
      const write = (at: string) =>
        pod.ask((it, how) => it.kv.put({ key: Buffer.from(at), value: Buffer.of(1) }, how));
      const denied = async (asked: Promise<AdminOutcome<unknown>>) => {
        const outcome = await asked;
        return outcome.kind === "refused" && /permission denied/.test(outcome.message);
      };
      // With its first resource the namespace gets its user.
      await kubectl("apply", "-f", "examples/orders.yaml", "-n", "default");
      await until("its user", async () => {
        const written = await write("/holdfast/v1/data/default/x");
        return written.kind === "done";
      });
      assert.equal((await read("/holdfast/v1/data/default/x")).kind, "done");
      for (const at of ["data/shop/x", "spec/shop/x", "data/defaultx/x", "data/x", "other"]) {
        assert.ok(await denied(read(`/holdfast/v1/${at}`)), `it reads ${at}`);
        assert.ok(await denied(write(`/holdfast/v1/${at}`)), `it writes ${at}`);
      }
      assert.ok(await denied(write("/holdfast/v1/spec/default/x")));
      // The peers' port knows another authority: by it comes in who is a member, and nobody else.
      const { "tls.crt": peerCa = "", "tls.key": peerKey = "" } =
        await entries("holdfast-ca-peers");
      assert.match(await metPeers({ ca: peerCa, ...shown }), /alert|certificate/i);
      assert.match(await metPeers({ ca: peerCa }), /alert|certificate/i);
      const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 };
      const wanted = { subject: { name: "member" }, uses: ["client"], validity } as const;
      const member = issue(readAuthority(peerCa, peerKey), wanted);
      const asMember = { cert: member.certificate, key: keyPem(member.key) };
      assert.equal(await metPeers({ ca: peerCa, ...asMember }), "200");
      // Nor does a member's open the clients' port.
      await assert.rejects(
        statusOf(2379, { ca: given.etcd.ca ?? "", ...asMember }),
        /alert|certificate/i,
      );
      assert.equal(await statusOf(2379, { ca: given.etcd.ca ?? "", ...shown }), 200);
    });

    it("writes nothing in looks that find nothing new", async () => {
      const looks =
        'controller_runtime_reconcile_total{controller="managed-etcd",result="requeue_after"}';
      const looked = async () => (await operator.metric(looks)) ?? 0;
      const versions = () =>
        own(
          ...["get", "sts,svc,secrets,pods,pvc", "-o"],
          "jsonpath={range .items[*]}{.metadata.name}={.metadata.resourceVersion} {end}",
        );
      // An apply that changes nothing leaves the version as it is.
      const applies = async () =>
        (await cluster.audited()).filter(
          ({ verb, resource }) => verb === "patch" && resource === "statefulsets",
        ).length;
      const first = await looked();
      await until("a look", async () => (await looked()) > first);
      const [before, applied, from] = [await versions(), await applies(), await looked()];
      await until("two looks", async () => (await looked()) >= from + 2);
      assert.equal(await versions(), before);
      assert.equal(await applies(), applied);
    });

    it("has a pod as the platform wants it", async () => {
      const { spec } = await json<{ spec: Record<string, unknown> }>(
        "get",
        "pod",
        "holdfast-etcd-0",
      );
      const { priorityClassName, imagePullSecrets, tolerations, containers } = spec;
      assert.equal(priorityClassName, "system-cluster-critical");
      assert.deepEqual(imagePullSecrets, [{ name: "pull" }]);
      assert.match(JSON.stringify(tolerations), /"dedicated"/);
      const [{ resources } = { resources: {} }] = containers as { resources: object }[];
      assert.deepEqual(resources, {
        requests: { cpu: "250m", memory: "708Mi" },
        limits: { cpu: "2", memory: "1416Mi" },
      });
    });

    it("is repaired where somebody changes or deletes it, but for its claim, which is never touched", async () => {
      const claim = () =>
        own("get", "pvc", "data-holdfast-etcd-0", "-o", "jsonpath={.metadata.uid}");
      const before = await claim();
      await own("scale", "sts/holdfast-etcd", "--replicas=0");
      await until("the member to be back", async () => {
        const replicas = await own("get", "sts/holdfast-etcd", "-o", "jsonpath={.spec.replicas}");
        return replicas === "1";
      });
      await own("delete", "svc/holdfast-etcd-peers", "secret/holdfast-etcd-server");
      await until("both to be made anew", () =>
        own("get", "svc/holdfast-etcd-peers", "secret/holdfast-etcd-server"),
      );
      const podUid = () => own("get", "pod", "holdfast-etcd-0", "-o", "jsonpath={.metadata.uid}");
      const pod = await podUid();
      await own("delete", "sts/holdfast-etcd");
      await until("the set to be made anew, and its pod", async () => (await podUid()) !== pod);
      assert.equal(await claim(), before);
      await backend.says("Ready", "True Ready");
      assert.equal(await until("a sidecar to be let in", isLetIn), true);
    });

    it("whose data is lost while the operator is away lets no sidecar in before users stand again", async () => {
      await operator.kill();
      const former = await entry("holdfast-etcd-trust", "clients-of");
      assert.match(former, /^[0-9a-f]{16}$/);
      await kubelet.loseData();
      const intruder = startIntruder();
      assert.equal(await isLetIn(), false);
      operator = await OperatorProcess.start({ kubeconfig, env });
      assert.equal(await until("a sidecar to be let in", isLetIn), true);
      assert.notEqual(await entry("holdfast-etcd-trust", "clients-of"), former);
      await backend.says("Ready", "True Ready");
      const { reads, denied } = await intruder.end();
      assert.equal(reads, 0);
      assert.ok(denied > 0);
    });

    it("whose data is lost under the operator's eyes is set up again, too", async () => {
      const former = await entry("holdfast-etcd-trust", "clients-of");
      const intruder = startIntruder();
      await kubelet.loseData();
      await until("the new data to be trusted", async () => {
        const now = await entry("holdfast-etcd-trust", "clients-of");
        return now !== former;
      });
      assert.equal(await until("a sidecar to be let in", isLetIn), true);
      await backend.says("Ready", "True Ready");
      assert.equal((await intruder.end()).reads, 0);
    });

    it("keeps its volume where the spec says another one, and says so", async () => {
      await backend.put({ managed: { storage: { size: "16Gi" } } });
      const { message } = await backend.says("Running", "True StorageKept");
      assert.match(message, /It runs on a volume of 8Gi/);
      await backend.put({ managed: { storage: { size: "8Gi" } } });
      await backend.says("Running", "True Running");
    });
  });

  it("asks for nothing that it may not", async () => {
    const requests = await cluster.audited();
    assert.deepEqual(
      requests.filter(({ code }) => code === 403),
      [],
    );
  });
});
