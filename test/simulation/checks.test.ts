import assert from "node:assert/strict";
import { budget as budgetWithin, noticeMs } from "./checks/budget.ts";
import { exclusion, lockDelay } from "./checks/exclusion.ts";
import { fences } from "./checks/fences.ts";
import { guarded } from "./checks/guarded.ts";
import { localOrder } from "./checks/local-order.ts";
import { places } from "./checks/places.ts";
import { promises } from "./checks/promises.ts";
import { requests } from "./checks/requests.ts";
import { settling } from "./checks/settling.ts";
import { truth } from "./checks/truth.ts";
import {
  History,
  type Attempt,
  type Claim,
  type Granted,
  type GuardedWrite,
  type Violation,
} from "./history.ts";

const budget: Check = (history) => budgetWithin(history, noticeMs);

type Check = (history: History) => Violation[];

/** A history in which all is well: two grants of one lock, one after the other. */
const rightClaim: Claim = {
  atMs: 100,
  untilMs: 1_100,
  guaranteedForMs: 1_000,
  expiresInMs: 1_000,
  ttlMs: 1_000,
  heldMs: 0,
  deadlineInMs: 5_000,
  leaseEndsMs: 9_000,
  contenders: ["locks/a-1", "locks/b-1"],
};

const rightGrant: Granted = {
  id: "a-1-0",
  ...{ mode: "exclusive", permits: 1, sharing: { mode: "Mutex", permits: 1 } },
  lock: "orders/42",
  process: "pod-a.1",
  holder: "app",
  contender: "locks/a-1",
  handovers: 0,
  fence: 10n,
  attempt: 0,
  atMs: 100,
  atInstant: 5_100,
  step: 10,
  maxHoldMs: 2_000,
  othersSinceMs: undefined,
  handover: { maxCount: 2, maxHoldMs: 300 },
  claims: [],
};

const rightAttempt: Attempt = {
  id: 0,
  process: "pod-a.1",
  lock: "orders/42",
  waitMs: 1_000,
  arrivedMs: 50,
  arrivedStep: 5,
  arrivedRunMs: 50,
  settledMs: 100,
  settledStep: 10,
  settledRunMs: 100,
  outcome: "granted",
  grantId: "a-1-0",
};

interface Changes {
  readonly first?: Partial<Granted>;
  readonly firstClaim?: Partial<Claim>;
  readonly second?: Partial<Granted>;
  readonly secondClaim?: Partial<Claim>;
  readonly attempts?: readonly Partial<Attempt>[];
}

function historyOf(changes: Changes): History {
  const history = new History();
  const first = { ...rightGrant, claims: [{ ...rightClaim, ...changes.firstClaim }] };
  const later = { id: "b-1-0", process: "pod-b.1", contender: "locks/b-1", fence: 11n };
  const secondClaim = { ...rightClaim, atMs: 1_200, untilMs: 2_200, contenders: ["locks/b-1"] };
  history.add({ ...first, ...changes.first });
  history.add({
    ...rightGrant,
    ...later,
    attempt: 1,
    atMs: 1_200,
    step: 20,
    claims: [{ ...secondClaim, ...changes.secondClaim }],
    ...changes.second,
  });
  history.attempts.push(
    ...(changes.attempts ?? [{}]).map((change, id) => ({ ...rightAttempt, id, ...change })),
  );
  return history;
}

function finds(check: Check, changes: Changes, what: RegExp): void {
  const violations = check(historyOf(changes));
  assert.equal(violations.length, 1, `${String(violations.length)} violations instead of one`);
  assert.match(violations[0]?.what ?? "", what);
}

const checks: readonly Check[] = [
  budget,
  exclusion,
  lockDelay,
  fences,
  guarded,
  localOrder,
  places,
  promises,
  requests,
  settling,
  truth,
];

describe("the checks of a simulation", () => {
  it("find nothing in a history in which all is well", () => {
    for (const check of checks) assert.deepEqual(check(historyOf({})), []);
  });

  it("find nothing in an empty history", () => {
    for (const check of checks) assert.deepEqual(check(new History()), []);
  });
});

