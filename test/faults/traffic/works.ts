/**
 * What apps do, each work over and over until they are stopped. A new kind of lock, hold or end is one more line here; what it
 * must write down is in history/event.ts.
 */
import type { Shown } from "../history/event.ts";
import { nowNs } from "../history/recorder.ts";
import { strictWork } from "../checks/order.ts";
import type { Desk, OneLock } from "./desk.ts";
import { giveBack } from "./give-back.ts";
import { holderOf } from "./plan.ts";
import { poolNames } from "./pools.ts";
import { rawRound } from "./raw-round.ts";
import { streamRound } from "./stream-round.ts";
import { typedRound } from "./typed-round.ts";

export interface Work {
  readonly name: string;
  /** So many in each app. */
  readonly callers: number;
  readonly round: (desk: Desk, work: string) => Promise<unknown>;
}

const waitMs = 10_000;
const lookForMs = 5_000;

/** A hot lock: many want it for a moment. */
const hot: Work["round"] = (desk, work) =>
  typedRound(desk, {
    ...{ work, ask: { lock: desk.lockOf("orders/hot", 2), waitMs } },
    holdMs: desk.between({ min: 1, max: 40 }),
  });

/** Held for longer than its ttl, or than a session lives: the client renews it. */
const long: Work["round"] = (desk, work) => {
  const ttlMs = desk.chance.oneOf([1_500, 5_000]);
  return typedRound(desk, {
    ...{ work, ask: { lock: desk.lockOf("orders/long", 2), waitMs, ttlMs } },
    holdMs: desk.between({ min: 300, max: desk.chance.oneOf([2_000, 7_000]) }),
  });
};

/** One of all pods leads, for as long as it can, and is followed by another. */
const leader: Work["round"] = (desk, work) =>
  rawRound(desk, {
    ...{ work, ask: { lock: "orders/leader", waitMs } },
    holdMs: desk.between({ min: 6_000, max: 14_000 }),
  });

const raw: Work["round"] = (desk, work) =>
  rawRound(desk, {
    ...{ work, ask: { lock: desk.lockOf("orders/raw", 2), waitMs, ttlMs: 2_000 } },
    holdMs: desk.between({ min: 1, max: 900 }),
    isForgotten: desk.chance.happens(0.04),
  });

/** In strict order over all pods; its holders are named by their attempts. */
const strict: Work["round"] = (desk, work) =>
  rawRound(desk, {
    ...{ work, ask: { lock: "strict/line", waitMs } },
    holdMs: desk.between({ min: 10, max: 90 }),
  });

/** What the pod as a whole owns: it outlives the app, whose next life gives it back. */
const session: Work["round"] = async (desk, work) => {
  const holder = holderOf(desk.plan.pod);
  const ask = { lock: desk.lockOf("orders/own", 2), waitMs, hold: "session", holder } as const;
  const holdMs = desk.between({ min: 50, max: desk.chance.oneOf([500, 1_500, 6_000]) });
  if (desk.chance.happens(0.5)) return typedRound(desk, { work, ask, holdMs });
  // No ttl ends what it may have got without an answer.
  if ((await rawRound(desk, { work, ask, holdMs })) === "other") await giveBack(desk);
};

const reader: Work["round"] = (desk, work) => {
  const ask = { lock: "pages/front", waitMs, mode: "shared", ttlMs: 3_000 } as const;
  const holdMs = desk.between({ min: 10, max: 300 });
  return desk.chance.happens(0.5)
    ? typedRound(desk, { work, ask, holdMs })
    : rawRound(desk, { work, ask, holdMs, isForgotten: desk.chance.happens(0.03) });
};

const writer: Work["round"] = (desk, work) =>
  typedRound(desk, {
    ...{ work, ask: { lock: "pages/front", waitMs, ttlMs: 3_000 } },
    holdMs: desk.between({ min: 10, max: 100 }),
  });

