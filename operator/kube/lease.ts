/** A Lease of coordination.k8s.io as leader election uses it: what it says, and what is written into it. */
import { numberOf, textOf } from "#core/json.ts";
import { microTime } from "#host/wall-time.ts";
import { recordOf } from "./errors.ts";
import type { KubeObject, Resource } from "./objects.ts";

export const leases: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

export interface LeaseSays {
  /** Empty: nobody holds it. */
  readonly holder: string;
  /** For how long after a renewal nobody else may take it. */
  readonly durationMs: number;
  readonly transitions: number;
  /** Two of the same mark are the same term, renewed at the same time. */
  readonly mark: string;
}

/** What a Lease without a duration is taken to say. */
const durationMsDefault = 15_000;
/** A Lease that somebody wrote by hand must not bar us for ever. */
const durationMsMax = 600_000;

export function readLease(lease: KubeObject): LeaseSays {
  const spec = recordOf(lease["spec"]);
  const seconds = numberOf(spec["leaseDurationSeconds"]);
  const holder = textOf(spec["holderIdentity"]) ?? "";
  return {
    holder,
    durationMs:
      seconds === undefined ? durationMsDefault : Math.min(seconds * 1_000, durationMsMax),
    transitions: numberOf(spec["leaseTransitions"]) ?? 0,
    mark: JSON.stringify([lease.metadata.uid, holder, spec["renewTime"], spec["acquireTime"]]),
  };
}

export interface LeaseTerm {
  readonly identity: string;
  readonly durationMs: number;
  /** Wall clock, for people only: nobody compares it with a clock. */
  readonly nowMs: number;
}

/** The spec of a Lease that did not exist. */
export function firstSpec({ identity, durationMs, nowMs }: LeaseTerm): Record<string, unknown> {
  const now = microTime(nowMs);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMs / 1_000),
    acquireTime: now,
    renewTime: now,
    leaseTransitions: 0,
  };
}

/** The Lease with us as its holder; all that others wrote beside that stays. */
export function held(lease: KubeObject, term: LeaseTerm): KubeObject {
  const before = readLease(lease);
  const spec = recordOf(lease["spec"]);
  if (before.holder === term.identity)
    return {
      ...lease,
      spec: { ...firstSpec(term), ...spec, ...renewal(term) },
    };
  return {
    ...lease,
    spec: { ...spec, ...firstSpec(term), leaseTransitions: before.transitions + 1 },
  };
}

/** The Lease given back: whoever sees it may take it at once. */
export function released(lease: KubeObject, nowMs: number): KubeObject {
  const spec = recordOf(lease["spec"]);
  return {
    ...lease,
    spec: {
      ...spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: microTime(nowMs),
      acquireTime: microTime(nowMs),
    },
  };
}

function renewal({ durationMs, nowMs }: LeaseTerm): Record<string, unknown> {
  return {
    leaseDurationSeconds: Math.ceil(durationMs / 1_000),
    renewTime: microTime(nowMs),
  };
}
