/** Several locks, taken together: all or none. */
import { durationMs } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { SetGrant } from "./grant.ts";
import { guarded, rulesOf, termsOf, type AcquireOptions, type Guarded } from "./locks.ts";
import type { Office } from "./office.ts";

export interface LockWanted {
  readonly pool: string;
  readonly name: string;
  /** exclusive (unset), or shared with others that ask so: of a pool with mode ReadWrite. */
  readonly mode?: "exclusive" | "shared" | undefined;
  /** How many permits to take, all or none: of a pool with mode Semaphore. Unset: 1. */
  readonly permits?: number | undefined;
}

/** As of one lock; mode and permits stand with each. */
export type SetOptions = Omit<AcquireOptions, "mode" | "permits">;

export class LockSet {
  readonly locks: readonly LockWanted[];
  readonly #office: Office;

  /** @internal */
  constructor(locks: readonly LockWanted[], office: Office) {
    this.locks = locks;
    this.#office = office;
  }

  /**
   * Runs `work` while all the locks are held, and gives them back whatever happens. `signal` aborts when they are lost.
   * @throws what `work` throws; HoldfastError: what kept them from being acquired, or `grant_lost` where they were lost while
   * `work` ran to its end all the same
   */
  using<Result>(work: Guarded<Result, SetGrant>): Promise<Result>;
  using<Result>(options: SetOptions, work: Guarded<Result, SetGrant>): Promise<Result>;
  async using<Result>(
    ...given: [Guarded<Result, SetGrant>] | [SetOptions, Guarded<Result, SetGrant>]
  ): Promise<Result> {
    const [options, work] = given.length === 1 ? [{}, given[0]] : given;
    return guarded(await this.#acquire(options, true), work, this.#office.warn);
  }

  /**
   * The locks, to be given back together by `release()`. They are renewed until then, or until the process ends.
   * @throws HoldfastError: `lock_held` when the wait is over, which says of which lock; the signal's reason
   */
  acquire(options: SetOptions = {}): Promise<SetGrant> {
    return this.#acquire(options, false);
  }

  /** As {@link acquire} without a wait. undefined: somebody else holds one of them. */
  async tryAcquire(options: Omit<SetOptions, "wait"> = {}): Promise<SetGrant | undefined> {
    try {
      return await this.#acquire({ ...options, wait: 0 }, false);
    } catch (error) {
      if (HoldfastError.is(error, "lock_held")) return undefined;
      throw error;
    }
  }

  async #acquire(options: SetOptions, keepsAlive: boolean): Promise<SetGrant> {
    const locks = this.locks.map(({ pool, name, mode, permits }) => ({
      ...{ pool, name },
      ...(mode === undefined ? {} : { mode }),
      ...(permits === undefined ? {} : { permits }),
    }));
    const fields = { locks, ...termsOf(options, this.#office.holder) };
    const wanted = { id: "acquireLockSet", path: {}, fields } as const;
    const asked = { wanted, waitMs: durationMs("wait", options.wait ?? 0) };
    return this.#office.acquire(asked, rulesOf(options, keepsAlive), SetGrant);
  }
}
