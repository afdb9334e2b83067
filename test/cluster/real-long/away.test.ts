/**
 * Operators and API server are away for longer than a pod's token lives. Nobody can show who he is then, and nobody has to:
 * pods that run pass their locks on, and a sidecar's container that is started again finds its certificate in its state folder.
 *
 * Tokens live ten minutes here, the shortest life that Kubernetes gives, instead of the hour that injection asks for: a policy
 * of the cluster shortens them, and the test reads from the token itself that it has ended.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { lies } from "#test/support/app-record.ts";
import { until } from "#tools/cluster/until.ts";
import { FaultStage } from "../real/faults/stage.ts";
import { Installation, sidecarOf } from "../real/installation.ts";

const namespace = "shop";
const tokenSeconds = 600;
const places = ["first", "second"].map((pod) => ({ namespace, pod }));
const [first, second] = places as [(typeof places)[0], (typeof places)[0]];

describe("operators and API server away for longer than a token lives", function () {
  this.timeout(900_000);
  let made: Installation;
  let stage: FaultStage;

  before(async () => {
    made = await Installation.prepare();
    stage = new FaultStage(made);
    await made.install();
    await made.apply("default", ...shortTokens());
    await made.openNamespace(namespace);
    await until("tokens to be short", async () => (await tokenLifeOf("tried")) === tokenSeconds);
    for (const place of places) await stage.start(place, { locks: ["1"], holdMs: 1_000 });
    await Promise.all(places.map((place) => stage.until(place, "released")));
  });
  // Absent where it could not be started, which has been told then.
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  /** Of a pod that is only judged. */
  async function tokenLifeOf(pod: string): Promise<number> {
    const token = '{.spec.volumes[?(@.name=="holdfast-token")].projected.sources[0]';
    const life = `jsonpath=${token}.serviceAccountToken.expirationSeconds}`;
    const judged = ["create", "--dry-run=server", "-n", namespace, "-f", "-", "-o", life];
    const asked = JSON.stringify(stage.pod({ namespace, pod }, { locks: [] }));
    return Number(await made.cluster.kubectl.run(judged, asked));
  }

  it("is not noticed by pods that run, nor by a container that is started again", async () => {
    const uid = await made.kubectl(
      "get",
      "pod",
      "first",
      "-n",
      namespace,
      "-o",
      "jsonpath={.metadata.uid}",
    );
    await made.scaleOperators(0);
    const apiServer = made.cluster.component("kube-apiserver");
    await apiServer.kill();
    const awayAt = Number(process.hrtime.bigint()) / 1e6;
    const endsAt = tokenEnd(uid);
    await sleep(endsAt - Date.now() + 5_000);
    assert.equal(tokenEnd(uid), endsAt, "the kubelet got another token from somewhere");
    for (const place of places) {
      const trouble = stage
        .lines(place)
        .filter(({ at, kind }) => at > awayAt && ["failed", "lost", "unanswered"].includes(kind));
      assert.deepEqual(trouble, [], place.pod);
    }

    const killedAt = Number(process.hrtime.bigint()) / 1e6;
    process.kill(sidecarOf(first.pod), "SIGKILL");
    const again = await stage.until(first, "granted", { after: killedAt });
    console.log(
      `      a sidecar's container that was killed had a lock again ${Math.round(again.at - killedAt)} ms later, ${Math.round((killedAt - awayAt) / 1_000)} s after the API server had gone`,
    );
    await stage.until(second, "granted", { after: again.at });
    assert.deepEqual(lies(places.map((place) => stage.record(place))), []);

    apiServer.start();
    await made.cluster.ready();
    await made.scaleOperators(2);
    const log = await made.kubectl("logs", "first", "-c", "holdfast", "-n", namespace);
    assert.match(log, /the identity that was kept is used/);
  });

  /** As the kubelet has it mounted; ms of the wall clock. */
  function tokenEnd(uid: string): number {
    const volume = path.join("volumes", "kubernetes.io~projected", "holdfast-token", "token");
    const token = readFileSync(
      path.join(made.cluster.folder, "kubelet", "pods", uid, volume),
      "utf8",
    );
    const [, claims = ""] = token.split(".");
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp: number };
    return exp * 1_000;
  }
});

/** It is asked again after the operator's webhook has changed the pod. */
function shortTokens(): object[] {
  const group = "admissionregistration.k8s.io/v1";
  const name = "short-tokens";
  const place = '"/projected/sources/0/serviceAccountToken/expirationSeconds"';
  const expression = `lists.range(size(object.spec.volumes))
    .filter(at, object.spec.volumes[at].name == "holdfast-token")
    .map(at, JSONPatch{op: "replace", path: "/spec/volumes/" + string(at) + ${place}, value: ${tokenSeconds}})`;
  const pods = {
    ...{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] },
  };
  return [
    {
      ...{ apiVersion: group, kind: "MutatingAdmissionPolicy", metadata: { name } },
      spec: {
        ...{ failurePolicy: "Fail", reinvocationPolicy: "IfNeeded" },
        matchConstraints: { resourceRules: [pods] },
        matchConditions: [{ name: "volumes", expression: "has(object.spec.volumes)" }],
        mutations: [{ patchType: "JSONPatch", jsonPatch: { expression } }],
      },
    },
    {
      ...{ apiVersion: group, kind: "MutatingAdmissionPolicyBinding", metadata: { name } },
      spec: { policyName: name },
    },
  ];
}
