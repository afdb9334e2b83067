/**
 * One acquire, from the question to a grant that may be handed out. The request has an id, by which it is the same one however
 * often it is asked.
 *
 * | what comes back               | what follows                                                                       |
 * | ----------------------------- | ---------------------------------------------------------------------------------- |
 * | a grant                       | after a wait its guarantee is asked for anew; then it is handed out                 |
 * | no, and nothing was done      | asked again where that may pass and the wait is not over; else thrown               |
 * | nothing (504, no connection)  | asked again with the same id; what stays open is settled in the background           |
 * | a grant, and the caller left  | given back                                                                         |
 * | nobody listens                | asked again for a moment: a sidecar that restarts is soon back                      |
 */
import { backoffMs } from "./backoff.ts";
import { own, waiting, type Calls, type Told } from "./calls.ts";
import { answeredMs } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { formatDuration } from "./generated/duration.ts";
import type { AnyGrant } from "./generated/operations.ts";
import { lockNames, type Granted } from "./keeping.ts";
import { pause, type Runtime } from "./runtime.ts";
import { isOver, isPassing, type Settler } from "./settler.ts";
import { askFor, type Wanted } from "./wanted.ts";

/** For a sidecar that restarts. */
const unreachableMs = 5_000;
/** Beyond the wait, to learn what became of a request. */
const settleMs = 5_000;
/** A request that was granted and is over before its caller heard of it begins anew so often. */
const anewMax = 3;

export interface AcquiringParts {
  readonly calls: Calls;
  readonly runtime: Runtime;
  readonly settler: Settler;
  /** Never the same, not in another process either. */
  readonly newId: () => string;
}

export interface Asked {
  readonly wanted: Wanted;
  readonly waitMs: number;
  /** Aborts when the caller leaves. */
  readonly leave: AbortSignal;
}

type Next = { readonly kind: "again"; readonly afterMs: number } | Stop;
type Stop = { readonly kind: "stop"; readonly error: unknown };

export class Acquiring {
  readonly #parts: AcquiringParts;
  readonly #asked: Asked;
  readonly #deadlineMs: number;
  readonly #startMs: number;
  readonly #ownsId: boolean;
  #requestId: string;
  /** The latest question. */
  #sentMs = 0;
  #anew = 0;
  /** A request with this id may have been granted: until then it may also still wait. */
  #unsettledUntilMs: number | undefined;
  /** When that was first so. */
  #unknownSinceMs: number | undefined;

  constructor(parts: AcquiringParts, asked: Asked) {
    this.#parts = parts;
    this.#asked = asked;
    this.#startMs = parts.calls.clock.now();
    this.#deadlineMs = this.#startMs + asked.waitMs;
    const { requestId } = asked.wanted.fields;
    this.#ownsId = requestId === undefined;
    this.#requestId = requestId ?? parts.newId();
  }

