/**
 * The spec tree as core needs it: the pools as they are in force, the fence base, and whether etcd began anew.
 *
 * Whoever implements it caches, and never decides alone: every acquire is *given* the revisions that it was judged by
 * ({@link Specs.factsFor}), and every deciding read reads the same keys in its snapshot. What such a write or read finds is
 * told back (a later revision wins), so a slow watch costs one repeated write and never a wrong grant.
 */
import type { StaleFact } from "../outcome.ts";
import type { Fact, KeyValue, RangeRead, RangeResult, Revision } from "../store.ts";
import type { Installation, ResourceRecord } from "./records.ts";

export interface Specs {
  /** What is here was read from the etcd that there is. */
  readonly isReady: boolean;
  /** It was read before, by an earlier life too, and is being read anew: what it says of no pool says nothing of the pool. */
  readonly isReadAgain: boolean;
  /** Grows with every change. */
  readonly version: number;
  /** Undefined also where its base is not to be trusted. */
  readonly installation: Installation | undefined;
  /** The key that says that etcd began anew, while it stands. */
  readonly anew: KeyValue | undefined;
  record(kind: string, name: string): ResourceRecord | undefined;
  /** All that stand. */
  records(): readonly ResourceRecord[];
  /** @throws Refusal why there is none to be served */
  pool(name: string): ResourceRecord;
  /** What every acquire in this pool is given. Undefined: nothing may be granted now. */
  factsFor(pool: ResourceRecord): readonly Fact[] | undefined;
  /** What a deciding read about a lock of this pool reads besides the lock. Its results go to {@link took}. */
  rangesFor(pool: string): readonly RangeRead[];
  /** Takes in what a read of single keys found at `revision`. */
  took(ranges: readonly RangeRead[], results: readonly RangeResult[], revision: Revision): void;
  /** Takes in why a write was refused as stale. */
  tookStale(facts: readonly StaleFact[], revision: Revision): void;
  /** Resolves at the next change of anything here, or when the signal aborts. */
  nextChange(signal: AbortSignal): Promise<void>;
}
