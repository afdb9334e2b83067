/** Sidecars with a bug of memory/ planted are found out by a run with real processes, by the rule that the bug breaks. */
import assert from "node:assert/strict";
import { describe } from "mocha";
import { together } from "#test/support/together.ts";
import type { RealRun } from "./bug.ts";
import { readBugs } from "./bugs.ts";
import { run } from "./run.ts";

const bugs = await readBugs();

/** Far beyond what it takes: each run ends when its bug is found. */
const secondsMax = 150;

async function isFound(planted: string, { rule, works, faults, lastsMs }: RealRun) {
  const { violations, summary } = await run({
    ...{ seed: "planted", members: 1, pods: 2, seconds: secondsMax, works, planted },
    untilBroken: rule,
    ...{ ofPods: faults, ofEtcd: [], lastsMs: { min: lastsMs, max: lastsMs } },
  });
  assert.ok(
    violations.some((violation) => violation.rule === rule),
    `nothing against the rule '${rule}' was found: ${JSON.stringify(summary)}`,
  );
}

describe("a run under faults with a planted bug", function () {
  this.timeout(240_000);
  this.slow(240_000);

  together(
    Object.fromEntries(
      bugs.flatMap(({ name, file, bug: { inRun } }) =>
        inRun === undefined ? [] : [[`finds ${name}`, () => isFound(file, inRun)]],
      ),
    ),
  );
});
