/**
 * Sees when etcd has begun anew: a volume was lost, a snapshot restored, another cluster answers at the same address. Then
 * revisions go back, and with them everything that is ordered by them. Two signs, both from answers' headers: another
 * cluster id, or a linearizable answer below a revision that was seen before its question was sent.
 */
import type { Header, Outcome } from "../outcome.ts";
import {
  noRevision,
  type Changes,
  type KeyRange,
  type Leases,
  type RangeRead,
  type Revision,
  type Snapshot,
  type Store,
  type Wait,
  type Write,
  type WriteResult,
} from "../store.ts";

export interface Anew {
  readonly was: Header;
  readonly is: Header;
}

export class Lineage {
  #seen: Header | undefined;
  #highest: Revision = noRevision;
  readonly #begunAnew: (anew: Anew) => void;

  constructor(begunAnew: (anew: Anew) => void) {
    this.#begunAnew = begunAnew;
  }

  /** The highest revision ever seen, over all beginnings. */
  get highest(): Revision {
    return this.#highest;
  }

  /** To be asked before a question is sent, for {@link answered}. */
  floor(): Header | undefined {
    return this.#seen;
  }

  /** `linearizable`: the answer can not be older than its question. */
  answered(at: Header, floor: Header | undefined, linearizable: boolean): void {
    const seen = this.#seen;
    if (at.revision > this.#highest) this.#highest = at.revision;
    if (seen === undefined) this.#seen = at;
    else if (at.cluster !== seen.cluster) this.#begin(seen, at);
    else if (at.revision > seen.revision) this.#seen = at;
    else if (linearizable && floor?.cluster === at.cluster && at.revision < floor.revision)
      this.#begin(floor, at);
  }

  #begin(was: Header, is: Header): void {
    // A question that was sent before the new beginning was seen may be answered after it: its floor is of the old
    // lineage, and says nothing where the new one already stands below it.
    if (
      this.#seen !== undefined &&
      this.#seen.cluster === is.cluster &&
      this.#seen.revision < was.revision
    )
      return;
    this.#seen = is;
    this.#begunAnew({ was, is });
  }
}

/** The store, with every answer held against the lineage. */
export class TracedStore implements Store {
  readonly #store: Store;
  readonly #lineage: Lineage;

  constructor(store: Store, lineage: Lineage) {
    this.#store = store;
    this.#lineage = lineage;
  }

  write(write: Write): Promise<Outcome<WriteResult>> {
    return this.#traced(this.#store.write(write));
  }

  read(ranges: readonly RangeRead[], wait: Wait, atLeast?: Revision): Promise<Outcome<Snapshot>> {
    return this.#traced(this.#store.read(ranges, wait, atLeast));
  }

  async *watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes> {
    for await (const changes of this.#store.watch(range, from, signal)) {
      if (changes.kind !== "gap") this.#lineage.answered(changes.at, undefined, false);
      yield changes;
    }
  }

  get leases(): Leases {
    return this.#store.leases;
  }

  #traced<T>(asked: Promise<Outcome<T>>): Promise<Outcome<T>> {
    const floor = this.#lineage.floor();
    return asked.then((outcome) => {
      if (outcome.kind === "done") this.#lineage.answered(outcome.at, floor, true);
      else if (outcome.kind === "refused" && outcome.reason.code === "stale") {
        this.#lineage.answered(outcome.reason.at, floor, true);
      }
      return outcome;
    });
  }
}
