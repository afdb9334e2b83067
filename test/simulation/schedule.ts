/** What a seed stands for: how large the cluster is, how it is used, and what may happen to it. */
import {
  parseDistributedLockSpec,
  type DistributedLockSpec,
} from "#api/resources/distributed-lock.ts";
import { calm, type Weather } from "#test/support/etcd-model/weather.ts";
import type { PoolMode } from "#core/lock/order.ts";
import type { Bounds, Chance } from "#test/support/world/chance.ts";
import { faultNames, type FaultName } from "./faults/names.ts";

export interface Schedule {
  /** Of all pools. */
  readonly mode: PoolMode;
  readonly pods: number;
  readonly clientsPerPod: number;
  readonly pools: readonly string[];
  readonly names: readonly string[];
  readonly sessionTtlMs: number;
  /** For how long clients work and faults happen; then all heals. */
  readonly activityMs: number;
  readonly thinkMs: Bounds;
  readonly holdMs: Bounds;
  readonly weather: Weather;
  /** What may happen; empty: nothing does. */
  readonly faults: readonly FaultName[];
  readonly faultEveryMs: Bounds;
  /** Clocks run at unlike rates, and show unlike times. */
  readonly skewed: boolean;
  /** Whether some requests are for several locks at once. */
  readonly sets: boolean;
  /** Whether some take one lock after the other, each in the name of its client. */
  readonly owners: boolean;
  /** Whether clients write under their grants. */
  readonly guards: boolean;
  /** When all has healed watches fall silent for good: nobody may rely on them. */
  readonly silenceStays: boolean;
}

/** `modes`: apart, so that a seed without a mode of its own is the same as ever. */
export function drawSchedule(chance: Chance, modes: Chance): Schedule {
  const faults = chance.happens(0.15) ? [] : drawFaults(chance);
  // A few are long enough for what a waiter does only every half a minute.
  const long = chance.happens(0.003);
  return {
    mode: modes.oneOf(["Mutex", "Mutex", "ReadWrite", "Semaphore"]),
    pods: chance.oneOf([2, 2, 2, 3, 3, 4]),
    clientsPerPod: chance.oneOf([1, 2, 2, 3]),
    pools: chance.happens(0.8) ? ["orders"] : ["orders", "leaders"],
    names: chance.oneOf([["42"], ["42"], ["42", "a/b"], ["42", "a/b", "ü"]]),
    sessionTtlMs: chance.oneOf([3_000, 3_000, 4_000, 6_000]),
    activityMs: long ? 90_000 : chance.wholeBetween({ min: 3_000, max: 12_000 }),
    thinkMs: { min: 0, max: long ? 20 : chance.oneOf([50, 400, 1_500]) },
    holdMs: { min: 0, max: chance.oneOf([20, 500, 2_000]) },
    weather: faults.length === 0 ? calm : drawWeather(chance),
    faults,
    faultEveryMs: { min: 50, max: chance.oneOf([600, 1_500, 4_000]) },
    skewed: chance.happens(0.6),
    silenceStays: chance.happens(0.15),
    sets: modes.happens(0.4),
    owners: modes.happens(0.25),
    guards: modes.happens(0.35),
  };
}

function drawFaults(chance: Chance): FaultName[] {
  const drawn = faultNames.filter(() => chance.happens(0.25));
  // A wall clock that is set back while its machine sleeps hides the sleep: only the fence covers that.
  const some = drawn.filter((name) => name !== "wallJump" || !drawn.includes("suspend"));
  return some.length > 0 ? some : [chance.oneOf(faultNames)];
}

export function drawWeather(chance: Chance): Weather {
  if (chance.happens(0.4)) return calm;
  const slow = chance.oneOf([5, 40, 300]);
  const odd = (most: number) => (chance.happens(0.5) ? chance.fraction() * most : 0);
  return {
    requestMs: { min: 0.2, max: slow },
    answerMs: { min: 0.2, max: slow },
    eventMs: { min: 0.1, max: chance.oneOf([3, 100, 2_000]) },
    lateMs: { min: 1, max: 6_000 },
    odds: {
      notSent: odd(0.02),
      requestLost: odd(0.02),
      answerLost: odd(0.04),
      timedOutThenDone: odd(0.05),
      timedOutNotDone: odd(0.02),
      connectionLost: odd(0.03),
      overloaded: odd(0.02),
    },
    watchHeld: odd(0.03),
    watchHeldMs: { min: 100, max: 9_000 },
  };
}

/** Short lives and tight limits, so that they end within a schedule. */
export function drawSpec(chance: Chance, mode: PoolMode): DistributedLockSpec {
  return specOf({
    mode,
    // Where no owner waits it says nothing.
    onDeadlock: "AbortYoungest",
    ...(mode === "Semaphore" ? { permits: chance.oneOf([1, 2, 3, 5]) } : {}),
    ttl: chance.oneOf(["300ms", "1s", "2s", "5s", "30s"]),
    ...(chance.happens(0.4) ? { maxHold: chance.oneOf(["1s", "2s", "4s"]) } : {}),
    handover: {
      maxCount: chance.oneOf([0, 1, 3, 16]),
      maxHold: chance.oneOf(["0s", "300ms", "1s"]),
    },
    limits: {
      waitersPerLock: chance.oneOf([1, 3, 1_000, 1_000]),
      wait: chance.oneOf(["5s", "10m"]),
      grantsPerPod: chance.oneOf([1, 10_000, 10_000]),
      names: chance.oneOf([1, 10_000, 10_000, 10_000]),
    },
    ...(chance.happens(0.25) ? { stickyFor: chance.oneOf(["300ms", "2s", "10s"]) } : {}),
    ...(chance.happens(0.25) ? { lockDelay: chance.oneOf(["300ms", "1s", "3s"]) } : {}),
  });
}

/** Of a generous Semaphore: more than one, so that some hold together and some take all. */
export const generousPermits = 3;

/** Under which everybody who waits long enough must be granted. */
export const generousSpec = (ttl = "2s", mode: PoolMode = "Mutex"): DistributedLockSpec =>
  specOf({
    mode,
    ...(mode === "Semaphore" ? { permits: generousPermits } : {}),
    ttl,
    handover: { maxCount: 2, maxHold: "300ms" },
  });

export function specOf(written: object): DistributedLockSpec {
  const parsed = parseDistributedLockSpec(written, "spec");
  if (!parsed.ok) throw new Error(`a drawn spec is wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.spec;
}

/** For the report: what this seed is about, in one line. */
export function describeSchedule(schedule: Schedule): string {
  const { mode, pods, clientsPerPod, names, sessionTtlMs, activityMs, faults, skewed } = schedule;
  const what = faults.length === 0 ? "no faults" : faults.join(", ");
  return `${mode}${schedule.sets ? " with sets" : ""}${schedule.owners ? " with owners" : ""}${schedule.guards ? " with guarded writes" : ""}, ${String(pods)} pods x ${String(clientsPerPod)} clients, ${String(names.length)} names, session ttl ${String(sessionTtlMs)} ms, ${String(activityMs)} ms, ${skewed ? "skewed clocks, " : ""}${what}`;
}
