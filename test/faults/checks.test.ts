/** The checkers find nothing in a history in which all is well, and what is wrong in one that is. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Said } from "./history/event.ts";
import { checks } from "./checks/checks.ts";
import { Tale } from "./tale.ts";

/** Two after one another, both given back. */
function turns(): Tale {
  return new Tale()
    .asks(1, "a")
    .granted(2, "a", { until: 5 })
    .asks(2.1, "b", { pod: "pod-b" })
    .stated(3, "a", { sent: 2.9, until: 6 })
    .released(4, "a")
    .granted(4.2, "b", { until: 7, sent: 2.1 })
    .released(5, "b");
}

const shared = { lock: "pages/1", mode: "shared" } as const;
const writes = { lock: "pages/1" } as const;
const three = { lock: "slots/1" } as const;

describe("the checks of a run under faults", () => {
  it("find nothing where all is well", () => {
    turns().isWell();
    new Tale().isWell();
  });

  it("know of each rule that a history is judged by a tale that breaks it", () => {
    const rules = ["exclusion", "fences", "together", "told", "order", "free", "views", "served"];
    assert.deepEqual(Object.keys(checks), [...rules, "leftovers", "wrong"]);
  });
});

describe("exclusion", () => {
  const second = (at: number): Tale =>
    new Tale()
      .asks(1, "a")
      .granted(2, "a", { until: 5 })
      .asks(2, "b")
      .granted(at, "b", { until: 9 });

  it("finds a grant within the last guarantee that was stated for another", () => {
    second(4.9).finds("exclusion", /b \(.*granted at 3\.9000 s while a .* until 4\.0000 s/);
  });

  it("lets the next in when the guarantee has run out", () => {
    second(5.1).released(6, "b").isWell();
  });

  it("counts what was stated later", () => {
    second(5.1)
      .stated(4, "a", { sent: 3.9, until: 6 })
      .finds("exclusion", /until 5\.0000 s/);
  });

  it("counts no guarantee beyond the moment in which its holder begins to release", () => {
    second(4.2).released(4, "a").released(5, "b").isWell();
  });

  it("finds a grant before the release", () => {
    second(3.9)
      .released(4, "a")
      .finds("exclusion", /until 3\.0000 s/);
  });

  it("judges nobody by an answer that lay unread until its guarantee was over", () => {
    new Tale()
      .asks(1, "a")
      .asks(1, "b")
      .granted(4, "b", { until: 9, fence: 12 })
      .granted(5, "a", { until: 3, fence: 11, sent: 1 })
      .released(6, "a")
      .released(6, "b")
      .isWell();
  });

  it("ends what a later life gives back by the holder's name", () => {
    second(4.2)
      .at(4, { kind: "releasingHolder", holder: "a", pod: "pod-a" })
      .released(5, "b")
      .isWell();
    second(4.2)
      .at(4, { kind: "releasingHolder", holder: "a", pod: "pod-b" })
      .finds("exclusion", /a/);
  });

  it("ends what lived by a connection of an app that is killed", () => {
    const killed = (hold: "ttl" | "connection"): Tale =>
      new Tale()
        .asks(1, "a", { hold })
        .granted(2, "a", { until: 5 })
        .at(3, { kind: "killing", life: "pod-a/1" }, "conductor")
        .asks(2, "b", { pod: "pod-b" })
        .granted(3.5, "b", { until: 9 })
        .released(6, "b");
    killed("connection").isWell();
    killed("ttl").finds("exclusion", /b .* while a/);
  });

  it("lets those that share be side by side, and nobody beside one that does not", () => {
    const readers = (): Tale =>
      new Tale()
        .asks(1, "r", shared)
        .asks(1, "s", shared)
        .granted(2, "r", { until: 6 })
        .granted(2.5, "s", { until: 6 });
    readers().released(3, "r").released(3, "s").isWell();
    readers()
      .asks(1, "w", writes)
      .granted(5, "w", { until: 8 })
      .finds("exclusion", /w .* while r .*; s /);
    new Tale()
      .asks(1, "w", writes)
      .granted(2, "w", { until: 6 })
      .asks(1, "r", shared)
      .granted(3, "r", { until: 8 })
      .finds("exclusion", /r .*shared.* while w/);
  });

  it("counts permits, as many as each has", () => {
    const two = (): Tale =>
      new Tale()
        .asks(1, "a", { ...three, permits: 2 })
        .granted(2, "a", { until: 6 })
        .asks(1, "b", three)
        .granted(2.5, "b", { until: 6 });
    two().released(3, "a").released(3, "b").isWell();
    two()
      .asks(1, "c", three)
      .granted(5, "c", { until: 8 })
      .finds("exclusion", /c .*1 of 3.* while a .*2 of 3/);
  });
});

describe("fences", () => {
  it("finds one that is below that of the grant before", () => {
    new Tale()
      .asks(1, "a")
      .asks(1, "b")
      .granted(2, "a", { until: 5, fence: 20 })
      .released(3, "a")
      .granted(3.5, "b", { until: 6, fence: 19 })
      .finds("fences", /b, .*has fence 19, below that of a, 20/);
  });

  it("finds one that is the same, also among permits", () => {
    new Tale()
      .asks(1, "a", three)
      .asks(1, "b", three)
      .granted(2, "a", { until: 5, fence: 20 })
      .granted(3, "b", { until: 6, fence: 20 })
      .finds("fences", /20, as that of a/);
  });

  it("finds one below that of a grant that was heard of before it was asked for, though nobody relied on that", () => {
    new Tale()
      .asks(1, "a")
      .granted(3, "a", { until: 2, fence: 20, sent: 1 })
      .asks(4, "b")
      .granted(5, "b", { until: 8, fence: 19 })
      .finds("fences", /below that of a/);
  });

  it("lets those that share have theirs in any order, above the exclusive ones before them", () => {
    const readers = (lowest: number): Tale =>
      new Tale()
        .asks(1, "w", writes)
        .granted(1.5, "w", { until: 4, fence: 10 })
        .released(1.6, "w")
        .asks(1, "r", shared)
        .asks(1, "s", shared)
        .granted(2, "r", { until: 6, fence: 30 })
        .granted(2.5, "s", { until: 6, fence: lowest })
        .released(3, "r")
        .released(3, "s");
    readers(20).isWell();
    readers(20)
      .asks(3.5, "x", writes)
      .granted(4, "x", { until: 8, fence: 25 })
      .finds("fences", /x, .*below that of r/);
    readers(9).finds("fences", /s, .*below that of w/);
  });
});

describe("together", () => {
  const asked = (): Tale =>
    new Tale()
      .asks(1, "a.1", { set: "a", lock: "orders/1" })
      .asks(1, "a.2", { set: "a", lock: "pages/1" });
  const grantId = "session-a";

  it("finds nothing where all are granted by one grant, or none", () => {
    asked()
      .granted(2, "a.1", { until: 5, fence: 7, grantId })
      .granted(2, "a.2", { until: 5, fence: 7, grantId })
      .isWell();
    asked().at(2, { kind: "held", op: "a.1" }).at(2, { kind: "held", op: "a.2" }).isWell();
  });

  it("finds one that is granted without the other, or by another grant", () => {
    asked()
      .granted(2, "a.1", { until: 5, fence: 7, grantId })
      .finds("together", /a asked for orders\/1, pages\/1 together, .* orders\/1 by session-a/);
    asked()
      .granted(2, "a.1", { until: 5, fence: 7, grantId })
      .granted(2, "a.2", { until: 5, fence: 8, grantId })
      .finds("together", /fence 7; pages\/1 by session-a, fence 8/);
  });
});

describe("told", () => {
  it("finds a stream that had not told of the loss when the next was granted", () => {
    const next = (): Tale =>
      new Tale()
        .asks(1, "a", { hold: "connection" })
        .granted(2, "a", { until: 3 })
        .asks(2, "b")
        .granted(3.5, "b", { until: 6 })
        .released(5, "b");
    const untold = (sent: number) => ({ kind: "untold", op: "a", sentNs: sent * 1e9 }) as const;
    next()
      .at(4, untold(3.8))
      .finds("told", /a had not been told .* at 2\.8000 s, after b was granted at 2\.5000 s/);
    next().at(3.6, untold(3.4)).isWell();
  });

  it("finds a holder that is told that he holds after the next was granted", () => {
    new Tale()
      .asks(1, "a")
      .granted(2, "a", { until: 3 })
      .asks(2, "b")
      .granted(3.5, "b", { until: 6 })
      .stated(4, "a", { sent: 3.9, until: 3.9 })
      .finds("told", /a asked at 2\.9000 s .* after b was granted at 2\.5000 s/);
  });

  it("finds nothing where he asked before, or had given it back", () => {
    const next = (): Tale =>
      new Tale()
        .asks(1, "a")
        .granted(2, "a", { until: 3 })
        .asks(2, "b")
        .granted(3.5, "b", { until: 6 })
        .released(5, "b");
    next().stated(3.7, "a", { sent: 2.9, until: 3.2 }).isWell();
    next().released(3.2, "a").isWell();
    next().released(3.2, "a").stated(4, "a", { sent: 3.9, until: 3.9 }).isWell();
  });
});

describe("order", () => {
  const waiter = (holder: string, pod: string) =>
    ({ holder, pod, mode: "exclusive", permits: 1 }) as const;
  const seen = (
    holders: ReturnType<typeof waiter>[],
    waiters: ReturnType<typeof waiter>[],
  ): Said => ({
    ...{ kind: "seen", lock: "orders/1", pod: "pod-c", sentNs: 2.4e9, holders, waiters },
  });
  /** `a` of pod-a stands before `b` of pod-b, and `b` has it first. */
  const passedOver = (grantId = "s1-9"): Tale =>
    new Tale()
      .asks(0.1, "x")
      .granted(0.2, "x", { until: 1, grantId: "s1-1" })
      .released(0.5, "x")
      .asks(1, "a")
      .asks(2, "b", { pod: "pod-b" })
      .granted(3, "b", { until: 5, sent: 2 })
      .released(4, "b")
      .granted(4.5, "a", { until: 8, grantId, sent: 1 })
      .released(5, "a");

  it("finds one who was shown before another and granted after him", () => {
    passedOver()
      .at(2.5, seen([], [waiter("a", "pod-a"), waiter("b", "pod-b")]))
      .finds("order", /a was shown before b by pod-c .* granted after it/);
  });

  it("judges nobody who stood without a place of his own", () => {
    const [a, b] = [waiter("a", "pod-a"), waiter("b", "pod-b")];
    passedOver()
      .at(2.5, seen([waiter("x", "pod-a")], [a, b]))
      .isWell();
    passedOver()
      .at(2.5, seen([], [waiter("x", "pod-a"), a, b]))
      .isWell();
    passedOver()
      .at(2.5, { ...seen([], [a, b]), pod: "pod-a" } as Said)
      .isWell();
  });

  it("judges nobody who may have had to queue anew: by another session, or by asking again", () => {
    const shown = seen([], [waiter("a", "pod-a"), waiter("b", "pod-b")]);
    passedOver("s2-1").at(2.5, shown).isWell();
    passedOver().at(1.5, { kind: "askedAgain", op: "a" }).at(2.5, shown).isWell();
  });
});

describe("free", () => {
  const tried = (): Tale =>
    new Tale()
      .asks(1, "a")
      .granted(1.2, "a", { until: 5 })
      .asks(2, "b", { waitMs: 0 })
      .at(2.5, { kind: "held", op: "b" });

  it("finds one who is told that a lock is held which everybody had given back", () => {
    tried()
      .released(1.5, "a")
      .finds("free", /b asked at 1\.0000 s and was told that it is held/);
  });

  it("finds nothing where somebody may have had it: not yet released, not yet known, or not yet given up", () => {
    tried().released(2.1, "a").isWell();
    tried()
      .at(1.5, { kind: "releasing", op: "a" })
      .at(1.6, { kind: "releaseFailed", op: "a", why: "no answer" })
      .isWell();
    tried()
      .released(1.5, "a")
      .asks(0.5, "u")
      .at(1, { kind: "unknown", op: "u", why: "504" })
      .isWell();
    tried().released(1.5, "a").asks(0.5, "w").at(1.3, { kind: "held", op: "w" }).isWell();
  });

  it("lets who tried meet the place of its own pod's former session, where a fault may have ended that", () => {
    const tries = (holderPod: string) =>
      new Tale().asks(2, "b", { waitMs: 0 }).at(2.5, { kind: "held", op: "b", holderPod });
    const fault = { kind: "fault", id: 1, name: "clockJumped", target: "pod-a" } as const;
    const struck = (holderPod: string) =>
      tries(holderPod)
        .at(1, { ...fault, phase: "begins" })
        .at(2.2, { ...fault, phase: "ends" });
    struck("pod-a").isWell();
    struck("pod-b").finds("free", /b asked/);
    tries("pod-a").finds("free", /b asked/);
  });
});

describe("free, of several locks", () => {
  /** A set is tried while somebody holds the second of its locks, then the first by itself. */
  const tried = (): Tale =>
    new Tale()
      .asks(1, "a", { lock: "pages/1" })
      .granted(1.2, "a", { until: 9 })
      .asks(2, "s.1", { set: "s", lock: "orders/1", waitMs: 0 })
      .asks(2, "s.2", { set: "s", lock: "pages/1", waitMs: 0 })
      .at(2.5, { kind: "held", op: "s.1" })
      .at(2.5, { kind: "held", op: "s.2" });

  it("lets a set be refused where one of them may be held", () => {
    tried().released(3, "a").isWell();
    tried()
      .released(1.5, "a")
      .finds("free", /orders\/1, pages\/1: s asked at 1\.0000 s and was told that it is held/);
  });

  it("finds one that a refused set has kept", () => {
    tried()
      .asks(3, "b", { waitMs: 0 })
      .at(3.1, { kind: "held", op: "b" })
      .released(4, "a")
      .finds("free", /orders\/1: b asked at 2\.0000 s/);
  });

  it("gives a pod that keeps what it does not use the time to give it up", () => {
    new Tale()
      .asks(1, "a", { lock: "kept/1", waitMs: 0 })
      .at(2, { kind: "held", op: "a" })
      .isWell();
  });
});

describe("views", () => {
  const shown = (holders: (Said & { kind: "seen" })["holders"], lock: string): Tale =>
    new Tale().at(1, { kind: "seen", lock, pod: "pod-a", sentNs: 9e8, holders, waiters: [] });
  const one = { holder: "a", pod: "pod-a", mode: "exclusive", permits: 1 } as const;
  const other = { ...one, holder: "b" };

  it("finds two holders that exclude each other", () => {
    shown([one, other], "orders/1").finds("views", /a and b/);
    shown([one, { ...other, mode: "shared" }], "pages/1").finds("views", /a and b/);
    shown([one, { ...other, permits: 3 }], "slots/1").finds("views", /a and b/);
  });

  it("finds nothing where they may be side by side", () => {
    const readers = [one, other].map((each) => ({ ...each, mode: "shared" as const }));
    shown(readers, "pages/1").isWell();
    shown([one, { ...other, permits: 2 }], "slots/1").isWell();
    shown([one], "orders/1").isWell();
  });
});

describe("served", () => {
  it("finds one who was never answered, unless his app was killed", () => {
    turns()
      .asks(4.5, "c")
      .finds("served", /c \(pod-a\/1\) .* never answered/);
    turns().asks(4.5, "c").at(4.6, { kind: "killing", life: "pod-a/1" }, "conductor").isWell();
  });

  const inVain = (others = ["x", "y", "z"]): Tale =>
    others.reduce(
      (tale, other) =>
        tale
          .asks(24, other, { lock: "orders/2" })
          .granted(25, other, { until: 28 })
          .released(25, other),
      turns().asks(20, "c").at(30, { kind: "held", op: "c" }),
    );

  it("finds one who waited in vain for a lock that nobody had", () => {
    inVain().finds("served", /c waited from 19\.0000 s to 29\.0000 s in vain/);
  });

  it("finds nothing where somebody had it, may have had it, or where a fault was near", () => {
    inVain().asks(23, "d").granted(24, "d", { until: 40 }).released(31, "d").isWell();
    inVain(["x", "y"]).isWell();
    inVain().asks(7, "u").at(8, { kind: "unknown", op: "u", why: "504" }).isWell();
    const fault = { kind: "fault", id: 1, name: "cut", target: "pod-a" } as const;
    inVain()
      .at(15, { ...fault, phase: "begins" }, "conductor")
      .at(18, { ...fault, phase: "ends" }, "conductor")
      .isWell();
  });

  it("finds who waits behind a set that waits for what nobody has, and nobody where somebody has that", () => {
    const circle = (): Tale =>
      inVain()
        .asks(19, "s.1", { set: "s", lock: "orders/1", waitMs: 20_000 })
        .asks(19, "s.2", { set: "s", lock: "orders/9", waitMs: 20_000 })
        .at(39, { kind: "held", op: "s.1" })
        .at(39, { kind: "held", op: "s.2" });
    circle().asks(15, "h", { lock: "orders/9" }).granted(16, "h", { until: 60 }).isWell();
    const found = checks["served"]?.(circle().history()) ?? [];
    assert.deepEqual(
      found.map(({ ops }) => ops),
      [["c"]],
    );
  });

  it("lets a lock be had by a connection until its end was told", () => {
    const held = (closed: number): Tale =>
      inVain()
        .asks(10, "k", { hold: "connection" })
        .granted(11, "k", { until: 14 })
        .at(12, { kind: "releasing", op: "k" })
        .at(closed, { kind: "closed", op: "k" });
    held(29).isWell();
    held(13).finds("served", /c waited/);
  });

  it("counts of a wait only what nobody had the lock in", () => {
    assert.deepEqual(turns().waits(), { judged: 2, late: 0, longestIdleMs: 1_000 });
    const late = turns().asks(6, "c").granted(9, "c", { until: 12, sent: 6 }).released(10, "c");
    assert.deepEqual(late.waits(), { judged: 3, late: 1, longestIdleMs: 3_000 });
  });
});

describe("what is seen on the spot", () => {
  it("is told as it is", () => {
    new Tale()
      .at(1, { kind: "left over", what: "orders/1 is left" }, "conductor")
      .finds("leftovers", /orders\/1 is left/);
    new Tale().at(1, { kind: "wrong", what: "another status" }).finds("wrong", /pod-a\/1: another/);
  });
});
