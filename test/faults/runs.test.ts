/** Short runs, as many seconds as show most faults once; `make faults` goes on for longer. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { setting } from "#test/support/setting.ts";
import { told } from "./report/lines.ts";
import { run } from "./run.ts";

const seconds = 18;
const seed = setting("SEED", "1");
/** What is told after a run takes its time on a busy machine. */
const timeoutMs = 240_000;

describe("a run under faults", function () {
  this.timeout(timeoutMs);
  this.slow(timeoutMs);

  for (const [members, pods] of [
    [1, 2],
    [3, 3],
  ] as const)
    it(`with ${members === 1 ? "one member" : "three members"} of etcd finds nothing wrong, and leaves nothing`, async () => {
      const { history, violations, summary, folder } = await run({ seed, seconds, members, pods });
      console.log(`      ${JSON.stringify(summary)}`);
      assert.deepEqual(violations, [], `${told(history, violations)}\n${folder}/report.html`);
      assert.ok(summary.grants > 0, "nobody was granted anything: nothing was shown");
      assert.ok(Object.keys(summary.faults).length > 0, "nothing went wrong: nothing was shown");
    });
});