const permits: Work["round"] = (desk, work) => {
  const wanted = desk.chance.oneOf([1, 1, 2, 3]);
  const ask = { lock: "slots/seats", waitMs, permits: wanted, ttlMs: 3_000 };
  const holdMs = desk.between({ min: 10, max: 300 });
  return desk.chance.happens(0.5)
    ? typedRound(desk, { work, ask, holdMs })
    : rawRound(desk, { work, ask, holdMs, isForgotten: desk.chance.happens(0.03) });
};

/** Some hold for longer than the pool allows. */
const bounded: Work["round"] = (desk, work) =>
  rawRound(desk, {
    ...{ work, ask: { lock: "bounded/slow", waitMs } },
    holdMs: desk.between({ min: 100, max: 1_600 }),
  });

/** Tries, waits that are too short, callers that leave. */
const impatient: Work["round"] = (desk, work) => {
  const lock = desk.chance.oneOf([
    ...["orders/hot-1", "orders/raw-1", "pages/front", "slots/seats", "sticky/own-2"],
  ]);
  const ask = { lock, waitMs: desk.chance.oneOf([0, 0, 30, 200]) };
  const round = { work, ask, holdMs: desk.between({ min: 1, max: 50 }) };
  if (!desk.chance.happens(0.3)) return typedRound(desk, round);
  const leaving = { ask: { lock, waitMs }, leavesAfterMs: desk.between({ min: 1, max: 150 }) };
  return desk.chance.happens(0.5)
    ? typedRound(desk, { ...round, ...leaving })
    : rawRound(desk, { ...round, ...leaving });
};

/** A lock that nobody else knows goes from pod to pod: who tries after a release has it. */
const relay: Work["round"] = async (desk, work) => {
  const lock = `orders/relay-${desk.newOp().replace("/", ".")}`;
  for (const pod of Object.keys(desk.plan.sidecars)) {
    const ask = { lock, waitMs: 0, ttlMs: 4_000 };
    const ended = await rawRound(desk, { work, pod, ask, holdMs: 1 });
    if (ended !== "released" || desk.stopping.aborted) return;
  }
};

/** Some of the locks that others use, too, in any order. */
const sets: Work["round"] = (desk, work) => {
  const { chance } = desk;
  const locks: OneLock[] = [
    { lock: "orders/set-1" },
    { lock: "orders/set-2" },
    { lock: "orders/raw-1" },
    { lock: "sticky/own-1" },
    { lock: "pages/front", mode: chance.oneOf(["shared", "exclusive"]) },
    { lock: "slots/seats", permits: chance.oneOf([1, 2, 4]) },
  ];
  const [first, ...beside] = drawn(desk, locks, chance.wholeBetween({ min: 2, max: 4 }));
  if (first === undefined) throw new Error("a set has a lock");
  return rawRound(desk, {
    ...{ work, ask: { ...first, beside, waitMs, ttlMs: 3_000 } },
    holdMs: desk.between({ min: 1, max: chance.oneOf([40, 300]) }),
    isForgotten: chance.happens(0.03),
  });
};

function drawn<T>({ chance }: Desk, all: readonly T[], count: number): T[] {
  const left = [...all];
  return Array.from({ length: count }, () =>
    left.splice(chance.wholeBetween({ min: 0, max: left.length - 1 }), 1),
  ).flat();
}

/** Of locks that nobody else knows one is held, and all are tried together: the others are free then, and all after a release. */
const allOrNone: Work["round"] = async (desk, work) => {
  const passing = `relay-${desk.newOp().replace("/", ".")}`;
  const locks = drawn(
    desk,
    [
      { lock: `orders/${passing}` },
      { lock: `pages/${passing}` },
      { lock: `slots/${passing}`, permits: 4 },
    ],
    3,
  );
  const [first, ...beside] = locks;
  const [held, ...free] = drawn(desk, locks, locks.length);
  if (first === undefined || held === undefined) throw new Error("a set has a lock");
  const somewhere = () => desk.chance.oneOf(Object.keys(desk.plan.sidecars));
  const tries = (ask: OneLock & { readonly beside?: readonly OneLock[] }) =>
    rawRound(desk, {
      ...{ work, pod: somewhere(), ask: { ...ask, waitMs: 0, ttlMs: 4_000 }, holdMs: 1 },
    });
  await rawRound(desk, {
    ...{ work, pod: somewhere(), ask: { ...held, waitMs: 0, ttlMs: 4_000 }, holdMs: 1 },
    meanwhile: async () => {
      await tries({ ...first, beside });
      for (const one of free) await tries(one);
    },
  });
  if (!desk.stopping.aborted) await tries({ ...first, beside });
};

