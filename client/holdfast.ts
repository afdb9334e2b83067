/**
 * The typed client of Holdfast:
 *
 *     const holdfast = connect();
 *     await holdfast.locks("orders").using("42", { wait: "10s" }, async (grant, signal) => { … grant.fence … });
 *
 * It speaks to the sidecar in its own pod. See README.md.
 */
import process from "node:process";
import { Calls } from "./calls.ts";
import { Clock } from "./clock.ts";
import type { HoldfastError } from "./error.ts";
import type { Deadlock } from "./generated/operations.ts";
import { Connections } from "./http/connections.ts";
import { defaultUrl, placeOf } from "./http/place.ts";
import { LockSet, type LockWanted } from "./lock-set.ts";
import { Locks } from "./locks.ts";
import { Office, type Limits } from "./office.ts";
import {
  anyFunction,
  anyText,
  checkObject,
  checkOptions,
  count,
  isObject,
  type KindsOf,
} from "./options.ts";
import { realRuntime } from "./runtime.ts";

export type { AcquireOptions, ElectOptions, SetOptions, TryOptions } from "./acquire-options.ts";
export type { Duration } from "./duration.ts";
export { HoldfastError, type ClientCode, type ErrorCode } from "./error.ts";
export type { ProblemCode, ProblemFacts } from "./generated/problems.ts";
export type {
  Deadlock,
  DeadlockWait,
  ForceReleased,
  Holder,
  Lock,
  LockOfSet,
  LockPool,
  LockTotals,
  LostHolder,
  Waiter,
} from "./generated/operations.ts";
export type { ForceOptions } from "./forcing.ts";
export type { Grant, Held, SetGrant } from "./grant.ts";
export type { LockSet, LockWanted } from "./lock-set.ts";
export type { Guarded, ListOptions, Locks } from "./locks.ts";
export type { Limits } from "./office.ts";
export type { EventsOptions, LockEvent } from "./watching.ts";

export interface ConnectOptions {
  /** Where the sidecar listens: `http://localhost:4653` or `unix:/path`. Unset: HOLDFAST_URL, else the former. */
  readonly url?: string | undefined;
  /** Who holds what is acquired, for people who look. Unset: the pod's name. */
  readonly holder?: string | undefined;
  /** Bounds of this client. */
  readonly limits?: Partial<Limits> | undefined;
  /** Told of what went wrong where nobody waits for it, such as a release that was given up. Unset: a warning of the process. */
  readonly onWarning?: ((error: HoldfastError) => void) | undefined;
}

const kinds: KindsOf<ConnectOptions> = {
  url: anyText,
  holder: anyText,
  limits: { may: "an object with acquires and grants", fits: isObject },
  onWarning: anyFunction,
};
const limitKinds: KindsOf<Limits> = { acquires: count, grants: count };
const defaultLimits: Limits = { acquires: 1_000, grants: 10_000 };

/**
 * Opens nothing yet: connections are made when they are needed.
 * @throws HoldfastError `malformed` where an option is wrong; TypeError where the URL is
 */
export function connect(options: ConnectOptions = {}): Holdfast {
  return new Holdfast(options);
}

export class Holdfast {
  /** Where the sidecar is. */
  readonly url: string;
  readonly #office: Office;

  /** @internal */
  constructor(options: ConnectOptions) {
    checkOptions("connect()", options, kinds);
    const { url, holder, limits, onWarning } = options;
    checkObject({ call: "connect()", at: "limits" }, limits ?? {}, limitKinds);
    const { HOLDFAST_URL = "" } = process.env;
    const place = placeOf(url ?? (HOLDFAST_URL === "" ? defaultUrl : HOLDFAST_URL));
    this.url = place.url;
    const connections = new Connections(place, realRuntime);
    const office = {
      calls: new Calls(connections, place, new Clock(realRuntime)),
      runtime: realRuntime,
      limits: {
        acquires: limits?.acquires ?? defaultLimits.acquires,
        grants: limits?.grants ?? defaultLimits.grants,
      },
      holder,
      warn: onWarning ?? warn,
      hangUp: () => {
        connections.close();
      },
    };
    this.#office = new Office(office);
  }

  /** The locks of a pool: of the DistributedLock with that name. */
  locks(pool: string): Locks {
    return new Locks(pool, this.#office);
  }

  /**
   * Several locks together, also of several pools: all are held or none, in whatever order they are named, and never a deadlock
   * among those who do so. At most 32, each once.
   */
  all(locks: readonly LockWanted[]): LockSet {
    return new LockSet(locks, this.#office);
  }

  /** Owners who wait for each other in circles, in all pods of the namespace. */
  async deadlocks(): Promise<readonly Deadlock[]> {
    const { deadlocks } = await this.#office.calls.get("listDeadlocks", { path: {}, fields: {} });
    return deadlocks;
  }

  /** Gives back all that a holder of this name has acquired through this sidecar, as after a crash. How many it was. */
  async releaseHolder(holder: string): Promise<number> {
    const { released } = await this.#office.calls.get("releaseHolder", {
      path: {},
      fields: { holder },
    });
    return released;
  }

  /** Ends all waits, gives back all grants, and closes all connections. */
  close(): Promise<void> {
    return this.#office.close();
  }

  /** `await using holdfast = connect()`, where the language has it: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function warn(error: HoldfastError): void {
  process.emitWarning(error.message, { type: "HoldfastWarning", code: error.code });
}