describe("the check of exclusion", () => {
  it("finds a grant within a guarantee that was stated for another", () => {
    finds(
      exclusion,
      { second: { atMs: 1_099 } },
      /b-1-0 .* granted at 1099\.000, exclusive, while a-1-0/,
    );
  });

  it("finds an answer that confirms a grant after the next was given", () => {
    finds(exclusion, { firstClaim: { atMs: 1_201, untilMs: 1_201 } }, /told at 1201\.000/);
  });

  it("lets go of what the client released", () => {
    const history = historyOf({ first: { releasedMs: 500 }, second: { atMs: 501 } });
    assert.deepEqual(exclusion(history), []);
  });

  it("finds a grant before the release", () => {
    finds(exclusion, { first: { releasedMs: 500 }, second: { atMs: 499 } }, /released at 500/);
  });

  it("finds a grant within the delay after a loss, and none after it, or after a release in time", () => {
    const lost = { lockDelayMs: 1_000 };
    finds(lockDelay, { first: lost, second: { atMs: 2_000 } }, /granted at 2000\.000/);
    assert.deepEqual(lockDelay(historyOf({ first: lost, second: { atMs: 2_100 } })), []);
    assert.deepEqual(lockDelay(historyOf({ first: { ...lost, releasedMs: 900 } })), []);
  });

  it("judges each lock by itself", () => {
    assert.deepEqual(exclusion(historyOf({ second: { atMs: 101, lock: "orders/43" } })), []);
  });
});

describe("the check of fences", () => {
  it("finds an equal fence", () => {
    finds(fences, { second: { fence: 10n } }, /fence 10, as a-1-0 has/);
  });

  it("finds a fence that went back, whoever was granted", () => {
    finds(fences, { second: { fence: 9n, process: "pod-a.1" } }, /fence 9, not above 10/);
  });
});

describe("the check of places", () => {
  it("finds a grant that is not in etcd", () => {
    finds(places, { firstClaim: { contenders: ["locks/b-1"] } }, /no place/);
  });

  it("finds a grant whose place is not the first", () => {
    finds(
      places,
      { firstClaim: { contenders: ["locks/0", "locks/a-1"] } },
      /locks\/0 stands before/,
    );
  });

  it("finds a guarantee beyond the lease", () => {
    finds(places, { firstClaim: { leaseEndsMs: 1_000 } }, /may end at 1000/);
  });

  it("finds a place whose lease is gone", () => {
    finds(places, { firstClaim: { leaseEndsMs: undefined } }, /lease is gone/);
  });
});

describe("the check of promises", () => {
  const bounds: readonly [string, Partial<Claim>][] = [
    ["the rest of its ttl", { expiresInMs: 990 }],
    ["its ttl", { ttlMs: 990 }],
    ["the rest of maxHold", { heldMs: 1_010 }],
    ["the session's deadline", { deadlineInMs: 990 }],
    ["the session's deadline", { deadlineInMs: undefined }],
  ];
  for (const [name, claim] of bounds)
    it(`finds a guarantee above ${name}: ${JSON.stringify(claim)}`, () => {
      finds(promises, { firstClaim: claim }, new RegExp(`above ${name}`));
    });
});

describe("the check of the order within a sidecar", () => {
  const first = { arrivedStep: 5 };
  const before = { arrivedStep: 4, settledStep: 30, outcome: "held", grantId: "" } as const;

  it("finds who came before and was left waiting", () => {
    finds(localOrder, { attempts: [first, before] }, /attempt 1, which came before it/);
  });

  it("passes over who left, or had his answer, by then", () => {
    const gone = { ...before, leftStep: 9 };
    const answered = { ...before, settledStep: 10 };
    assert.deepEqual(localOrder(historyOf({ attempts: [first, gone, answered] })), []);
  });

  it("lets a repeated request stand where it stood first", () => {
    const repeat = { arrivedStep: 8, requestId: "r" };
    const original = { ...before, arrivedStep: 3, settledStep: 9, requestId: "r" };
    assert.deepEqual(localOrder(historyOf({ attempts: [repeat, before, original] })), []);
  });

  it("does not let a repeat stand where its first try no longer stood", () => {
    const repeat = { arrivedStep: 8, requestId: "r" };
    const original = { ...before, arrivedStep: 3, settledStep: 6, requestId: "r" };
    finds(localOrder, { attempts: [repeat, before, original] }, /attempt 1/);
  });
});

describe("the check of answers", () => {
  it("finds an acquire without one", () => {
    const attempts = [{ settledRunMs: undefined as never, outcome: undefined as never }];
    finds(settling, { attempts }, /never answered/);
  });

  it("finds an acquire that was answered long after its wait", () => {
    finds(settling, { attempts: [{ settledRunMs: 20_000 }] }, /after 19950 ms/);
  });

  it("finds any other question without one, unless its sidecar died", () => {
    const history = historyOf({});
    const question = { what: "release of a-1-0", process: "pod-a.1", askedMs: 0, askedRunMs: 0 };
    history.questions.push(question, { ...question, died: true });
    assert.equal(settling(history).length, 1);
  });
});

