import assert from "node:assert/strict";
import fc from "fast-check";
import { describeProblem } from "#api/fields/read.ts";
import { distributedLock, parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { forbiddenChanges } from "#api/resources/kind.ts";

const defaults = {
  mode: "Mutex",
  permits: 1,
  ttl: "30s",
  maxTtl: "1h",
  lockDelay: "0s",
  stickyFor: "0s",
  handover: { maxCount: 16, maxHold: "1s" },
  onLoss: "Notify",
  onDeadlock: "Report",
  limits: {
    names: 10_000,
    waitersPerLock: 1_000,
    wait: "10m",
    metadataBytes: 1_024,
    grantsPerPod: 10_000,
  },
  admin: "Annotated",
};

function told(spec: unknown): string[] {
  const read = parseDistributedLockSpec(spec, "spec");
  return read.ok ? [] : read.problems.map(describeProblem);
}

describe("a DistributedLock's spec", () => {
  it("has the documented defaults, and no maxHold", () => {
    assert.deepEqual(parseDistributedLockSpec({ mode: "Mutex" }, "spec"), {
      ok: true,
      spec: defaults,
    });
  });

  it("keeps what is written, and fills in what is not, also inside", () => {
    const written = {
      mode: "Mutex",
      maxHold: "8h",
      handover: { maxCount: 3 },
      limits: { names: 7 },
    };
    assert.deepEqual(parseDistributedLockSpec(written, "spec"), {
      ok: true,
      spec: {
        ...defaults,
        maxHold: "8h",
        handover: { maxCount: 3, maxHold: "1s" },
        limits: { ...defaults.limits, names: 7 },
      },
    });
  });

  it("is itself when it is read again", () => {
    assert.deepEqual(parseDistributedLockSpec(defaults, "spec"), { ok: true, spec: defaults });
  });

  const refusals: readonly (readonly [object, string])[] = [
    [{}, "spec.mode: is missing; write it"],
    [
      { mode: "mutex" },
      "spec.mode: 'mutex' is not known here; use one of 'Mutex', 'ReadWrite', 'Semaphore'",
    ],
    [
      { mode: "Mutex", permits: 2 },
      "spec.permits: only a Semaphore has more than one permit; leave it out, or use mode 'Semaphore'",
    ],
    [
      { mode: "Mutex", onLoss: "Restart" },
      "spec.onLoss: 'Restart' is not known here; use one of 'Notify', 'Unready'",
    ],
    [
      { mode: "Mutex", backendRef: { name: "x" } },
      "spec.backendRef: this field is not supported yet by this version; leave it out",
    ],
    [
      { mode: "Mutex", admin: "Me" },
      "spec.admin: 'Me' is not known here; use one of 'Anyone', 'Annotated', 'Nobody'",
    ],
    [
      { mode: "Mutex", ttl: "2h" },
      "spec.ttl: is longer than maxTtl; use a shorter ttl, or a longer maxTtl",
    ],
    [
      { mode: "Mutex", ttl: 30 },
      "spec.ttl: the number 30 is not a duration; write it as in 500ms, 30s or 1h30m",
    ],
    [
      { mode: "Mutex", maxHold: "0s" },
      "spec.maxHold: '0s' is below the least; use a duration from 1s to 8760h",
    ],
    [
      { mode: "Mutex", limits: { nams: 1 } },
      "spec.limits.nams: there is no such field; did you mean 'names'?",
    ],
    [
      { mode: "Mutex", limits: { names: 0 } },
      "spec.limits.names: 0 is below the least; use a whole number from 1 to 1000000",
    ],
    [
      { mode: "Mutex", stikyFor: "1s" },
      "spec.stikyFor: there is no such field; did you mean 'stickyFor'?",
    ],
    [
      { mode: "Mutex", handover: 4 },
      "spec.handover: the number 4 is not an object; write its fields: maxCount, maxHold",
    ],
  ];
  for (const [spec, words] of refusals) {
    it(`refuses ${JSON.stringify(spec)} by name`, () => {
      assert.deepEqual(told(spec), [words]);
    });
  }

  it("may have more than one permit as a Semaphore only", () => {
    const read = parseDistributedLockSpec({ mode: "Mutex" }, "spec");
    assert.ok(read.ok);
    const rule = distributedLock.rules.find(({ field }) => field === "permits");
    assert.equal(rule?.holds({ ...read.spec, permits: 2 }), false);
    assert.equal(rule.holds({ ...read.spec, permits: 2, mode: "Semaphore" }), true);
    assert.equal(rule.holds(read.spec), true);
  });

  it("is refused with all that is wrong in it", () => {
    const wrong = { mode: "Both", ttl: "x", limits: { names: -1 }, unheardOf: 1 };
    assert.deepEqual(
      told(wrong).map((words) => words.split(":")[0]),
      [...["spec.unheardOf", "spec.mode", "spec.ttl", "spec.limits.names"]],
    );
  });

  it("is read or refused, whatever it is: nothing is thrown", () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        const read = parseDistributedLockSpec(anything, "spec");
        assert.ok(read.ok ? read.spec.permits >= 1 : read.problems.length > 0);
      }),
    );
  });

  it("names a field of its own path in every refusal", () => {
    const names = Object.keys(distributedLock.spec.fields);
    const entry = fc.tuple(fc.constantFrom(...names), fc.anything());
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const spec = { mode: "Mutex", ...Object.fromEntries(entries) };
        const read = parseDistributedLockSpec(spec, "spec");
        for (const problem of read.ok ? [] : read.problems) {
          assert.match(problem.field, /^spec\./);
          assert.ok(problem.reason !== "" && problem.fix !== "");
          assert.ok(describeProblem(problem).length < 1_000);
        }
      }),
    );
  });

  it("may change in all but its mode", () => {
    const { spec } = distributedLock;
    const tuned = { ...defaults, ttl: "1m", permits: 3 };
    assert.deepEqual(forbiddenChanges(spec, { before: defaults, after: tuned }, "spec"), []);
    const other = { ...defaults, mode: "ReadWrite" };
    assert.deepEqual(
      forbiddenChanges(spec, { before: defaults, after: other }, "spec").map(describeProblem),
      [
        "spec.mode: is fixed once made and was 'Mutex', not 'ReadWrite'; put it back, or delete the resource and make it anew",
      ],
    );
  });
});
