/** One lock of a set, and the set's place in its queue. */
import type { CohortsBeside } from "./beside.ts";
import type { Callers } from "./callers.ts";
import type { Grant } from "./grant.ts";
import type { Lock } from "./keys.ts";
import type { Demand } from "./order.ts";
import type { Place } from "./place.ts";
import type { MemberOf, Pool } from "./pool.ts";

/** What a member knows of its set. */
export interface OfSet {
  readonly callers: Callers;
  readonly grants: readonly Grant[];
  endWait(refusal: Error): void;
}

export interface MemberParts {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly pool: Pool;
  readonly beside: CohortsBeside;
}

export class SetMember implements MemberOf {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly pool: Pool;
  readonly beside: CohortsBeside;
  place: Place | undefined;
  /** It was seen to hold, and so does until it goes. */
  isIn = false;
  /** Somebody deleted its place. */
  isBroken = false;
  readonly #set: OfSet;

  constructor(set: OfSet, { lock, demand, pool, beside }: MemberParts) {
    this.#set = set;
    this.lock = lock;
    this.demand = demand;
    this.pool = pool;
    this.beside = beside;
  }

  get callers(): Callers {
    return this.#set.callers;
  }

  /** It is granted only with all others. */
  get grants(): readonly Grant[] {
    return this.#set.grants;
  }

  /** Nothing is granted on any of its places any more, also where none was yet. */
  broken(): void {
    this.isBroken = true;
    for (const grant of this.grants) grant.break();
  }

  /** Of the whole set. */
  endWait(refusal: Error): void {
    this.#set.endWait(refusal);
  }

  takes(place: Place | undefined): void {
    this.place = place;
    this.isIn = false;
    this.isBroken = false;
  }
}
