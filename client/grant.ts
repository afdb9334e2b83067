/** A lock that is held, or a set of them, as its holder sees it. */
import type { Duration } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import type { LockOfSet } from "./generated/operations.ts";
import { Keeping, type Granted, type KeepingParts } from "./keeping.ts";
import type { Timer } from "./runtime.ts";
import type { Settler } from "./settler.ts";

/** For so long a release is waited for; it goes on after that. */
const releaseWaitMs = 5_000;
/** What the sidecar's clock may be behind in ending a grant by itself. */
const expiryMarginMs = 1_000;

export interface GrantParts extends KeepingParts {
  readonly settler: Settler;
  readonly warn: (error: HoldfastError) => void;
  /** Told when it counts no more. */
  readonly ended: (grant: Held) => void;
}

export interface GrantRules {
  readonly renews: boolean;
  readonly keepsAlive: boolean;
  readonly abortOn: "loss" | "jeopardy";
}

/** What is the same of one lock and of a set. */
export class Held {
  /** Names the grant to the sidecar, and in a log. */
  readonly grantId: string;
  /**
   * The fencing token, a decimal number as text (it may be too large for a JavaScript number): store it with what the lock
   * guards. Among grants that share a lock, and among permits, it says nothing. Of a set it is the one of each of its locks.
   */
  readonly fence: string;
  /** Who holds, for people who look. */
  readonly holder: string;
  /** What the grant lives by. */
  readonly hold: "ttl" | "session";
  /** When it was granted, by the sidecar's wall clock. */
  readonly acquiredAt: Date;
  /**
   * Aborts when the grant is lost, or, with `abortOn: "jeopardy"`, when its guarantee is about to end. Its reason is a
   * HoldfastError. A release does not abort it.
   */
  readonly signal: AbortSignal;
  /** Resolves with why when the grant is lost; stays open when it is released first. Never rejects. */
  readonly lost: Promise<HoldfastError>;
  readonly #parts: GrantParts;
  readonly #keeping: Keeping;
  #release: Promise<void> | undefined;

  /** @internal */
  constructor(parts: GrantParts, granted: Granted, { abortOn, ...rules }: GrantRules) {
    const { answer } = granted;
    this.grantId = answer.grantId;
    this.fence = answer.fence;
    this.holder = answer.holder;
    this.hold = answer.hold === "session" ? "session" : "ttl";
    this.acquiredAt = new Date(answer.acquiredAt);
    this.#parts = parts;
    const aborting = new AbortController();
    this.signal = aborting.signal;
    let tellLoss: (error: HoldfastError) => void = () => undefined;
    this.lost = new Promise((resolve) => (tellLoss = resolve));
    this.#keeping = new Keeping(parts, granted, {
      ...rules,
      onJeopardy: (error) => {
        if (abortOn === "jeopardy") aborting.abort(error);
      },
      onLoss: (error) => {
        parts.ended(this);
        aborting.abort(error);
        tellLoss(error);
      },
    });
  }

  /** Whether nobody else can hold the lock right now. Asks nobody: it is counted on this machine's clocks. */
  get isHeld(): boolean {
    return this.#keeping.guaranteedForMs > 0;
  }

  /** For so long from now on nobody else can be granted the lock, whatever happens. 0: it is not held any more. */
  get guaranteedForMs(): number {
    return this.#keeping.guaranteedForMs;
  }

  /** {@link guaranteedForMs} as a moment, for people and logs. */
  get guaranteedUntil(): Date {
    return this.#moment(this.#keeping.guaranteedForMs);
  }

  /** When the sidecar ends the grant where nothing renews it. undefined: with its session. */
  get expiresAt(): Date | undefined {
    const atMs = this.#keeping.expiresAtMs;
    return atMs === undefined ? undefined : this.#moment(atMs - this.#parts.calls.clock.now());
  }

  /** How long it lives without a renewal, like `30s`. undefined: it has no ttl. */
  get ttl(): string | undefined {
    return this.#keeping.latest.ttl;
  }

  /** Why it was lost; undefined: it was not. */
  get loss(): HoldfastError | undefined {
    return this.#keeping.loss;
  }

  /**
   * Starts the ttl anew, now or with another one. Needed only with `renew: false`, or to change the ttl.
   * @throws HoldfastError `grant_lost` where it is over
   */
  renew(ttl?: Duration): Promise<void> {
    return this.#keeping.renew(ttl);
  }

  /**
   * Gives the lock back. May be called again, and of a grant that was lost. Where the sidecar does not confirm it in time it is
   * repeated until it does, or until the grant has ended by itself.
   * @throws HoldfastError when it is not confirmed within five seconds
   */
  release(): Promise<void> {
    this.#release ??= this.#giveBack();
    return this.#release;
  }

  /** `await using grant = …`, where the language has it: {@link release}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** @internal */
  lose(error: HoldfastError): void {
    this.#keeping.lose(error);
  }

  async #giveBack(): Promise<void> {
    const { loss, expiresAtMs } = this.#keeping;
    this.#keeping.release();
    this.#parts.ended(this);
    // The sidecar has said that it is over.
    if (loss?.status !== undefined) return;
    const { settler } = this.#parts;
    const overAtMs = expiresAtMs === undefined ? undefined : expiresAtMs + expiryMarginMs;
    if (loss !== undefined) {
      // For its holder it is over: a sidecar that is silent is not waited for.
      settler.giveBackUnasked(this.grantId, overAtMs);
      return;
    }
    const given = settler.giveBack(this.grantId, overAtMs);
    if (await this.#isInTime(given)) return;
    given.catch(this.#parts.warn);
    throw new HoldfastError(
      "outcome_unknown",
      `The release of '${this.#keeping.lock}' is not confirmed yet. It is repeated until it is; the lock may be held until then.`,
      { facts: { grantId: this.grantId } },
    );
  }

  /** Whether it came to its end in time; throws what it throws. */
  async #isInTime(given: Promise<void>): Promise<boolean> {
    const { runtime } = this.#parts;
    let timer: Timer | undefined;
    const late = new Promise<false>((resolve) => {
      timer = runtime.timer(runtime.now() + releaseWaitMs, () => resolve(false));
    });
    try {
      return await Promise.race([given.then(() => true as const), late]);
    } finally {
      timer?.cancel();
    }
  }

  #moment(inMs: number): Date {
    return new Date(this.#parts.runtime.wallNow() + inMs);
  }
}

export class Grant extends Held {
  /** Pool and name: `orders/42`. */
  readonly lock: string;
  /** Whether others may share the lock. */
  readonly mode: "exclusive" | "shared";
  /** How many permits it has. */
  readonly permits: number;

  /** @internal */
  constructor(parts: GrantParts, granted: Granted, rules: GrantRules) {
    super(parts, granted, rules);
    const { lock = "", mode = "exclusive", permits = 1 } = granted.answer;
    this.lock = lock;
    this.mode = mode;
    this.permits = permits;
  }
}

/** Several locks, held together: renewed, lost and given back as one. */
export class SetGrant extends Held {
  /** Each with its fence, as they were asked for. */
  readonly locks: readonly LockOfSet[];

  /** @internal */
  constructor(parts: GrantParts, granted: Granted, rules: GrantRules) {
    super(parts, granted, rules);
    this.locks = granted.answer.locks ?? [];
  }
}
