/**
 * Whether a watch stream can be believed. A member cut off from the quorum keeps its watches open and answers progress
 * requests for as long as one likes: neither shows that anything is fresh. So progress is asked for, and compared with
 * the revision that a linearizable answer had told *before* it was asked for: what stays below it for `behindMaxMs`, or
 * does not come, is not believed any more.
 *
 * Etcd answers a progress request only when its revision has come to where every watch of the stream begins. A watch that
 * begins behind the last write gets no answer as long as nothing is written; there a linearizable read tells what the
 * progress would: that nothing was written since.
 */
import { after, type Instant, forever } from "#core/runtime.ts";
import { type Revision, noRevision } from "#core/store.ts";

export const progressEveryMs = 5_000;
/** While an answer is outstanding: the server drops a request that finds one of the watches still catching up. */
const askAgainMs = 1_000;
const behindMaxMs = 2_000;
const behindLookMs = 500;

export class Freshness {
  #heardAt: Instant;
  /** Since when an answer, to whatever was asked, is outstanding. */
  #waitingSince: Instant | undefined;
  /** What was known when progress was asked for last. */
  #target: Revision = noRevision;
  /** Progress is below this revision, known since before `since`. */
  #behind: { readonly target: Revision; readonly since: Instant } | undefined;
  #nextAskAt: Instant;

  constructor(now: Instant) {
    this.#heardAt = now;
    this.#nextAskAt = after(now, progressEveryMs);
  }

  /** When to look again: to ask ({@link due}), or to judge ({@link judge}). */
  get lookAt(): Instant {
    const patience =
      this.#waitingSince === undefined ? forever : after(this.#waitingSince, progressEveryMs);
    return Math.min(this.#nextAskAt, patience) as Instant;
  }

  /** Progress is to be asked for. */
  due(now: Instant): boolean {
    return now >= this.#nextAskAt;
  }

  /** Something was asked that the server has to answer. */
  asked(now: Instant): void {
    this.#waitingSince ??= now;
  }

  /** `known`: what a linearizable answer has told. */
  askedProgress(now: Instant, known: Revision): void {
    this.asked(now);
    this.#target = known;
    this.#nextAskAt = after(now, askAgainMs);
  }

  /** Nothing is asked of the stream before the next look: a read asks instead. */
  askedElsewhere(now: Instant): void {
    this.#nextAskAt = after(now, progressEveryMs);
  }

  /** Whatever came, at a revision. */
  heard(now: Instant, told: Revision): void {
    this.#heardAt = now;
    this.#waitingSince = undefined;
    if (this.#behind !== undefined && told >= this.#behind.target) this.#behind = undefined;
  }

  /** The answer to a progress request. */
  progressed(now: Instant, told: Revision): void {
    this.heard(now, told);
    if (told < this.#target) this.#behind ??= { target: this.#target, since: now };
    this.#nextAskAt = after(now, this.#behind === undefined ? progressEveryMs : behindLookMs);
  }

  /** Why the stream is not to be believed; undefined: it is. */
  judge(now: Instant): string | undefined {
    if (this.#waitingSince !== undefined && now - this.#waitingSince >= progressEveryMs) {
      return `nothing was heard of a watch for ${Math.round(now - this.#heardAt)} ms`;
    }
    if (this.#behind !== undefined && now - this.#behind.since >= behindMaxMs) {
      return `a watch stays behind revision ${this.#behind.target}, which is known`;
    }
    return undefined;
  }
}
