/** How a lock is asked for: what callers may say, and which of it goes to the sidecar. */
import { durationText, type Duration } from "./duration.ts";
import {
  abortSignal,
  anyText,
  count,
  duration,
  oneOf,
  texts,
  trueOrFalse,
  type KindsOf,
} from "./options.ts";

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

/** Of several locks: mode and permits stand with each. */
export type SetOptions = Omit<AcquireOptions, "mode" | "permits">;
export type SetTryOptions = Omit<SetOptions, "wait">;

export interface ElectOptions extends Omit<AcquireOptions, "requestId" | "renew"> {
  /** How long one request waits; after that the next is made. Bounded by the pool's `limits.wait`. Unset: 30s. */
  readonly wait?: AcquireOptions["wait"];
}

/** Of one lock and of a set, of a try and of an election. */
const common = {
  ttl: duration,
  hold: oneOf("ttl", "session"),
  holder: anyText,
  owner: anyText,
  metadata: texts,
  signal: abortSignal,
  abortOn: oneOf("loss", "jeopardy"),
};
const wait = { wait: duration };
const own = { requestId: anyText, renew: trueOrFalse };
/** How one lock is held. */
export const howHeld = { mode: oneOf("exclusive", "shared"), permits: count };

export const acquireKinds: KindsOf<AcquireOptions> = { ...wait, ...howHeld, ...common, ...own };
export const tryKinds: KindsOf<TryOptions> = { ...howHeld, ...common, ...own };
export const electKinds: KindsOf<ElectOptions> = { ...wait, ...howHeld, ...common };
export const setKinds: KindsOf<SetOptions> = { ...wait, ...common, ...own };
export const setTryKinds: KindsOf<SetTryOptions> = { ...common, ...own };

/** What the sidecar is told of it, whatever is asked for. */
export function termsOf(options: AcquireOptions, holderOfAll: string | undefined) {
  const { ttl, hold, owner, metadata, requestId, holder = holderOfAll } = options;
  return {
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
