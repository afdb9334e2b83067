/** The locks of one pool. */
import {
  acquireKinds,
  electKinds,
  rulesOf,
  termsOf,
  tryKinds,
  type AcquireOptions,
  type ElectOptions,
  type TryOptions,
} from "./acquire-options.ts";
import { durationMs } from "./duration.ts";
import { elect } from "./election.ts";
import { HoldfastError } from "./error.ts";
import { forceRelease, type ForceOptions } from "./forcing.ts";
import type { ForceReleased, Lock, LockPool as PoolAnswer } from "./generated/operations.ts";
import { Grant, type Held } from "./grant.ts";
import type { Office } from "./office.ts";
import { anyText, checkOptions, checkWork, count, type KindsOf } from "./options.ts";
import { eventsKinds, watchLock, type EventsOptions, type LockEvent } from "./watching.ts";

export interface ListOptions {
  /** Only locks whose name starts so. */
  readonly prefix?: string | undefined;
  /** Locks a page, at most 1000. Unset: 100. */
  readonly limit?: number | undefined;
  /** As the page before said. */
  readonly continue?: string | undefined;
}

const listKinds: KindsOf<ListOptions> = { prefix: anyText, limit: count, continue: anyText };

export type Guarded<Result, G = Grant> = (
  grant: G,
  signal: AbortSignal,
) => Promise<Result> | Result;

export class Locks {
  readonly pool: string;
  readonly #office: Office;

  /** @internal */
  constructor(pool: string, office: Office) {
    this.pool = pool;
    this.#office = office;
  }

  /**
   * Runs `work` while the lock is held, and gives it back whatever happens. `signal` aborts when the grant is lost: stop then.
   * @throws what `work` throws; HoldfastError: what kept the lock from being acquired, or `grant_lost` where it was lost while
   * `work` ran to its end all the same
   */
  using<Result>(name: string, work: Guarded<Result>): Promise<Result>;
  using<Result>(
    name: string,
    options: AcquireOptions | undefined,
    work: Guarded<Result>,
  ): Promise<Result>;
  async using<Result>(
    name: string,
    ...rest: [Guarded<Result>] | [AcquireOptions | undefined, Guarded<Result>]
  ): Promise<Result> {
    const [options = {}, work] = rest.length === 1 ? [{}, rest[0]] : rest;
    checkWork(work);
    checkOptions("using()", options, acquireKinds);
    return guarded(await this.#acquire(name, options, true), work, this.#office.warn);
  }

  /**
   * The lock, to be given back by `release()`. It is renewed until then, or until the process ends: a grant does not keep it
   * alive.
   * @throws HoldfastError: `lock_held` when the wait is over; the signal's reason
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<Grant> {
    checkOptions("acquire()", options, acquireKinds);
    return this.#acquire(name, options, false);
  }

  /** As {@link acquire} without a wait. undefined: somebody else holds it. */
  async tryAcquire(name: string, options: TryOptions = {}): Promise<Grant | undefined> {
    checkOptions("tryAcquire()", options, tryKinds);
    try {
      return await this.#acquire(name, { ...options, wait: 0 }, false);
    } catch (error) {
      if (HoldfastError.is(error, "lock_held")) return undefined;
      throw error;
    }
  }

  /** Who holds the lock and who waits for it. */
  get(name: string): Promise<Lock> {
    return this.#office.calls.get("getLock", { path: { pool: this.pool, name }, fields: {} });
  }

  /** The locks of the pool that are held or waited for: a page of them, and the totals. */
  async list(options: ListOptions = {}): Promise<PoolAnswer> {
    checkOptions("list()", options, listKinds);
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const fields = Object.fromEntries(given) as {
      [K in keyof ListOptions]: NonNullable<ListOptions[K]>;
    };
    return this.#office.calls.get("listLocks", { path: { pool: this.pool }, fields });
  }

  /**
   * Who holds the lock: as it is, then each change, for as long as one listens. Followers of a leader read this:
   *
   *     for await (const event of locks.events("leader")) if (event.kind === "holder") follow(event.holders[0]);
   *
   * @throws HoldfastError where the lock cannot be watched
   */
  events(name: string, options: EventsOptions = {}): AsyncGenerator<LockEvent, void> {
    checkOptions("events()", options, eventsKinds);
    const path = { pool: this.pool, name };
    return watchLock(this.#office, { path, signal: this.#office.untilClosed(options.signal) });
  }

  /**
   * Stands for election, turn after turn. Each turn is the lock, held: lead until its signal aborts.
   *
   *     for await (const { signal, fence } of locks.elect("leader")) await lead(signal, fence);
   *
   * The lock is given back when the loop's body ends, is left by `break`, or throws. `options.signal` ends the candidacy: the body
   * is to look at it, too.
   * @throws HoldfastError what does not pass by itself
   */
  elect(name: string, options: ElectOptions = {}): AsyncGenerator<Grant, void> {
    checkOptions("elect()", options, electKinds);
    const signal = this.#office.untilClosed(options.signal);
    const acquire = (more: AcquireOptions): Promise<Grant> => this.#acquire(name, more, true);
    return elect(this.#office, { options, signal, acquire });
  }

  /**
   * Takes the lock from its holder: asks for it, and ends the grant after a grace. For pods that the pool's `admin` lets. The
   * answer's `outcome` says what came of it: `requested` is not `released`.
   * @throws HoldfastError `outcome_unknown` where no answer came: it is asked again only where a fence says whom it means
   */
  forceRelease(name: string, options: ForceOptions = {}): Promise<ForceReleased> {
    return forceRelease(this.#office.calls, { pool: this.pool, name }, options);
  }

  async #acquire(name: string, options: AcquireOptions, keepsAlive: boolean): Promise<Grant> {
    const { wait = 0, mode, permits } = options;
    const fields = {
      ...termsOf(options, this.#office.holder),
      ...(mode === undefined ? {} : { mode }),
      ...(permits === undefined ? {} : { permits }),
    };
    const wanted = { id: "acquireLock", path: { pool: this.pool, name }, fields } as const;
    const asked = { wanted, waitMs: durationMs("wait", wait) };
    return this.#office.acquire(asked, rulesOf(options, keepsAlive), Grant);
  }
}

/** Runs `work` while the grant is held, and gives it back whatever happens. */
export async function guarded<Result, G extends Held>(
  grant: G,
  work: Guarded<Result, G>,
  warn: (error: unknown) => void,
): Promise<Result> {
  try {
    const result = await work(grant, grant.signal);
    const { loss } = grant;
    if (loss !== undefined) throw loss;
    return result;
  } finally {
    await grant.release().catch(warn);
  }
}