  /** @throws HoldfastError; the reason of the signal when the caller leaves */
  async run(): Promise<Granted> {
    for (let tries = 0; ; tries++) {
      if (this.#asked.leave.aborted) throw this.#end(this.#asked.leave.reason);
      const waitMs = tries === 0 ? this.#asked.waitMs : Math.max(0, this.#deadlineMs - this.#now);
      const told = await this.#ask(waitMs);
      if (told.kind === "done") {
        const granted = await this.#confirmed({ answer: told.value, sent: told.sent });
        if (granted !== undefined) return granted;
        continue;
      }
      const next = this.#after(told, waitMs, tries);
      if (next.kind === "stop") throw this.#end(next.error);
      await pause(this.#parts.runtime, next.afterMs, { signal: this.#asked.leave });
    }
  }

  get #now(): number {
    return this.#parts.calls.clock.now();
  }

  #ask(waitMs: number): Promise<Told<AnyGrant>> {
    const { wanted, leave } = this.#asked;
    const wait = waitMs < 1 ? undefined : formatDuration(waitMs);
    this.#sentMs = this.#now;
    const manner = { ...waiting(waitMs), leave };
    return askFor(this.#parts.calls, wanted, { requestId: this.#requestId, wait, manner });
  }

  /** What the answer means; a request that may have been granted is noted. */
  #after(told: Exclude<Told<unknown>, { kind: "done" }>, waitMs: number, tries: number): Next {
    const { runtime } = this.#parts;
    switch (told.kind) {
      case "left":
        return { kind: "stop", error: this.#asked.leave.reason };
      case "unsent": {
        const untilMs = Math.min(this.#deadlineMs, this.#startMs + unreachableMs);
        return this.#againUntil(this.#untilKnown(untilMs), backoffMs(runtime, tries), told.error);
      }
      case "unknown": {
        this.#unknownSinceMs ??= this.#now;
        this.#unsettledUntilMs = Math.max(this.#unsettledUntilMs ?? 0, this.#sentMs + waitMs);
        // A connection that broke is replaced at once.
        const afterMs = tries === 0 ? 0 : backoffMs(runtime, tries);
        return this.#againUntil(this.#untilKnown(this.#deadlineMs), afterMs, told.error);
      }
      case "refused":
        return this.#refused(told.error, tries);
    }
  }

  #refused(error: HoldfastError, tries: number): Next {
    const { runtime } = this.#parts;
    const { code, retryAfterMs = 0 } = error;
    // It was granted, and nobody was told before it was over.
    if (code === "grant_lost" && this.#begunAnew()) return { kind: "again", afterMs: 0 };
    if (isPassing(error)) {
      const afterMs = Math.max(retryAfterMs, backoffMs(runtime, tries));
      return this.#againUntil(this.#deadlineMs, afterMs, error);
    }
    if (code === "internal" || code === "unexpected_answer") this.#unsettledUntilMs ??= this.#now;
    return { kind: "stop", error };
  }

  /** What may have been granted is asked for beyond the wait. */
  #untilKnown(untilMs: number): number {
    if (this.#unknownSinceMs === undefined) return untilMs;
    return Math.max(untilMs, this.#unknownSinceMs + settleMs);
  }

  #againUntil(untilMs: number, afterMs: number, error: HoldfastError): Next {
    const isInTime = this.#now + afterMs < untilMs;
    return isInTime ? { kind: "again", afterMs } : { kind: "stop", error };
  }

  /** Whether another request may take the place of this one, which is over. */
  #begunAnew(): boolean {
    this.#unsettledUntilMs = undefined;
    if (!this.#ownsId || this.#anew === anewMax) return false;
    this.#anew += 1;
    this.#requestId = this.#parts.newId();
    return true;
  }

  /** A grant that may be handed out; undefined: it is over already, and is to be asked for anew. */
  async #confirmed(granted: Granted): Promise<Granted | undefined> {
    const { leave } = this.#asked;
    const { calls, settler } = this.#parts;
    const { grantId } = granted.answer;
    this.#unsettledUntilMs = undefined;
    const giveBack = (error: unknown): unknown => {
      settler.giveBackUnasked(grantId, undefined);
      return error;
    };
    if (leave.aborted) throw giveBack(leave.reason);
    const { restMs, spentMs } = this.#restOf(granted);
    if (spentMs < restMs / 2) return granted;
    const told = await calls.ask("getGrant", { path: { grantId }, fields: {} }, own);
    if (leave.aborted) throw giveBack(leave.reason);
    if (told.kind === "refused" && isOver(told.error)) {
      if (this.#begunAnew()) return undefined;
      throw told.error;
    }
    const latest = told.kind === "done" ? { answer: told.value, sent: told.sent } : granted;
    if (this.#restOf(latest).restMs > 0) return latest;
    const error = told.kind === "done" || told.kind === "left" ? overBefore(granted) : told.error;
    throw giveBack(error);
  }

  /** How much of its guarantee is spent and left. */
  #restOf({ answer, sent }: Granted): { readonly restMs: number; readonly spentMs: number } {
    const spentMs = this.#now - sent.atMs;
    return { spentMs, restMs: answeredMs(answer.guaranteedFor) - spentMs };
  }

  /** Nothing more is asked here; what may have been granted is found out in the background. */
  #end(error: unknown): unknown {
    if (this.#unsettledUntilMs === undefined) return error;
    const { wanted } = this.#asked;
    const waitsUntilMs = this.#unsettledUntilMs;
    this.#parts.settler.settle({ wanted, requestId: this.#requestId, waitsUntilMs });
    return error;
  }
}

function overBefore({ answer }: Granted): HoldfastError {
  const { grantId } = answer;
  const message = `The lock '${lockNames(answer)}' was granted, but its guarantee was over before anybody was told: the sidecar may not reach etcd. Acquire it again.`;
  return new HoldfastError("grant_lost", message, { facts: { grantId, reason: "lapsed" } });
}
