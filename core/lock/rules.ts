/** A pool's spec with its durations as milliseconds: what the lock protocol is judged by. */
import { parseDurationMs } from "#api/fields/duration.ts";
import type { DistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { distributedLockKind } from "../spec/records.ts";
import type { Specs } from "../spec/specs.ts";
import { Refusal } from "../refusal.ts";
import type { Sharing } from "./order.ts";

export interface Rules {
  readonly sharing: Sharing;
  readonly ttlMs: number;
  readonly maxTtlMs: number;
  /** Absent: no bound. */
  readonly maxHoldMs: number | undefined;
  /** How long nobody is granted a lock after its holder was lost; 0: not at all. */
  readonly lockDelayMs: number;
  readonly handover: { readonly maxCount: number; readonly maxHoldMs: number };
  readonly limits: {
    readonly names: number;
    readonly waitersPerLock: number;
    readonly waitMs: number;
    readonly metadataBytes: number;
    readonly grantsPerPod: number;
  };
}

const compiled = new WeakMap<DistributedLockSpec, Rules>();

export function rulesOf(spec: DistributedLockSpec): Rules {
  let rules = compiled.get(spec);
  if (rules === undefined) compiled.set(spec, (rules = compile(spec)));
  return rules;
}

/** As they are now. Undefined: there is no such pool here. */
export function rulesNow(specs: Pick<Specs, "record">, pool: string): Rules | undefined {
  const spec = specs.record(distributedLockKind, pool)?.lock;
  return spec === undefined ? undefined : rulesOf(spec);
}

/** @throws Refusal why there are none */
export function rulesServed(specs: Pick<Specs, "pool">, pool: string): Rules {
  const { lock: spec } = specs.pool(pool);
  if (spec === undefined) throw new Refusal("not_ready", `Lock pool '${pool}' is not served.`);
  return rulesOf(spec);
}

/** By which a grant of locks in pools with these rules lives: the strictest of each. */
export function strictest(all: readonly Rules[]): Pick<Rules, "ttlMs" | "maxHoldMs"> {
  const bounds = all.flatMap(({ maxHoldMs }) => (maxHoldMs === undefined ? [] : [maxHoldMs]));
  return {
    ttlMs: Math.min(...all.map(({ ttlMs }) => ttlMs)),
    maxHoldMs: bounds.length === 0 ? undefined : Math.min(...bounds),
  };
}

function compile(spec: DistributedLockSpec): Rules {
  const { mode, permits, ttl, maxTtl, maxHold, lockDelay, handover, limits } = spec;
  return {
    sharing: { mode, permits },
    ttlMs: parseDurationMs(ttl),
    maxTtlMs: parseDurationMs(maxTtl),
    maxHoldMs: maxHold === undefined ? undefined : parseDurationMs(maxHold),
    lockDelayMs: parseDurationMs(lockDelay),
    handover: { maxCount: handover.maxCount, maxHoldMs: parseDurationMs(handover.maxHold) },
    limits: {
      names: limits.names,
      waitersPerLock: limits.waitersPerLock,
      waitMs: parseDurationMs(limits.wait),
      metadataBytes: limits.metadataBytes,
      grantsPerPod: limits.grantsPerPod,
    },
  };
}
