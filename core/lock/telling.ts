/** What a cohort's contender tells observers, and when that is told anew. */
import type { Session } from "../session/session.ts";
import type { CohortParts, Stander } from "./around.ts";
import type { ContenderValue } from "./contender.ts";
import type { Place } from "./place.ts";
import { contenderValue } from "./tell.ts";

export class Telling {
  readonly #parts: CohortParts;
  readonly #cohort: Stander & { readonly beside: unknown };

  constructor(parts: CohortParts, cohort: Stander & { readonly beside: unknown }) {
    this.#parts = parts;
    this.#cohort = cohort;
  }

  /** Without a place: what is told by one that is being taken. */
  value(session: Session, base: bigint, place?: Place): ContenderValue {
    const { runtime, pod } = this.#parts;
    const { callers, demand, grants, beside, isIdle: idle = false } = this.#cohort;
    const [handovers, isNew] = [place?.handovers ?? 0, place === undefined];
    const own = { callers, demand, grants, idle, isOwn: beside !== undefined };
    return contenderValue({ runtime, pod, session, base, handovers, isNew, ...own });
  }

  /** What it tells may have changed. As it was made it tells of one caller, and nothing is to be told of that one alone. */
  describe(place: Place): void {
    const { callers, grants, isIdle } = this.#cohort;
    const { isAsMade, waits, handovers, othersSince } = place;
    const asWritten =
      isAsMade && isIdle !== true && !waits && handovers === 0 && othersSince === undefined;
    if (asWritten && callers.size <= (grants.length === 0 ? 1 : 0)) return;
    const tell = () => {
      const base = place.base ?? this.#parts.mirror.installation?.base ?? 0n;
      return this.value(place.session, base, place);
    };
    place.describe(tell, () => {
      if (this.#cohort.place === place) this.#cohort.broken();
    });
  }
}
