/** The sets of this process that somebody waits for or holds. */
import type { Refusal } from "../refusal.ts";
import { SideSeats } from "../session/seats.ts";
import type { Session } from "../session/session.ts";
import type { Tasks } from "../tasks.ts";
import { askedFor, checkSameAsked } from "./asked.ts";
import type { CohortParts } from "./around.ts";
import type { Listening } from "./caller.ts";
import { lockOf, type Lock } from "./keys.ts";
import type { Pool } from "./pool.ts";
import { rulesServed } from "./rules.ts";
import { LockSet } from "./set.ts";
import type { SetMember } from "./set-member.ts";
import type { Acquired, AcquireRequest, LockDemand } from "./views.ts";

export interface SetsParts extends CohortParts {
  readonly tasks: Tasks;
  readonly pool: (name: string) => Pool;
}

export class Sets {
  readonly #parts: SetsParts;
  readonly #running = new Map<LockSet, Promise<void>>();
  /** Of all sets: their places lie beside each other where they share a lock. */
  readonly #seats = new SideSeats();

  constructor(parts: SetsParts) {
    this.#parts = parts;
  }

  *members(): Iterable<SetMember> {
    for (const set of this.#running.keys()) yield* set.members;
  }

  [Symbol.iterator](): IterableIterator<LockSet> {
    return this.#running.keys();
  }

  /** @throws Refusal what cannot be had now */
  join(
    request: AcquireRequest,
    locks: readonly LockDemand[],
    listening: Listening,
  ): Promise<Acquired> {
    const there = this.#repeated(request);
    if (there !== undefined) return there.join(request, listening);
    const wanted = locks.map(({ pool, name, mode, permits }) => ({
      lock: lockOf(this.#parts.namespace, { pool, name }),
      demand: { mode, permits },
      pool: this.#parts.pool(pool),
    }));
    this.#checkNames(wanted);
    const members = wanted.map((one) => ({ ...one, beside: one.pool.besideFor(one.lock) }));
    const set = new LockSet(this.#parts, this.#seats, members);
    const answer = set.join(request, listening);
    this.#start(set);
    return answer;
  }

  sessionEnded(session: Session): void {
    for (const set of this.#running.keys()) set.sessionEnded(session);
  }

  /** Resolves when every set that promises nothing is let go; `callersEnded`: none does. */
  async drain(refusal: Refusal, callersEnded: boolean): Promise<void> {
    const { runtime } = this.#parts;
    const leaving = [...this.#running].filter(([set]) => {
      set.endWait(refusal);
      return callersEnded || set.grants.every(({ statedUntil }) => statedUntil <= runtime.now());
    });
    await Promise.all(leaving.map(([, ended]) => ended));
  }

  close(refusal: Refusal): void {
    for (const set of this.#running.keys()) set.close(refusal);
  }

  /** The one whose caller asks the same (by its requestId), and still waits. */
  #repeated(request: AcquireRequest): LockSet | undefined {
    if (request.requestId === undefined) return undefined;
    for (const set of this.#running.keys()) {
      const caller = set.callers.repeated(request);
      if (caller === undefined) continue;
      checkSameAsked(request, askedFor(caller.request));
      return set;
    }
    return undefined;
  }

  #checkNames(wanted: readonly { readonly lock: Lock; readonly pool: Pool }[]): void {
    for (const [pool, ofPool] of Map.groupBy(wanted, (one) => one.pool)) {
      const rules = rulesServed(this.#parts.mirror, pool.name);
      pool.checkNames(
        ofPool.map(({ lock }) => lock),
        rules,
      );
    }
  }

  #start(set: LockSet): void {
    for (const member of set.members) member.pool.memberCame(member);
    this.#parts.tasks.run(`a set of ${String(set.members.length)} locks`, async () => {
      const running = set.run();
      this.#running.set(set, running);
      try {
        await running;
      } finally {
        this.#running.delete(set);
        for (const member of set.members) member.pool.memberWent(member);
      }
    });
  }
}
