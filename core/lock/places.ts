/**
 * Tells callers that wait for one lock, and listen, at which place they stand: at once when it is first known, then again
 * when it has changed, at most once a second. Places of other sessions are counted as they were seen; whoever stands behind
 * our own place in memory, by where he stands there.
 */
import { after, type Instant, type Runtime, type Timer } from "../runtime.ts";
import type { Cohort } from "./cohort.ts";
import type { Copy, Onlooker } from "./following.ts";
import { waitingBefore } from "./look.ts";
import type { Sharing } from "./order.ts";

const tellEveryMs = 1_000;

export interface PlacesParts {
  readonly runtime: Runtime;
  /** Of this lock. */
  readonly cohorts: () => Iterable<Cohort>;
  readonly sharing: () => Sharing | undefined;
}

export class Places implements Onlooker {
  /** How many callers listen. */
  listeners = 0;
  readonly #parts: PlacesParts;
  #copy: Copy | undefined;
  #tellAgainAt: Instant;
  #timer: Timer | undefined;

  constructor(parts: PlacesParts) {
    this.#parts = parts;
    this.#tellAgainAt = parts.runtime.now();
  }

  seen(copy: Copy): void {
    this.#copy = copy;
    const { runtime } = this.#parts;
    if (runtime.now() >= this.#tellAgainAt) this.tell();
    else
      this.#timer ??= runtime.timer(this.#tellAgainAt, () => {
        this.tell();
      });
  }

  /** What was told stands until more is known. */
  unseen(): void {
    this.#copy = undefined;
  }

  /** Also to who comes now: whoever was told his place is told nothing twice. */
  tell(): void {
    const { runtime, cohorts, sharing } = this.#parts;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tellAgainAt = after(runtime.now(), tellEveryMs);
    const [copy, shared] = [this.#copy, sharing()];
    if (copy === undefined || shared === undefined) return;
    const contenders = [...copy.contenders.values()];
    for (const { place, grants, callers, isTogether } of cohorts()) {
      if (place === undefined || copy.contenders.get(place.key)?.createRevision !== place.created)
        continue;
      let at = 1 + (grants.length === 0 ? waitingBefore(contenders, shared, place) : 0);
      for (const caller of callers) {
        caller.stands(at);
        if (!isTogether) at += 1;
      }
    }
  }

  end(): void {
    this.#timer?.cancel();
  }
}