/** Held by a connection; others hold the second one by a ttl. */
const streams: Work["round"] = (desk, work) => {
  const lock = desk.chance.oneOf(["orders/stream", "orders/stream", "orders/raw-2"]);
  const longest = desk.chance.oneOf([100, 1_000, 5_000]);
  const round = { work, ask: { lock, waitMs }, holdMs: desk.between({ min: 1, max: longest }) };
  return desk.chance.happens(0.1)
    ? streamRound(desk, { ...round, leavesAfterMs: desk.between({ min: 1, max: 150 }) })
    : streamRound(desk, round);
};

/** A pod uses a lock some times in a row, then lets it lie for a while: now and then for longer than anybody waits. */
const sticky: Work["round"] = async (desk, work) => {
  const ask = { lock: desk.lockOf("sticky/own", 2), waitMs, ttlMs: 4_000 };
  for (let times = desk.between({ min: 1, max: 5 }); times > 0; times--) {
    if (desk.stopping.aborted) return;
    await rawRound(desk, { work, ask, holdMs: desk.between({ min: 1, max: 60 }) });
  }
  await desk.rest(desk.between({ min: 50, max: desk.chance.oneOf([500, 3_000, 14_000]) }));
};

/** How its sidecar shows what is going on. */
const look: Work["round"] = async (desk) => {
  const { pod } = desk.plan;
  const api = desk.apiOf(pod);
  for (const lock of [
    "strict/line",
    "orders/raw-1",
    "pages/front",
    "slots/seats",
    "sticky/own-1",
  ]) {
    const sentNs = nowNs();
    const answer = await api
      .get(`/v1/locks/${lock}`, { signal: AbortSignal.timeout(lookForMs) })
      .catch(() => undefined);
    if (answer?.status !== 200) continue;
    const { holders, waiters } = answer.body as Record<string, Shown[]>;
    const shown = { holders: (holders ?? []).map(shownOf), waiters: (waiters ?? []).map(shownOf) };
    desk.record.write({ kind: "seen", lock, pod, sentNs, ...shown });
  }
  await api
    .get(`/v1/locks/${desk.chance.oneOf(poolNames)}`, { signal: AbortSignal.timeout(lookForMs) })
    .catch(() => undefined);
};

function shownOf({ holder, pod, mode, permits: count }: Shown): Shown {
  return { holder, pod, mode, permits: count };
}

export const works: readonly Work[] = [
  { name: "hot", callers: 2, round: hot },
  { name: "long", callers: 1, round: long },
  { name: "leader", callers: 1, round: leader },
  { name: "raw", callers: 2, round: raw },
  { name: strictWork, callers: 2, round: strict },
  { name: "session", callers: 1, round: session },
  { name: "reader", callers: 2, round: reader },
  { name: "writer", callers: 1, round: writer },
  { name: "permits", callers: 3, round: permits },
  { name: "bounded", callers: 1, round: bounded },
  { name: "impatient", callers: 1, round: impatient },
  { name: "relay", callers: 1, round: relay },
  { name: "sets", callers: 2, round: sets },
  { name: "all or none", callers: 1, round: allOrNone },
  { name: "streams", callers: 2, round: streams },
  { name: "sticky", callers: 1, round: sticky },
  { name: "look", callers: 1, round: look },
];
