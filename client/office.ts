/** What all pools of a client share: who asks, who holds, what is not settled yet, and the bounds of each. */
import { Acquiring, type Asked } from "./acquiring.ts";
import type { Calls } from "./calls.ts";
import { busy, closed, type HoldfastError } from "./error.ts";
import type { GrantParts, GrantRules, Held } from "./grant.ts";
import type { Granted } from "./keeping.ts";
import { pause, type Runtime } from "./runtime.ts";
import { Settler } from "./settler.ts";

const idBytes = 12;
/** For releases and what else is not settled, when the client closes. */
const closeWaitMs = 5_000;

export interface Limits {
  /** Acquires at once, with those whose outcome is not settled yet. */
  readonly acquires: number;
  /** Grants that are held at once. */
  readonly grants: number;
}

export interface OfficeParts {
  readonly calls: Calls;
  readonly runtime: Runtime;
  readonly limits: Limits;
  /** Who holds, where an acquire does not say. */
  readonly holder: string | undefined;
  readonly warn: (error: HoldfastError) => void;
  /** Ends all connections. */
  readonly hangUp: () => void;
}

export class Office {
  readonly calls: Calls;
  readonly runtime: Runtime;
  readonly holder: string | undefined;
  readonly #closing = new AbortController();
  readonly #parts: OfficeParts;
  readonly #settler: Settler;
  readonly #grants = new Set<Held>();
  /** By what makes each of them leave, until what was granted is in its caller's hands or given back. */
  readonly #acquires = new Map<AbortController, Promise<void>>();
  /** Of the ids of its requests: chance once, then a count, which costs nothing. */
  readonly #idPrefix: string;
  #ids = 0;
  #closed: Promise<void> | undefined;

  constructor(parts: OfficeParts) {
    this.#parts = parts;
    this.calls = parts.calls;
    this.runtime = parts.runtime;
    this.holder = parts.holder;
    this.#settler = new Settler(parts);
    this.#idPrefix = parts.runtime.randomId(idBytes);
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Aborts with the signal, and when the client is closed. */
  untilClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined
      ? this.#closing.signal
      : AbortSignal.any([signal, this.#closing.signal]);
  }

  /** Tells what happened where nobody waits for it. */
  readonly warn = (error: unknown): void => {
    this.#parts.warn(error as HoldfastError);
  };

  /** `Made`: what the caller is given. */
  async acquire<G extends Held>(
    asked: Omit<Asked, "leave">,
    rules: GrantRules & { readonly signal: AbortSignal | undefined },
    Made: new (parts: GrantParts, granted: Granted, rules: GrantRules) => G,
  ): Promise<G> {
    const { signal } = rules;
    signal?.throwIfAborted();
    this.#mayAcquire();
    const leaving = new AbortController();
    const acquiring = new Acquiring(
      { ...this.#parts, settler: this.#settler, newId: this.#newId },
      { ...asked, leave: leaving.signal },
    );
    const granted = acquiring.run();
    let done: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (done = resolve));
    this.#acquires.set(leaving, over);
    const leave = (): void => {
      leaving.abort(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      const got = await orLeave(granted, leaving.signal, this.#giveBack);
      if (!leaving.signal.aborted) return this.#kept(new Made(this.#grantParts, got, rules));
      // In the very turn in which it was granted.
      this.#giveBack(got);
      throw leaving.signal.reason;
    } finally {
      signal?.removeEventListener("abort", leave);
      const end = (): void => {
        this.#acquires.delete(leaving);
        done();
      };
      granted.then(end, end);
    }
  }

  /** Ends all waits, gives back all that is held, and waits for that for a while. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(closed());
    for (const leaving of this.#acquires.keys()) leaving.abort(closed());
    const grants = [...this.#grants];
    for (const grant of grants) grant.lose(closed());
    const released = grants.map((grant) => grant.release().catch(this.warn));
    const waiting = new AbortController();
    const late = pause(this.#parts.runtime, closeWaitMs, { signal: waiting.signal });
    await Promise.race([this.#allEnded(released), late]);
    waiting.abort();
    this.#parts.hangUp();
    await this.#settler.close();
  }

  async #allEnded(released: readonly Promise<void>[]): Promise<void> {
    await Promise.allSettled([...this.#acquires.values(), ...released]);
    await this.#settler.settled();
  }

  readonly #newId = (): string => {
    this.#ids += 1;
    return `${this.#idPrefix}-${this.#ids}`;
  };

  readonly #giveBack = ({ answer }: Granted): void => {
    this.#settler.giveBackUnasked(answer.grantId, undefined);
  };

  #mayAcquire(): void {
    const { limits } = this.#parts;
    if (this.#closed !== undefined) throw closed();
    if (this.#acquires.size + this.#settler.size >= limits.acquires)
      throw busy("acquires", limits.acquires);
    if (this.#grants.size >= limits.grants) throw busy("grants", limits.grants);
  }

  get #grantParts(): GrantParts {
    const { calls, runtime } = this.#parts;
    return {
      ...{ calls, runtime, settler: this.#settler, warn: this.warn },
      ended: (ended) => void this.#grants.delete(ended),
    };
  }

  #kept<G extends Held>(grant: G): G {
    if (grant.loss === undefined) this.#grants.add(grant);
    return grant;
  }
}

/** The promise, or the reason of the signal as soon as that aborts; `late` is told what the promise comes to after that. */
function orLeave<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then((value) => {
      signal.removeEventListener("abort", leave);
      if (signal.aborted) late(value);
      else resolve(value);
    }, reject);
  });
}
