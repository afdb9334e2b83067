import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { viewResources } from "#sidecar/resources/view.ts";

function record(name: string, problem?: string) {
  const served = problem === undefined;
  return {
    kind: "DistributedLock",
    name,
    uid: "u",
    generation: 2,
    revision: "7",
    level: 1,
    served,
    problem,
    spec: {},
  };
}

describe("the view of resources", () => {
  it("tells for each whether it is served as it was last written, and why not", () => {
    const wrong = { file: "a.yaml", line: 3, reason: "is wrong" };
    const seen = viewResources({
      records: [record("fine"), record("edited"), record("other"), record("new", "needs level 9")],
      remembered: [],
      fileProblems: [
        { ...wrong, name: "edited" },
        { ...wrong, name: "never" },
        { file: "b.yaml", reason: "cannot be read" },
      ],
      differing: [{ kind: "DistributedLock", name: "other", reason: "differs" }],
    });
    const states = seen.resources.map(({ name, state, generation }) => [name, state, generation]);
    assert.deepEqual(states, [
      ["edited", "outdated", 2],
      ["fine", "served", 2],
      ["never", "refused", undefined],
      ["new", "refused", 2],
      ["other", "outdated", 2],
    ]);
    assert.deepEqual(seen.resources[0]?.problems, [wrong]);
    assert.deepEqual(seen.resources[3]?.problems, [{ reason: "needs level 9" }]);
    assert.deepEqual(seen.problems, [{ file: "b.yaml", reason: "cannot be read" }]);
  });
});
