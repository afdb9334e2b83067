/** The locks of one pool. */
import type { Duration } from "./duration.ts";
import { elect, type ElectOptions } from "./election.ts";
import { durationMs, durationText } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { forceRelease, type ForceOptions } from "./forcing.ts";
import type { ForceReleased, Lock, LockPool as PoolAnswer } from "./generated/operations.ts";
import { Grant, type Held } from "./grant.ts";
import type { Office } from "./office.ts";
import { watchLock, type EventsOptions, type LockEvent } from "./watching.ts";

export interface AcquireOptions {
  /** How long to wait for the lock: `10s`, or milliseconds. Unset: only try. */
  readonly wait?: Duration | undefined;
  /** How long the grant lives without a renewal. Unset: the pool's ttl. */
  readonly ttl?: Duration | undefined;
  /** ttl (unset): it ends when it is not renewed. session: it belongs to the pod as a whole, and outlives this process. */
  readonly hold?: "ttl" | "session" | undefined;
  /** exclusive (unset), or shared with others that ask so: of a pool with mode ReadWrite. */
  readonly mode?: "exclusive" | "shared" | undefined;
  /** How many permits to take, all or none: of a pool with mode Semaphore. Unset: 1. */
  readonly permits?: number | undefined;
  /** Who holds, for people who look. Unset: that of connect(), else the pod's name. */
  readonly holder?: string | undefined;
  /** On whose behalf: owners who wait for each other in a circle are told of, and one of them may be ended (409 `deadlock`). */
  readonly owner?: string | undefined;
  /** Shown to observers. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * Makes the request the same as an earlier one of that id, also of an earlier life of this process: it is answered with the
   * same grant while that lives. Unset: one of its own.
   */
  readonly requestId?: string | undefined;
  /** Ends the wait: the promise rejects with its reason at once, and what is granted later is given back. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the ttl is renewed until the release (unset: yes). */
  readonly renew?: boolean | undefined;
  /** When the grant's signal aborts: loss (unset), or already when its guarantee is about to end. */
  readonly abortOn?: "loss" | "jeopardy" | undefined;
}

export type TryOptions = Omit<AcquireOptions, "wait">;

export interface ListOptions {
  /** Only locks whose name starts so. */
  readonly prefix?: string | undefined;
  /** Locks a page, at most 1000. Unset: 100. */
  readonly limit?: number | undefined;
  /** As the page before said. */
  readonly continue?: string | undefined;
}

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
  using<Result>(name: string, options: AcquireOptions, work: Guarded<Result>): Promise<Result>;
  async using<Result>(
    name: string,
    ...rest: [Guarded<Result>] | [AcquireOptions, Guarded<Result>]
  ): Promise<Result> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest;
    return guarded(await this.#acquire(name, options, true), work, this.#office.warn);
  }

  /**
   * The lock, to be given back by `release()`. It is renewed until then, or until the process ends: a grant does not keep it
   * alive.
   * @throws HoldfastError: `lock_held` when the wait is over; the signal's reason
   */
  acquire(name: string, options: AcquireOptions = {}): Promise<Grant> {
    return this.#acquire(name, options, false);
  }

  /** As {@link acquire} without a wait. undefined: somebody else holds it. */
  async tryAcquire(name: string, options: TryOptions = {}): Promise<Grant | undefined> {
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
  list(options: ListOptions = {}): Promise<PoolAnswer> {
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
  events(name: string, { signal }: EventsOptions = {}): AsyncGenerator<LockEvent, void> {
    const path = { pool: this.pool, name };
    return watchLock(this.#office, { path, signal: this.#office.untilClosed(signal) });
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

/**
 * What the sidecar is told of it, whatever is asked for. What no option is called is told, too: it refuses that by name, and
 * a misspelt `wait` would else be no wait.
 */
export function termsOf(options: AcquireOptions, holderOfAll: string | undefined) {
  const { wait: _wait, mode: _mode, permits: _permits, ...more } = options;
  const { signal: _signal, renew: _renew, abortOn: _abortOn, ...told } = more;
  const { ttl, hold, owner, metadata, requestId, holder = holderOfAll, ...unknown } = told;
  return {
    ...(unknown satisfies Record<string, never>),
    ...(ttl === undefined ? {} : { ttl: durationText("ttl", ttl) }),
    ...(hold === undefined ? {} : { hold }),
    ...(owner === undefined ? {} : { owner }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(holder === undefined ? {} : { holder }),
  };
}

/** What is kept on this side. */
export function rulesOf(options: AcquireOptions, keepsAlive: boolean) {
  const { renew = true, abortOn = "loss", signal } = options;
  return { renews: renew, keepsAlive, abortOn, signal };
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
