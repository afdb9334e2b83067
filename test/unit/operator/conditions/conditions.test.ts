import assert from "node:assert/strict";
import type { Epoch } from "#core/runtime.ts";
import type { SidecarReport } from "#core/spec/report.ts";
import { revision } from "#core/store.ts";
import { accepted } from "#operator/conditions/accepted.ts";
import { backendReachable, type BackendView } from "#operator/conditions/backend-reachable.ts";
import { readConditions, transition, type Condition } from "#operator/conditions/condition.ts";
import { coverageOf, named, nobody } from "#operator/conditions/coverage.ts";
import { lagging, lagMsMax } from "#operator/conditions/lagging.ts";
import { programmed, type ProgrammedInputs } from "#operator/conditions/programmed.ts";
import { ready } from "#operator/conditions/ready.ts";
import { stalled } from "#operator/conditions/stalled.ts";
import { usageOf } from "#operator/controllers/published/usage.ts";
import { parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";

function report(pod: string, applied: number, more: Partial<SidecarReport> = {}): SidecarReport {
  return {
    ...{ session: `s-${pod}`, version: "1", level: 1, pod, applied: revision(applied) },
    ...{ resources: [], leftOut: 0, ...more },
  };
}

const record = { modRevision: revision(10), level: 1 };
const well: ProgrammedInputs = {
  ...{ accepted: true, backend: { kind: "reachable" }, oldGrants: false },
  ...{ record: { same: true, generation: 2 }, coverage: nobody },
};

function acceptedOf(
  spec: object,
  backend: BackendView = { kind: "reachable" },
): Condition<"Accepted"> {
  const read = parseDistributedLockSpec({ mode: "Mutex", ...spec }, "spec");
  return accepted(read.ok ? [] : read.problems, backend);
}

describe("the condition Accepted", () => {
  it("is true of what is served", () => {
    assert.equal(acceptedOf({}).reason, "Valid");
  });

  it("names what is not built yet, and a Backend, each by its own reason", () => {
    const later = { field: "spec.later", reason: "is not built", fix: "leave it out" };
    const unbuilt = accepted([{ code: "not_supported", ...later }], { kind: "reachable" });
    assert.deepEqual([unbuilt.status, unbuilt.reason], ["False", "NotSupportedYet"]);
    assert.match(unbuilt.message, /^spec\.later: /);
    const backend = acceptedOf({ backendRef: { name: "other" } });
    assert.equal(backend.reason, "BackendNotSupported");
    assert.match(backend.message, /spec\.backendRef/);
  });

  it("is false where there is no Backend, or one that is not accepted, and says why", () => {
    const missing = acceptedOf({}, { kind: "notFound", message: "There is no Backend." });
    assert.deepEqual([missing.status, missing.reason], ["False", "BackendNotFound"]);
    assert.equal(missing.message, "There is no Backend.");
    const refused = acceptedOf({}, { kind: "notAccepted", message: "spec.managed: not yet" });
    assert.deepEqual([refused.status, refused.reason], ["False", "BackendNotAccepted"]);
    assert.match(refused.message, /spec\.managed: not yet$/);
  });

  it("is true where an etcd does not answer, or its Secret is missing: that is said elsewhere", () => {
    assert.equal(acceptedOf({}, { kind: "unreachable", problem: "refused" }).status, "True");
    const unusable = { kind: "unusable", message: "The Secret 'admin' is not there." } as const;
    assert.equal(acceptedOf({}, unusable).status, "True");
    assert.deepEqual(
      [backendReachable(unusable).status, backendReachable(unusable).reason],
      ["False", "Unreachable"],
    );
    assert.match(backendReachable(unusable).message, /'admin'/);
  });

  it("tells of what can never be served before what may come", () => {
    const both = acceptedOf({ backendRef: { name: "other" }, ttl: "never" });
    assert.equal(both.reason, "Invalid");
  });
});

describe("the condition Programmed", () => {
  it("counts the sidecars, and names those that are behind and those that are too old", () => {
    const reports = [report("b", 10), report("a", 9), report("c", 99, { level: 0 })];
    const coverage = coverageOf(reports, record);
    const { status, message } = programmed({ ...well, coverage });
    assert.equal(status, "True");
    assert.equal(
      message,
      "applied by 1 of 3 sidecars; not yet by a; too old for it, to be restarted: c",
    );
  });

  it("is unknown only before etcd was read", () => {
    assert.equal(programmed({ ...well, record: "unknown" }).status, "Unknown");
    assert.equal(programmed({ ...well, record: undefined }).status, "False");
  });

  it("says what stays in force while the spec is not accepted", () => {
    const old = { same: false, generation: 2 };
    const { reason, message } = programmed({ ...well, accepted: false, record: old });
    assert.equal(reason, "NotAccepted");
    assert.match(message, /generation 2 stays in force/);
  });
});

describe("the condition Ready", () => {
  const judge = (inputs: ProgrammedInputs): Condition<"Ready"> =>
    ready({
      accepted: acceptedOf({}),
      backendReachable: backendReachable(inputs.backend),
      programmed: programmed(inputs),
    });

  it("is true without any sidecar, and with laggards", () => {
    assert.equal(judge(well).status, "True");
    const behind = coverageOf([report("a", 1)], record);
    assert.equal(judge({ ...well, coverage: behind }).status, "True");
  });

  it("is false, with the reason, where one of the three is", () => {
    const backend = { kind: "unreachable", problem: "refused" } as const;
    const { status, reason, message } = judge({ ...well, backend });
    assert.deepEqual([status, reason], ["False", "BackendNotReachable"]);
    assert.match(message, /refused/);
  });

  it("is unknown where one of them is", () => {
    assert.equal(judge({ ...well, backend: { kind: "connecting" } }).status, "Unknown");
  });
});

describe("the conditions that stand only while they are true", () => {
  it("Lagging: for what is older than a minute", () => {
    const behind = coverageOf([report("a", 1)], record);
    assert.equal(lagging(behind, lagMsMax - 1), undefined);
    assert.equal(lagging(behind, lagMsMax)?.reason, "SidecarsBehind");
    const old = coverageOf([report("a", 99, { level: 0 })], record);
    assert.equal(lagging(old, lagMsMax)?.reason, "SidecarsTooOld");
    assert.equal(lagging(coverageOf([report("a", 10)], record), lagMsMax), undefined);
  });

  it("Stalled: for refusals that do not pass by themselves", () => {
    assert.equal(stalled(undefined), undefined);
    assert.equal(stalled({ code: "overloaded", message: "busy" }), undefined);
    assert.equal(stalled({ code: "noSpace", message: "full" })?.reason, "BackendFull");
    assert.equal(stalled({ code: "permissionDenied", message: "no" })?.reason, "BackendRefuses");
  });
});

describe("conditions that are written", () => {
  const now: Condition[] = [
    { type: "Ready", status: "True", reason: "Usable", message: "it can be used" },
  ];
  const write = (before: readonly Condition[], wallNow: number) =>
    transition(transition([], before, { generation: 1, wallNow: 0 as Epoch }), now, {
      generation: 2,
      wallNow: wallNow as Epoch,
    });

  it("keep their time while their status stays, whatever else changes", () => {
    const [same] = write([{ ...now[0]!, reason: "Usable", message: "other words" }], 60_000);
    assert.equal(same?.lastTransitionTime, "1970-01-01T00:00:00Z");
    assert.equal(same.observedGeneration, 2);
    const [changed] = write([{ ...now[0]!, status: "False", reason: "NotProgrammed" }], 60_000);
    assert.equal(changed?.lastTransitionTime, "1970-01-01T00:01:00Z");
  });

  it("are read back as they were written, and anything else as nothing", () => {
    const written = write([], 1_000);
    assert.deepEqual(readConditions(JSON.parse(JSON.stringify(written))), written);
    for (const strange of [undefined, "x", [1, null, {}, { type: "Ready" }]])
      assert.deepEqual(readConditions(strange), []);
  });
});

describe("names of pods in a message", () => {
  it("are five, and a count of the others", () => {
    assert.equal(named(["a", "b"]), "a, b");
    assert.equal(named(["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
  });
});

describe("the usage of a resource", () => {
  it("is the sum of what sidecars say of it, and the oldest wait of all", () => {
    const of = (name: string, held: number, since?: number) => ({
      ...{ kind: "DistributedLock", name, revision: revision(1), held, waiting: 1 },
      ...(since === undefined ? {} : { oldestWaitSince: since as Epoch }),
    });
    const reports = [
      report("a", 1, { resources: [of("orders", 2, 9_000), of("other", 5)] }),
      report("b", 1, { resources: [of("orders", 1, 4_999)] }),
    ];
    assert.deepEqual(usageOf(reports, { kind: "DistributedLock", name: "orders" }), {
      ...{ held: 3, waiting: 2, oldestWaitSince: "1970-01-01T00:00:04Z" },
    });
    assert.equal(usageOf([], { kind: "DistributedLock", name: "x" }).oldestWaitSince, undefined);
  });
});
