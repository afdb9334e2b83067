/** Several locks, taken together: all or none. */
import {
  howHeld,
  rulesOf,
  setKinds,
  setTryKinds,
  termsOf,
  type SetOptions,
  type SetTryOptions,
} from "./acquire-options.ts";
import { durationMs } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { SetGrant } from "./grant.ts";
import { guarded, type Guarded } from "./locks.ts";
import type { Office } from "./office.ts";
import {
  anyText,
  checkObject,
  checkOption,
  checkOptions,
  checkWork,
  wrong,
  type KindsOf,
} from "./options.ts";

export interface LockWanted {
  readonly pool: string;
  readonly name: string;
  /** exclusive (unset), or shared with others that ask so: of a pool with mode ReadWrite. */
  readonly mode?: "exclusive" | "shared" | undefined;
  /** How many permits to take, all or none: of a pool with mode Semaphore. Unset: 1. */
  readonly permits?: number | undefined;
}

const kinds: KindsOf<LockWanted> = { pool: anyText, name: anyText, ...howHeld };

export class LockSet {
  readonly locks: readonly LockWanted[];
  readonly #office: Office;

  /** @internal */
  constructor(locks: readonly LockWanted[], office: Office) {
    checkLocks(locks);
    this.locks = locks;
    this.#office = office;
  }

  /**
   * Runs `work` while all the locks are held, and gives them back whatever happens. `signal` aborts when they are lost.
   * @throws what `work` throws; HoldfastError: what kept them from being acquired, or `grant_lost` where they were lost while
   * `work` ran to its end all the same
   */
  using<Result>(work: Guarded<Result, SetGrant>): Promise<Result>;
  using<Result>(options: SetOptions | undefined, work: Guarded<Result, SetGrant>): Promise<Result>;
  async using<Result>(
    ...given: [Guarded<Result, SetGrant>] | [SetOptions | undefined, Guarded<Result, SetGrant>]
  ): Promise<Result> {
    const [options = {}, work] = given.length === 1 ? [{}, given[0]] : given;
    checkWork(work);
    checkOptions("using() of a set", options, setKinds);
    return guarded(await this.#acquire(options, true), work, this.#office.warn);
  }

  /**
   * The locks, to be given back together by `release()`. They are renewed until then, or until the process ends.
   * @throws HoldfastError: `lock_held` when the wait is over, which says of which lock; the signal's reason
   */
  async acquire(options: SetOptions = {}): Promise<SetGrant> {
    checkOptions("acquire() of a set", options, setKinds);
    return this.#acquire(options, false);
  }

  /** As {@link acquire} without a wait. undefined: somebody else holds one of them. */
  async tryAcquire(options: SetTryOptions = {}): Promise<SetGrant | undefined> {
    checkOptions("tryAcquire() of a set", options, setTryKinds);
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

/** How many there may be is the sidecar's to say. */
function checkLocks(locks: readonly LockWanted[]): void {
  if (!Array.isArray(locks))
    throw wrong("locks", "all() takes a list of locks, each { pool, name }", locks);
  for (const [index, lock] of (locks as readonly LockWanted[]).entries()) {
    const at = `locks[${index}]`;
    checkObject({ call: "a lock of all()", at }, lock, kinds);
    checkOption(`${at}.pool`, lock.pool, anyText);
    checkOption(`${at}.name`, lock.name, anyText);
  }
}
