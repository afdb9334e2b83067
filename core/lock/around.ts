/** What a cohort has around it: the process, its pool, and others of the same lock. */
import type { Runtime } from "../runtime.ts";
import type { SideSeats } from "../session/seats.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Refusal } from "../refusal.ts";
import type { Specs } from "../spec/specs.ts";
import type { Store } from "../store.ts";
import type { Callers } from "./callers.ts";
import type { Counters } from "./counters.ts";
import type { Followings } from "./following.ts";
import type { Grant } from "./grant.ts";
import type { Grants } from "./grants.ts";
import type { Lock } from "./keys.ts";
import type { Line } from "./line.ts";
import type { Looks } from "./looks.ts";
import type { Mark, PoolMarks } from "./marks.ts";
import type { Demand } from "./order.ts";
import type { Place } from "./place.ts";
import type { Rules } from "./rules.ts";
import type { LostGuarantee } from "./views.ts";

export interface CohortParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly mirror: Specs;
  readonly followings: Followings;
  readonly grants: Grants;
  readonly namespace: string;
  readonly pod: string;
}

/** Who stands in a lock's queue for callers of this process: a cohort, or one of a set. */
export interface Stander {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly callers: Callers;
  readonly place: Place | undefined;
  /** Those on its place that are live, or whose guarantee still runs. */
  readonly grants: readonly Grant[];
  /** Its place holds the lock, and nobody uses it. */
  readonly isIdle?: boolean;
  /** Somebody else wants the lock. */
  noted?(): void;
  /** Somebody deleted its place in etcd. */
  broken(): void;
}

/** The pool that it belongs to, as far as a cohort knows it. */
export interface CohortPool<C> {
  readonly counters: Counters;
  readonly marks: PoolMarks;
  /** An orphan's delay is over, and its lock may be held. */
  sweep(orphan: Mark): void;
  /** What a caller hears who asks for more grants (absent: one more) than the pod may have. Undefined: it may. */
  tooManyGrants(rules: Rules, more?: number): Refusal | undefined;
  /** Told when the lock was found held by another session. */
  sawHeld(lock: Lock): void;
  /** Whether that was lately so: then a try reads before it writes. */
  wasSeenHeld(lock: Lock): boolean;
  /** Told of a guarantee that outlives its session. */
  lost(lock: Lock, guarantee: LostGuarantee): void;
  /** The one that still runs for this lock. */
  lostGuarantee(lock: Lock): LostGuarantee | undefined;
  /** Nobody waits or holds any more; called as the loop ends, in the same step. */
  ended(cohort: C): void;
}

/** What those of one lock share that stand beside each other. */
export interface Beside<C> {
  readonly seats: SideSeats;
  readonly line: Line;
  readonly looks: Looks;
  /** How many callers of them wait. */
  readonly waiting: number;
  /** Told when the caller of one begins to wait, and when that is over. Of those that hold together, all callers that wait. */
  waits(who: Stander, waits: boolean): void;
  add(cohort: C): void;
  has(cohort: C): boolean;
  remove(cohort: C): void;
  readonly isEmpty: boolean;
}

export interface CohortOf<C> {
  readonly lock: Lock;
  readonly demand: Demand;
  /** Absent: it is the only one of its lock here that wants it for its callers alone. */
  readonly beside?: Beside<C> | undefined;
  /** Its callers hold the lock together, by one contender. Else, beside others, it has one caller. */
  readonly isTogether?: boolean;
}
