/** A pod's whole life with a lock, as each who takes part tells it, up to the next holder and the pod's end. */
import assert from "node:assert/strict";
import type { RecordKind } from "#test/support/app-record.ts";
import type { Moment, Step } from "./timeline.ts";
import { PodWatch } from "./pod-watch.ts";
import { assertNoLie, type FaultStage } from "./stage.ts";

const namespace = "life";
const first = { namespace, pod: "first" };
const second = { namespace, pod: "second" };

interface SidecarLine {
  readonly time: string;
  readonly message: string;
  readonly sinceStartMs?: number;
}

export async function lifeOfAPod(stage: FaultStage): Promise<Moment[]> {
  const { made } = stage;
  const { kubectl } = made.cluster;
  const moments: Moment[] = [];
  const add = (step: Step, wall: number): number => moments.push({ step, wall });
  const addFromApp = async (step: Step, kind: RecordKind): Promise<void> => {
    add(step, (await stage.until(first, kind)).wall);
  };

  await using watch = new PodWatch(kubectl, { namespace, app: first.pod });
  // Takes several times as long as the watch needs to begin.
  await made.openNamespace(namespace);
  await stage.start(first, { locks: ["1"] });
  add("created", (await watch.first("the pod", ({ type }) => type === "ADDED")).wall);
  const onNode = ({ object }: { object: { spec: { nodeName?: string } } }): boolean =>
    object.spec.nodeName !== undefined;
  add("scheduled", (await watch.first("its node", onNode)).wall);
  await addFromApp("app started", "started");
  await addFromApp("granted", "granted");
  await stage.start(second, { locks: ["1"] });
  await stage.until(second, "asking");

  const log = kubectl.ask(["logs", first.pod, "-c", "holdfast", "-n", namespace, "--follow"]);
  add("eviction asked", Date.now());
  await evict(stage);
  await addFromApp("app asked to end", "terminated");
  await addFromApp("app ended", "ended");
  add("next granted", (await stage.until(second, "granted")).wall);
  add("gone", (await watch.first("its end", ({ type }) => type === "DELETED")).wall);
  moments.push(...toldBySidecar((await log).out));
  assertNoLie([stage.record(first), stage.record(second)]);
  return moments;
}

async function evict({ made }: FaultStage): Promise<void> {
  const eviction = {
    ...{ apiVersion: "policy/v1", kind: "Eviction" },
    metadata: { name: first.pod, namespace },
  };
  const place = `/api/v1/namespaces/${namespace}/pods/${first.pod}/eviction`;
  await made.cluster.kubectl.run(["create", "--raw", place, "-f", "-"], JSON.stringify(eviction));
}

function toldBySidecar(log: string): Moment[] {
  const lines = log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as SidecarLine);
  const said = (message: string): SidecarLine => {
    const found = lines.find((line) => line.message === message);
    assert.ok(found, `the sidecar did not say '${message}':\n${log}`);
    return found;
  };
  const at = (message: string): number => Date.parse(said(message).time);
  return [
    { step: "sidecar started", wall: at("ready") - (said("ready").sinceStartMs ?? Number.NaN) },
    { step: "certificate given", wall: at("the identity was given") },
    { step: "session", wall: at("session with etcd") },
    { step: "ready", wall: at("ready") },
    { step: "sidecar asked to end", wall: at("shutting down") },
    { step: "given back", wall: at("all locks are given back") },
  ];
}
