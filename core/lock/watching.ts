/** Who looks on at locks of this process's pools: observers, and callers that hear of their place. One watch a lock for all. */
import type { Runtime } from "../runtime.ts";
import type { Specs } from "../spec/specs.ts";
import type { Cohort } from "./cohort.ts";
import type { LockObserver } from "./events.ts";
import type { Followings } from "./following.ts";
import type { Lock } from "./keys.ts";
import { Observing } from "./observe.ts";
import { Places } from "./places.ts";
import { rulesNow } from "./rules.ts";

export interface WatchingParts {
  readonly runtime: Runtime;
  readonly mirror: Specs;
  readonly followings: Followings;
  /** Of one lock, in this process. */
  readonly cohortsOf: (lock: Lock) => Iterable<Cohort>;
}

export class Watching {
  readonly #parts: WatchingParts;
  readonly #places = new Map<string, Places>();

  constructor(parts: WatchingParts) {
    this.#parts = parts;
  }

  /** Returns how to end it. */
  observe(lock: Lock, observer: LockObserver): () => void {
    const { followings, mirror } = this.#parts;
    // Of a pool that went, whoever still holds is told as its contender stands.
    const observing = new Observing(
      observer,
      () => rulesNow(mirror, lock.pool)?.sharing ?? { mode: "Mutex", permits: 1 },
    );
    followings.add(lock, observing);
    return () => {
      followings.remove(lock, observing);
    };
  }

  /** A caller of this lock listens for its place from now on. Returns how to end it. */
  listen(lock: Lock): () => void {
    const { runtime, mirror, followings, cohortsOf } = this.#parts;
    const places =
      this.#places.get(lock.path) ??
      new Places({
        runtime,
        cohorts: () => cohortsOf(lock),
        sharing: () => rulesNow(mirror, lock.pool)?.sharing,
      });
    places.listeners += 1;
    if (places.listeners > 1) places.tell();
    else {
      this.#places.set(lock.path, places);
      followings.add(lock, places);
    }
    return () => {
      places.listeners -= 1;
      if (places.listeners > 0) return;
      this.#places.delete(lock.path);
      followings.remove(lock, places);
      places.end();
    };
  }
}
