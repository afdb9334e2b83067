/** Short runs, as many seconds as show most faults once; `make faults` goes on for longer. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { setting } from "#test/support/setting.ts";
import type { History } from "./history/history.ts";
import { told } from "./report/lines.ts";
import { run, type RunEnded } from "./run.ts";
import { DisksMissing, SmallDisks } from "./stage/small-disks.ts";

const seconds = 18;
const seed = setting("SEED", "1");
/** What is told after a run takes its time on a busy machine. */
const timeoutMs = 240_000;

function foundNothing({ history, violations, summary, folder }: RunEnded): void {
  console.log(`      ${JSON.stringify(summary)}`);
  assert.deepEqual(violations, [], `${told(history, violations)}\n${folder}/report.html`);
  assert.ok(summary.grants > 0, "nobody was granted anything: nothing was shown");
  assert.ok(Object.keys(summary.faults).length > 0, "nothing went wrong: nothing was shown");
}

describe("a run under faults", function () {
  this.timeout(timeoutMs);
  this.slow(timeoutMs);

  for (const [members, pods] of [
    [1, 2],
    [3, 3],
  ] as const)
    it(`with ${members === 1 ? "one member" : "three members"} of etcd finds nothing wrong, and leaves nothing`, async () => {
      foundNothing(await run({ seed, seconds, members, pods }));
    });
});

/** As etcd said it, of each fault: in its last words. */
function diskMetIn({ faults, events }: History): string[][] {
  const startNs = events[0]?.atNs ?? 0;
  return faults.map(({ target, beginsMs, endsMs }) =>
    events.flatMap((event) => {
      const atMs = (event.atNs - startNs) / 1e6;
      const isOfIt = event.kind === "diskMet" && event.target === target;
      return isOfIt && beginsMs < atMs && atMs < endsMs ? [event.how] : [];
    }),
  );
}

describe("a run in which disks get full", function () {
  this.timeout(timeoutMs);
  this.slow(timeoutMs);

  before(async function () {
    try {
      await using _ = await SmallDisks.start(1);
    } catch (error) {
      if (!(error instanceof DisksMissing)) throw error;
      console.error(`\n  !! A disk that is full is NOT tested: ${error.message}\n`);
      this.skip();
    }
  });

  for (const [fault, members, pods] of [
    ["diskFull", 1, 2],
    ["leaderDiskFull", 3, 3],
  ] as const)
    it(`${members === 1 ? "that of the only member of etcd" : "those of its leaders"}, so that it ends by that, finds nothing wrong, and leaves nothing`, async () => {
      const ended = await run({
        ...{ seed, seconds: 8, members, pods, ofPods: [], ofEtcd: [fault] },
        lastsMs: { min: 1_000, max: 5_000 },
      });
      foundNothing(ended);
      for (const words of diskMetIn(ended.history)) {
        assert.ok(words.length > 0, "a disk got full, and etcd did not end by that");
        for (const how of words) assert.match(how, /no space left on device/);
      }
    });
});
