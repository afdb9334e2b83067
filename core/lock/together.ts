/**
 * Readers of one process, on one place: each is granted the lock beside the others, without a write, as long as the place holds
 * and takes more. The place goes with the last of them, and only then is anybody of that last moment told that he has released it.
 */
import type { StoreRefusal } from "../outcome.ts";
import { Refusal } from "../refusal.ts";
import { after, type Instant } from "../runtime.ts";
import type { Callers } from "./callers.ts";
import { countEnd, type Counters } from "./counters.ts";
import type { Freed, Grant } from "./grant.ts";
import type { Marked } from "./marks.ts";
import type { Phase } from "./phase.ts";
import type { Place } from "./place.ts";
import { storeRefused } from "./refusals.ts";
import type { GrantEnd } from "./views.ts";

/** The cohort that it is for. */
export interface TogetherOf {
  readonly callers: Callers;
  readonly counters: Counters;
  readonly now: () => Instant;
  /** Whether it is still the cohort's place, and may be granted on. */
  readonly stands: (place: Place) => boolean;
  /** See {@link markAsNeeded}. */
  readonly mark: (place: Place, isCountedOn: boolean) => Promise<Marked | undefined>;
  /** Undefined: nobody is left who may be granted it. */
  readonly grantNext: (place: Place) => Grant | undefined;
  readonly enterPhase: (phase: Phase) => void;
  readonly describe: () => void;
  /** @throws Refusal why the pool is not served any more */
  readonly checkServed: () => void;
  /** `refused`: why it cannot be granted. */
  readonly leave: (place: Place, refused: StoreRefusal | undefined) => Promise<Freed>;
}

interface Passed {
  readonly grant: Grant;
  readonly why: GrantEnd;
}

export class Together {
  readonly #of: TogetherOf;
  /** Those that were not passed yet, in the order in which they were made. */
  readonly #standing = new Set<Grant>();
  readonly #passed: Passed[] = [];
  /** Passed, and what they guard may still take effect. */
  readonly #guarding = new Set<Grant>();
  /** Of what was waited for beside the loop: it is the loop's to throw. */
  #bug: unknown;
  #wake: (() => void) | undefined;
  /** Since everybody who waits was seen. */
  #somebodyCame = false;
  /** When one of them was lost: what its marker says is to come. */
  #lostAt: Instant | undefined;

  constructor(of: TogetherOf) {
    this.#of = of;
  }

  get size(): number {
    return this.#standing.size;
  }

  get grants(): readonly Grant[] {
    return [...this.#standing];
  }

  /** Somebody came, or the place is void. */
  wake(): void {
    this.#somebodyCame = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Grants to all who come, until the last of them went and the place with it. */
  async serve(place: Place): Promise<void> {
    const { callers, counters, enterPhase, describe } = this.#of;
    let passed: Grant[] = [];
    let isFirst = true;
    this.#lostAt = undefined;
    for (;;) {
      const refused = await this.#grantAll(place, isFirst);
      if (this.#standing.size === 0) {
        if (this.#countsOn(place.mark)) place.leaveMark();
        return this.#leave(place, passed, refused);
      }
      isFirst = false;
      for (const grant of passed) this.#free(grant);
      passed = [];
      // Who could not be granted it though others hold it knows nothing until his time is over, or he is granted it after all.
      const isLeftOut = callers.size > 0 && !this.#somebodyCame;
      enterPhase({ kind: isLeftOut ? "unseen" : "sharing" });
      for (const { grant, why } of await this.#next()) {
        countEnd(counters, why);
        if (!grant.endedCleanly) this.#lostAt = this.#of.now();
        if (why === "sessionLost") grant.lose();
        else if (why === "broken") grant.free("released");
        else passed.push(grant);
      }
      describe();
    }
  }

  /** Returns why nothing can be granted on it. */
  async #grantAll(place: Place, isFirst: boolean): Promise<StoreRefusal | undefined> {
    const { callers, counters, stands, mark, grantNext } = this.#of;
    this.#somebodyCame = false;
    const marked = await mark(place, this.#standing.size > 0 || this.#countsOn(place.mark));
    if (marked?.kind === "gone") place.session.seats.spoil();
    if (marked?.kind === "refused") {
      if (this.#standing.size > 0) callers.endAll(storeRefused(marked.reason));
      return marked.reason;
    }
    if (marked?.kind === "gone" || !stands(place)) return undefined;
    for (let isNext = !isFirst; callers.size > 0; isNext = true) {
      if (isNext) place.handOver();
      const grant = grantNext(place);
      if (grant === undefined) break;
      if (isNext) counters.handovers += 1;
      this.#add(grant);
    }
    if (this.#standing.size > 0) this.#endUnserved();
    return undefined;
  }

  /** Whether the delay after one of them was lost still runs. */
  #countsOn(mark: Place["mark"]): boolean {
    if (mark === undefined || this.#lostAt === undefined) return false;
    return this.#of.now() < after(this.#lostAt, mark.delayMs);
  }

  #add(grant: Grant): void {
    this.#standing.add(grant);
    void grant.passed.then((why) => {
      this.#passed.push({ grant, why });
      this.wake();
    });
  }

  #endUnserved(): void {
    const { callers, checkServed } = this.#of;
    if (callers.size === 0) return;
    try {
      checkServed();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      callers.endAll(error);
    }
  }

  /** Others stay: it is released when nothing that it guards can take effect any more, or with the place. */
  #free(grant: Grant): void {
    if (grant.guards === undefined || !grant.isGuarding) {
      grant.free("released");
      return;
    }
    this.#guarding.add(grant);
    grant.guards.settled().then(
      (freed) => {
        this.#guarding.delete(grant);
        grant.free(freed);
      },
      (error: unknown) => {
        this.#bug = error;
        this.wake();
      },
    );
  }

  /** Those that were passed since, when there are some or somebody came. */
  async #next(): Promise<readonly Passed[]> {
    if (this.#passed.length === 0 && !this.#somebodyCame)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#bug !== undefined) throw this.#bug as Error;
    const passed = this.#passed.splice(0);
    for (const { grant } of passed) this.#standing.delete(grant);
    return passed;
  }

  async #leave(
    place: Place,
    passed: readonly Grant[],
    refused: StoreRefusal | undefined,
  ): Promise<void> {
    const { stands, leave } = this.#of;
    const freed = stands(place) ? await leave(place, refused) : undefined;
    for (const grant of [...passed, ...this.#guarding])
      if (freed === undefined) grant.lose();
      else grant.free(freed);
    this.#guarding.clear();
  }
}
