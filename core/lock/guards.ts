/**
 * What one grant guards: its writes that are under way, and those without an answer. Such a one may come until the session's
 * epoch was raised past the one that it carries; then it never will.
 */
import { Refusal } from "../refusal.ts";
import type { Instant, Runtime } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import { noRevision, type Revision } from "../store.ts";

/** Of one grant, at once. */
export const guardedWritesMax = 64;

export class Guards {
  readonly #session: Session;
  #underWay = 0;
  /** The latest epoch of those without an answer. */
  #unansweredUnder = noRevision;
  #givenUp = false;
  #wake: (() => void) | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether something may still take effect. */
  get areUnderWay(): boolean {
    return this.#underWay > 0 || this.#mayCome;
  }

  get #mayCome(): boolean {
    return this.#session.epoch <= this.#unansweredUnder;
  }

  /** @throws Refusal too many are under way */
  begin(grantId: string): void {
    if (this.#underWay >= guardedWritesMax) {
      throw new Refusal(
        "too_many_requests",
        `Grant '${grantId}' has ${String(guardedWritesMax)} guarded writes under way, its limit (guardedWrites). Retry when some are done.`,
        { limit: "guardedWrites", max: guardedWritesMax },
      );
    }
    this.#underWay += 1;
  }

  /** `unansweredUnder`: it was sent under that epoch, and what became of it is not known. */
  end(unansweredUnder: Revision = noRevision): void {
    this.#underWay -= 1;
    if (unansweredUnder > this.#unansweredUnder) this.#unansweredUnder = unansweredUnder;
    if (this.#underWay === 0 || this.#mayCome) this.#wake?.();
  }

  /** The grant's place is void, or is not granted on any more: nobody waits for them. */
  giveUp(): void {
    this.#givenUp = true;
    this.#wake?.();
  }

  /** Returns whether nothing can take effect any more: waits until all are answered, one has no answer, or `until`. */
  async areOverBy(until: Instant, runtime: Runtime): Promise<boolean> {
    if (this.#underWay > 0 && !this.#mayCome && !this.#givenUp) {
      const late = runtime.timer(until, () => this.#wake?.());
      await this.#woken();
      late.cancel();
    }
    return !this.areUnderWay;
  }

  /** Resolves when nothing can take effect any more, though the place stands. Unknown: its session ended before. */
  async settled(): Promise<"released" | "unknown"> {
    while (this.#underWay > 0) await this.#woken();
    if (this.#mayCome) await this.#session.leaveEpoch(this.#unansweredUnder);
    return this.areUnderWay ? "unknown" : "released";
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
