/**
 * When to compact, up to where, and when to defragment: decided from what etcd says of itself, and from what it said
 * before. Nothing here asks or waits.
 *
 * How much history is kept goes by how much of the quota is *in use*: the file never shrinks by itself, but what is free
 * in it is filled again. Whoever follows changes from before what is kept gets a gap, and reads again; so history may be
 * given up to keep the store writable, and never the other way round.
 */
import { after, type Instant } from "#core/runtime.ts";
import { noRevision, type Revision } from "#core/store.ts";

/** What etcd says of itself at one moment. */
export interface DatabaseStatus {
  readonly revision: Revision;
  /** The file, with what is free in it: what etcd holds against its quota. */
  readonly dbSizeBytes: number;
  readonly dbInUseBytes: number;
  /** Undefined where the server does not tell (before 3.6). */
  readonly quotaBytes: number | undefined;
  /** The alarm that refuses all writes but deletes. */
  readonly noSpace: boolean;
  /** Whether the member that tells is the leader. */
  readonly leads: boolean;
}

export interface Plan {
  /** Everything before it may be forgotten; undefined: nothing now. */
  readonly compactTo: Revision | undefined;
  readonly defragment: boolean;
  /** Ends the alarm: there is space again. */
  readonly disarm: boolean;
}

const mebibyte = 1024 * 1024;
/** etcd's own default. */
export const quotaDefaultBytes = 2 * 1024 * mebibyte;

/** So much written since the last compaction makes one due; with a small quota, this share of it. */
const volumeMaxBytes = 64 * mebibyte;
const volumeShare = 1 / 8;
const revisionsMax = 100_000n;
/** Without that much, a compaction is due all the same. */
const compactEveryMs = 5 * 60_000;

const keepMs = 10 * 60_000;
/** What is kept above half of the quota, and how often it is then cut. */
const keepTightMs = 30_000;
const compactTightEveryMs = 15_000;
const tightShare = 1 / 2;
/** Above this there is no time to keep any: all but what the last look saw goes, at every look. */
const scarceShare = 3 / 4;

const defragmentAboveShare = 0.6;
const defragmentInUseShare = 0.5;
/** It makes the member stand still: never again so soon. */
const defragmentEveryMs = 60_000;
/**
 * While nothing can be written it is tried whatever is said to be in use: etcd counts that anew only when it writes, so
 * that after a compaction of a full store it shows what was before, for ever. Pauses double; the first gives the
 * compaction time.
 */
const defragmentFullFirstMs = 5_000;
const defragmentFullMaxMs = 5 * 60_000;
/** Sidecars take new data again below it. */
const disarmBelowShare = 0.8;

/** Looks that are remembered: enough for {@link keepMs} at one a second. */
const looksMax = 1_000;

interface Look {
  readonly at: Instant;
  readonly revision: Revision;
}

export class Housekeeping {
  #looks: Look[] = [];
  #inUseBytes: number | undefined;
  /** Since the last compaction. A lower bound: what is freed at the same time hides some of it. */
  #writtenBytes = 0;
  #compactedAt: Instant | undefined;
  /** Where the store stood when it was compacted last, and up to where it was. */
  #revisionThen = noRevision;
  #compactedTo = noRevision;
  #defragmentedAt: Instant | undefined;
  #fullSince: Instant | undefined;
  #fullDefragmentations = 0;

  /** What to do about `status`, which was told at `now`. */
  plan(status: DatabaseStatus, now: Instant): Plan {
    this.#note(status, now);
    const quota = status.quotaBytes ?? quotaDefaultBytes;
    return {
      compactTo: this.#isCompactionDue(status, now, quota)
        ? this.#horizon(keptMs(status.dbInUseBytes / quota), now)
        : undefined,
      defragment: this.#isDefragmentationDue(status, now, quota),
      disarm: status.noSpace && status.dbSizeBytes < quota * disarmBelowShare,
    };
  }

  compacted(to: Revision, now: Instant): void {
    this.#compactedTo = to;
    this.#compactedAt = now;
    this.#revisionThen = this.#looks.at(-1)?.revision ?? noRevision;
    this.#writtenBytes = 0;
  }

  defragmented(now: Instant): void {
    this.#defragmentedAt = now;
    this.#fullDefragmentations += 1;
  }

  #note({ revision: at, dbInUseBytes, noSpace }: DatabaseStatus, now: Instant): void {
    const last = this.#looks.at(-1);
    // Below what it was: another store than before, or the same one restored.
    if (last === undefined || at < last.revision) this.#begin(now, at);
    this.#looks.push({ at: now, revision: at });
    if (this.#looks.length > looksMax) this.#looks.shift();
    if (!noSpace) this.#fullSince = undefined;
    else if (this.#fullSince === undefined) {
      this.#fullSince = now;
      this.#fullDefragmentations = 0;
    }
    this.#writtenBytes += Math.max(0, dbInUseBytes - (this.#inUseBytes ?? dbInUseBytes));
    this.#inUseBytes = dbInUseBytes;
  }

  #begin(now: Instant, at: Revision): void {
    this.#looks = [];
    this.#compactedAt = now;
    this.#revisionThen = at;
    this.#compactedTo = noRevision;
    this.#writtenBytes = 0;
    this.#inUseBytes = undefined;
  }

  #isCompactionDue(status: DatabaseStatus, now: Instant, quota: number): boolean {
    const share = status.dbInUseBytes / quota;
    if (share > scarceShare) return true;
    const sinceMs = now - (this.#compactedAt ?? now);
    if (share > tightShare && sinceMs >= compactTightEveryMs) return true;
    return (
      this.#writtenBytes >= Math.min(volumeMaxBytes, quota * volumeShare) ||
      status.revision - this.#revisionThen >= revisionsMax ||
      sinceMs >= compactEveryMs
    );
  }

  /** The revision at which the store stood so long ago; undefined: not known, or compacted already. */
  #horizon(keep: number, now: Instant): Revision | undefined {
    const old = this.#looks.findLast(({ at }) => after(at, keep) <= now && at < now);
    if (old === undefined || old.revision <= this.#compactedTo) return undefined;
    return old.revision;
  }

  #isDefragmentationDue(status: DatabaseStatus, now: Instant, quota: number): boolean {
    const { dbSizeBytes, dbInUseBytes } = status;
    if (this.#fullSince !== undefined) {
      const pauseMs = defragmentFullFirstMs * 2 ** this.#fullDefragmentations;
      const last = Math.max(this.#fullSince, this.#defragmentedAt ?? this.#fullSince);
      if (now - last < Math.min(pauseMs, defragmentFullMaxMs)) return false;
      return dbSizeBytes >= quota * disarmBelowShare;
    }
    if (this.#defragmentedAt !== undefined && now - this.#defragmentedAt < defragmentEveryMs) {
      return false;
    }
    if (dbSizeBytes <= quota * defragmentAboveShare) return false;
    return dbInUseBytes < dbSizeBytes * defragmentInUseShare;
  }
}

/** How much history is kept with so much of the quota in use. */
function keptMs(share: number): number {
  if (share > scarceShare) return 0;
  return share > tightShare ? keepTightMs : keepMs;
}
