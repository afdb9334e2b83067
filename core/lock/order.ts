/**
 * Who holds: a pure function of one snapshot, the same for a holder, an observer and kubectl. Contenders stand in order of
 * (create revision, key), and nobody is passed over:
 *
 *   Mutex       the first holds
 *   ReadWrite   an exclusive one holds when it is the first; a shared one when no exclusive one stands before it
 *   Semaphore   one holds for which the permits of all before it, and its own, are no more than there are
 */
import type { Key, Revision } from "../store.ts";

export type PoolMode = "Mutex" | "ReadWrite" | "Semaphore";
export type HoldMode = "exclusive" | "shared";

/** Who may hold a lock of a pool together. */
export interface Sharing {
  readonly mode: PoolMode;
  /** 1 unless it is a Semaphore. */
  readonly permits: number;
}

/** How somebody wants to hold a lock. */
export interface Demand {
  readonly mode: HoldMode;
  /** Of a Semaphore; else 1. */
  readonly permits: number;
}

interface Ordered {
  readonly key: Key;
  readonly createRevision: Revision;
}

export function inOrder<C extends Ordered>(contenders: readonly C[]): C[] {
  return [...contenders].sort((a, b) =>
    a.createRevision === b.createRevision
      ? a.key < b.key
        ? -1
        : 1
      : a.createRevision < b.createRevision
        ? -1
        : 1,
  );
}

/** Those of `ordered`, which are all of a lock, that hold it. */
export function holders<D extends Demand>(ordered: Iterable<D>, sharing: Sharing): Set<D> {
  const holding = new Set<D>();
  let permits = 0;
  for (const demand of ordered) {
    permits += demand.permits;
    switch (sharing.mode) {
      case "Mutex":
        return holding.add(demand);
      case "ReadWrite":
        if (demand.mode === "exclusive") return holding.size > 0 ? holding : holding.add(demand);
        holding.add(demand);
        break;
      case "Semaphore":
        if (permits > sharing.permits) return holding;
        holding.add(demand);
        break;
      default:
        return sharing.mode satisfies never;
    }
  }
  return holding;
}

/** Whether one more that came now would have to wait. */
export function wouldWait(ordered: readonly Demand[], demand: Demand, sharing: Sharing): boolean {
  const newcomer = { ...demand };
  return !holders([...ordered, newcomer], sharing).has(newcomer);
}

/** Whether it is this very contender, and not one that was made with its key before or after. */
export function isSame(one: Ordered, { key, created }: Mine): boolean {
  return one.key === key && one.createRevision === created;
}

export type Standing<C> =
  | { readonly kind: "holds" }
  /** `before`: the one whose going is the reason to look again. Undefined: the going of any before it may be. */
  | { readonly kind: "waits"; readonly before: C | undefined }
  | { readonly kind: "gone" };

export interface Mine {
  readonly key: Key;
  /** Its create revision: the key may have been made before, and may be made again. */
  readonly created: Revision;
}

/** Where the contender `mine` stands among `ordered`, which are all of its lock. */
export function standing<C extends Ordered & Demand>(
  ordered: readonly C[],
  mine: Mine,
  sharing: Sharing,
): Standing<C> {
  const place = ordered.findIndex((one) => isSame(one, mine));
  const own = ordered[place];
  if (own === undefined) return { kind: "gone" };
  if (holders(ordered, sharing).has(own)) return { kind: "holds" };
  if (sharing.mode === "Semaphore") return { kind: "waits", before: undefined };
  const before =
    own.mode === "exclusive"
      ? ordered[place - 1]
      : ordered.slice(0, place).findLast(({ mode }) => mode === "exclusive");
  return { kind: "waits", before };
}
