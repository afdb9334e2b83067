/**
 * What happened, revision by revision, until compaction takes it; and the watches that are told of it.
 *
 * A watch that starts in the past gets what it missed in messages of many revisions, as etcd sends them; from then on
 * one message a revision.
 */
import type { Header } from "#core/outcome.ts";
import { fromNow, revision, type Change, type KeyRange, type Revision } from "#core/store.ts";
import { covers } from "./txn.ts";

export type Told =
  | { readonly kind: "changes"; readonly events: readonly Change[]; readonly at: Header }
  | { readonly kind: "progress"; readonly at: Header }
  /** The watch ended: history before `compacted` is gone. */
  | { readonly kind: "compacted"; readonly compacted: Revision }
  /** The watch ended with its connection. */
  | { readonly kind: "broken" };

export interface Watching {
  /** Asks for a progress message. */
  progress(): void;
  cancel(): void;
}

interface Recorded {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

/** What of the past can be told. */
export interface Past {
  readonly current: Revision;
  readonly compacted: Revision;
  readonly recorded: readonly Recorded[];
}

/** The past of an empty etcd. */
export function noPast(current: Revision): Past {
  return { current, compacted: current, recorded: [] };
}

interface Watcher {
  readonly range: KeyRange;
  readonly from: Revision;
  readonly tell: (told: Told) => void;
}

/** etcd puts no more revisions than that into one message of a replay. */
const replayedRevisionsMax = 1_000;

export class History {
  readonly #watchers = new Set<Watcher>();
  #recorded: Recorded[];
  #current: Revision;
  #compacted: Revision;
  readonly #cluster: string;

  constructor(cluster: string, past: Past) {
    this.#cluster = cluster;
    this.#recorded = [...past.recorded];
    this.#current = past.current;
    this.#compacted = past.compacted;
  }

  past(): Past {
    return { current: this.#current, compacted: this.#compacted, recorded: [...this.#recorded] };
  }

  get compacted(): Revision {
    return this.#compacted;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  record(at: Revision, changes: readonly Change[]): void {
    this.#current = at;
    this.#recorded.push({ revision: at, changes });
    for (const watcher of this.#watchers) {
      if (at < watcher.from) continue;
      const events = changes.filter((change) => covers(watcher.range, keyOf(change)));
      if (events.length > 0) watcher.tell({ kind: "changes", events, at: this.#at(at) });
    }
  }

  /** Keeps `upTo` itself and what came after it, as etcd does since 3.4.36, 3.5.19 and 3.6. */
  compact(upTo: Revision): void {
    this.#compacted = upTo;
    this.#recorded = this.#recorded.filter((recorded) => recorded.revision >= upTo);
  }

  watch(range: KeyRange, from: Revision, tell: (told: Told) => void): Watching {
    if (from === fromNow) {
      tell({ kind: "progress", at: this.#at(this.#current) });
      return this.watch(range, revision(this.#current + 1n), tell);
    }
    if (from < this.#compacted) {
      tell({ kind: "compacted", compacted: this.#compacted });
      return { progress: () => undefined, cancel: () => undefined };
    }
    this.#replay(range, from, tell);
    const watcher: Watcher = { range, from, tell };
    this.#watchers.add(watcher);
    return {
      progress: () => {
        if (this.#watchers.has(watcher)) tell({ kind: "progress", at: this.#at(this.#current) });
      },
      cancel: () => void this.#watchers.delete(watcher),
    };
  }

  /** Ends every watch: the server lets go of its connections. */
  dropWatches(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.tell({ kind: "broken" });
  }

  #at(at: Revision): Header {
    return { cluster: this.#cluster, revision: at };
  }

  #replay(range: KeyRange, from: Revision, tell: (told: Told) => void): void {
    let events: Change[] = [];
    let revisions = 0;
    for (const { revision: at, changes } of this.#recorded) {
      if (at < from) continue;
      const seen = changes.filter((change) => covers(range, keyOf(change)));
      if (seen.length === 0) continue;
      events.push(...seen);
      if (++revisions < replayedRevisionsMax) continue;
      tell({ kind: "changes", events, at: this.#at(at) });
      events = [];
      revisions = 0;
    }
    if (events.length > 0) tell({ kind: "changes", events, at: this.#at(this.#current) });
  }
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.now.key : change.key;
}