describe("the check of repeated requests", () => {
  const attempts = [
    { requestId: "r", grantId: "a-1-0" },
    { requestId: "r", grantId: "b-1-0" },
  ];

  it("finds two grants for one request", () => {
    finds(requests, { attempts }, /granted a-1-0, and then b-1-0/);
  });

  it("takes a grant that nobody was told of as none", () => {
    assert.deepEqual(requests(historyOf({ attempts, first: { claims: [] } })), []);
  });
});

describe("the check of the hand-over budget", () => {
  const others = { handovers: 1, othersSinceMs: 100, atMs: 700 };

  it("finds a hand-over after the time for it", () => {
    const second = { ...others, contender: "locks/a-1", atMs: 900 };
    finds(budget, { first: { atMs: 150 }, second }, /after 400 ms, above 300/);
  });

  it("counts none of the time for which the place itself waited", () => {
    const second = { ...others, contender: "locks/a-1", atMs: 900 };
    assert.deepEqual(budget(historyOf({ first: { atMs: 700 }, second })), []);
  });

  it("finds one hand-over too many", () => {
    const history = historyOf({ first: others, second: { ...others, contender: "locks/a-1" } });
    assert.equal(budget(history).length, 0);
    history.add({ ...rightGrant, ...others, handovers: 3 });
    assert.match(budget(history)[0]?.what ?? "", /the 3\. time, above 2/);
  });

  it("leaves a place alone behind which nobody stands, or has just come", () => {
    const alone = { ...others, othersSinceMs: undefined };
    const justCome = { ...others, othersSinceMs: 600 };
    assert.deepEqual(budget(historyOf({ first: alone, second: justCome })), []);
  });
});

describe("the check of guarded writes", () => {
  /** Of the first grant, which was given in step 10; the next is given in step 20. */
  const written = { id: "a-1-0#0", grantId: "a-1-0", process: "pod-a.1", askedMs: 110 } as const;
  const judged = (
    steps: readonly number[],
    answer?: GuardedWrite["answer"],
    changes: Changes = {},
  ): string => {
    const history = historyOf(changes);
    const effects = steps.map((step) => ({ atMs: 10 * step, step }));
    const answered = answer === undefined ? {} : { answer };
    history.guarded.set(written.id, { ...written, ...answered, effects });
    return guarded(history)
      .map(({ what }) => what)
      .join();
  };

  it("finds one that takes effect after the next grant", () => {
    assert.match(judged([21], "unknown"), /took effect after b-1-0 \(pod-b\.1\) was granted/);
    assert.equal(judged([19], "done"), "");
  });

  it("finds one that takes effect after its client was told that it is released", () => {
    const first = { freedStep: 15 };
    assert.match(judged([16], undefined, { first }), /after a-1-0 was told as released/);
    assert.equal(judged([14], undefined, { first }), "");
  });

  it("finds one that takes effect though it was told that nothing was written", () => {
    assert.match(judged([11], "lost"), /was told as lost, and took effect/);
    assert.match(judged([11], "refused"), /was told as refused, and took effect/);
  });

  it("finds one that took effect twice, or not at all though it was told as done", () => {
    assert.match(judged([11, 12], "done"), /took effect 2 times/);
    assert.match(judged([], "done"), /was told as done, and is not/);
  });

  it("lets readers write beside each other, and not beside a writer", () => {
    const sharing = { mode: "ReadWrite", permits: 1 } as const;
    const shared = { mode: "shared", sharing } as const;
    assert.equal(judged([21], "done", { first: shared, second: shared }), "");
    assert.match(judged([21], "done", { first: shared, second: { sharing } }), /was granted/);
    assert.match(judged([21], "done", { first: { sharing }, second: shared }), /was granted/);
  });
});

describe("the check of the truth of refusals", () => {
  const refused = { outcome: "refused", code: "session_lost", session: "a" } as const;
  const place = { key: "locks/a-9", lock: "orders/42", session: "a", madeMs: 60 };
  const historyWith = (attempts: readonly Partial<Attempt>[], madeMs: number): History => {
    const history = historyOf({ attempts });
    history.places.push({ ...place, madeMs });
    return history;
  };

  it("finds a place that stands though nothing was done, and one that is made later", () => {
    assert.match(truth(historyWith([refused], 60))[0]?.what ?? "", /locks\/a-9 stands/);
    assert.equal(truth(historyWith([refused], 5_000)).length, 1);
  });

  it("passes over a place that somebody else wanted, or that another session left behind", () => {
    assert.deepEqual(truth(historyWith([refused, { arrivedMs: 55 }], 60)), []);
    assert.deepEqual(truth(historyWith([{ ...refused, session: "other" }], 60)), []);
  });
});
