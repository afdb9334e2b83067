/**
 * What can happen to pods that hold locks, on a whole installation, as much of it at once as does not disturb the rest. What
 * their apps were told is judged afterwards, by their own clock. UPDATE=1 writes the page of a pod's life from what was seen.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { together } from "#test/support/together.ts";
import { nodeDrained } from "./faults/drained.ts";
import { etcdDeletedUnderLoad } from "./faults/etcd-deleted.ts";
import { killedApp, killings } from "./faults/killed.ts";
import { lifeOfAPod } from "./faults/life.ts";
import { sidecarOutOfMemory } from "./faults/out-of-memory.ts";
import { FaultStage } from "./faults/stage.ts";
import { standAndGoOn, standstills } from "./faults/stopped.ts";
import { assertInOrder, assertTellsAll, pageOf } from "./faults/timeline.ts";
import { Installation } from "./installation.ts";

const page = "docs/operations/life-of-a-pod.md";
const update = process.env["UPDATE"] === "1";

describe("pods that hold locks, under faults", function () {
  this.timeout(300_000);
  let made: Installation;
  let stage: FaultStage;

  before(async () => {
    made = await Installation.prepare();
    stage = new FaultStage(made);
    await made.install("--set", "sessionTtl=10m");
  });
  // Absent where it could not be started, which has been told then.
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  const begun: Promise<void>[] = [];
  /**
   * Begins all at once; what needs the cluster for itself is given a promise that all that began before it have ended. Where
   * the page is written, a pod's life comes first: its times are those of a quiet cluster.
   */
  const beginning =
    (run: (alone: Promise<unknown>) => Promise<void>): (() => Promise<void>) =>
    () => {
      const alone = Promise.allSettled([...begun]);
      const running = update
        ? Promise.allSettled(begun.slice(0, 1)).then(() => run(alone))
        : run(alone);
      begun.push(running);
      return running;
    };

  together({
    "lives as its page tells: its app ends first, then its lock is given back and the next one has it":
      beginning(async () => {
        const moments = await lifeOfAPod(stage);
        assertInOrder(moments);
        if (update) writeFileSync(page, pageOf(moments));
        assertTellsAll(readFileSync(page, "utf8"));
      }),
    "keep their locks until the session's end, and are told, when the sidecar is out of memory":
      beginning(() => sidecarOutOfMemory(stage)),
    ...Object.fromEntries(
      Object.entries(standstills).map(([who, plan]) => [
        `are told the truth after a standstill: ${who}`,
        beginning(() => standAndGoOn(stage, plan)),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(killings).map(([how, plan]) => [
        `keep their locks until their app has ended, when it is killed ${how}`,
        beginning(() => killedApp(stage, plan)),
      ]),
    ),
    "are told no lie when etcd's pod is deleted under load": beginning((alone) =>
      etcdDeletedUnderLoad(stage, alone),
    ),
    "give their locks to their successors when the node is drained": beginning((alone) =>
      nodeDrained(stage, alone),
    ),
  });
});
