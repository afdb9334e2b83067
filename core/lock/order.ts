/**
 * Who holds: a pure function of one snapshot, the same for a holder, an observer and kubectl. Contenders stand in order of
 * (create revision, key); of a mutex, the first holds. (ReadWrite and Semaphore judge the same order by other rules, and
 * come here when they are built.)
 */
import type { Key, Revision } from "../store.ts";

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

/** Whether it is this very contender, and not one that was made with its key before or after. */
export function isSame(one: Ordered, { key, created }: Mine): boolean {
  return one.key === key && one.createRevision === created;
}

export type Standing<C> =
  | { readonly kind: "holds" }
  /** `before`: the one just before me, whose going is my reason to look again. `first`: who holds. */
  | { readonly kind: "waits"; readonly before: C; readonly first: C }
  | { readonly kind: "gone" };

export interface Mine {
  readonly key: Key;
  /** Its create revision: the key may have been made before, and may be made again. */
  readonly created: Revision;
}

/** Where the contender `mine` stands among `ordered`, which are all of its lock. */
export function standing<C extends Ordered>(ordered: readonly C[], mine: Mine): Standing<C> {
  const place = ordered.findIndex((one) => isSame(one, mine));
  const [first] = ordered;
  const before = ordered[place - 1];
  if (place < 0 || first === undefined) return { kind: "gone" };
  return before === undefined ? { kind: "holds" } : { kind: "waits", before, first };
}
