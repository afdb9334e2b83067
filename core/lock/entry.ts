/**
 * One cohort's entries, one after the other: each takes a place, or tells why there is none. Beside others of the same lock a
 * cohort has a seat of its own while a place of it stands, or may.
 */
import type { SideSeat } from "../session/seats.ts";
import type { Session } from "../session/session.ts";
import type { Beside, CohortParts } from "./around.ts";
import type { ContenderValue } from "./contender.ts";
import { enter, type Entered } from "./enter.ts";
import type { Lock } from "./keys.ts";
import type { PoolMarks } from "./marks.ts";
import type { Phase } from "./phase.ts";
import type { Place } from "./place.ts";
import { Setbacks } from "./setbacks.ts";
import type { Steps } from "./steps.ts";

export interface Taken {
  readonly place: Place;
  /** It holds, as of the write itself. */
  readonly alone: boolean;
}

export interface EntryOf {
  readonly lock: Lock;
  readonly marks: PoolMarks;
  readonly beside: Beside<unknown> | undefined;
  readonly steps: Steps;
  /** What its contender tells. */
  readonly describe: (session: Session, base: bigint) => ContenderValue;
}

export class Entry {
  readonly #parts: CohortParts;
  readonly #of: EntryOf;
  readonly #setbacks: Setbacks;
  /** Of the place, also while that is being taken. */
  #seat: SideSeat | undefined;
  /** The answer to the last was lost with its session: a place may stand until that one's lease ends. */
  #unsettled = false;

  constructor(parts: CohortParts, of: EntryOf) {
    this.#parts = parts;
    this.#of = of;
    this.#setbacks = new Setbacks(parts, of.steps);
  }

  get unsettled(): boolean {
    return this.#unsettled;
  }

  /** Its place is certainly gone. */
  left(): void {
    this.#seat?.leave();
  }

  /** `leaving`: an old place, which goes in the same write. */
  async enter(session: Session, leaving: Place | undefined): Promise<Entered> {
    const { lock, marks, beside, describe } = this.#of;
    this.#seat = beside?.seats.take(session.seats);
    const entered = await enter(this.#parts, lock, {
      ...{ session, marks, pool: this.#parts.mirror.pool(lock.pool) },
      seat: this.#seat?.word ?? session.seats.free(leaving?.key),
      leaving: leaving?.keys ?? [],
      describe: (base) => describe(session, base),
    });
    if (entered.kind === "placed") {
      this.#setbacks.over();
      this.#unsettled = false;
    } else if (entered.kind !== "unknown") this.left(); // Nothing was written. (Where that is not known, the seat is spoiled.)
    return entered;
  }

  /** Waits as long as is right after such an answer. Returns the place that was there after all. */
  async instead(
    session: Session,
    entered: Exclude<Entered, { kind: "placed" }>,
    enterPhase: (phase: Phase) => void,
  ): Promise<Taken | undefined> {
    if (entered.kind !== "unknown") {
      const refused = (why: Error) => {
        enterPhase({ kind: "refused", why });
      };
      await this.#setbacks.after(entered, session, refused);
      return undefined;
    }
    enterPhase({ kind: "settling" });
    const place = await entered.settle();
    if (place !== undefined) return { place, alone: false };
    this.#unsettled = session.ended.aborted;
    await this.#of.steps.pause();
    return undefined;
  }
}
