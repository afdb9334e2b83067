/**
 * What goes on when its caller has gone: releases that no answer has confirmed, and requests that may have been granted
 * though nobody was told. Each is repeated until it is certain, so that no lock stays held for nobody.
 */
import { backoffMs } from "./backoff.ts";
import type { Calls } from "./calls.ts";
import { HoldfastError } from "./error.ts";
import { pause, type Runtime } from "./runtime.ts";
import { askFor, type Wanted } from "./wanted.ts";

/** For so long the process is kept alive by it. */
const keepAliveMs = 5_000;
/** A sidecar that did not answer for so long is given up. */
const giveUpMs = 10 * 60_000;
/** After the end of its wait a request is answered within this. */
const overdueMs = 10_000;

export interface Unsettled {
  readonly wanted: Wanted;
  readonly requestId: string;
  /** By the clock: then its wait is over. */
  readonly waitsUntilMs: number;
}

export interface SettlerParts {
  readonly calls: Calls;
  readonly runtime: Runtime;
  /** Told of what was given up. */
  readonly warn: (error: HoldfastError) => void;
}

export class Settler {
  readonly #parts: SettlerParts;
  readonly #tasks = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** How much is not settled yet. */
  get size(): number {
    return this.#tasks.size;
  }

  /**
   * Gives a lock back. Resolves when it is certain that it is not held any more.
   * @param overAtMs by the clock: then the sidecar has ended the grant by itself. undefined: it never does
   * @throws what the last try failed with, once nobody waits for the sidecar any longer
   */
  giveBack(grantId: string, overAtMs: number | undefined): Promise<void> {
    return this.#run(this.#giveBack(grantId, overAtMs));
  }

  /** As {@link giveBack}, for a grant that its caller does not wait for. */
  giveBackUnasked(grantId: string, overAtMs: number | undefined): void {
    this.#background(this.#giveBack(grantId, overAtMs));
  }

  /** Finds out what became of a request, and gives back what it was granted. */
  settle(unsettled: Unsettled): void {
    this.#background(this.#settle(unsettled));
  }

  /** Resolves when all is settled. */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }

  /** Gives up what is left. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.settled();
  }

  #run(task: Promise<void>): Promise<void> {
    this.#tasks.add(task);
    const done = (): void => {
      this.#tasks.delete(task);
    };
    task.then(done, done);
    return task;
  }

  #background(task: Promise<void>): void {
    this.#run(task).catch((error: unknown) => {
      if (!HoldfastError.is(error)) throw error;
      this.#parts.warn(error);
    });
  }

  async #giveBack(grantId: string, overAtMs: number | undefined): Promise<void> {
    const { calls } = this.#parts;
    const startMs = calls.clock.now();
    for (let tries = 0; ; tries++) {
      const told = await calls.ask("releaseGrant", { path: { grantId }, fields: {} });
      if (told.kind === "done" || told.kind === "left") return;
      const { error } = told;
      if (told.kind === "refused") {
        if (isOver(error)) return;
        if (!isPassing(error) && error.code !== "internal") throw error;
      }
      if (overAtMs !== undefined && calls.clock.now() > overAtMs) return;
      await this.#again(tries, startMs, error);
    }
  }

  async #settle({ wanted, requestId, waitsUntilMs }: Unsettled): Promise<void> {
    const { calls } = this.#parts;
    const startMs = calls.clock.now();
    let mayBeGrantedUntilMs = waitsUntilMs + overdueMs;
    for (let tries = 0; ; tries++) {
      const told = await askFor(calls, wanted, { requestId, wait: "0s" });
      switch (told.kind) {
        case "done":
          // Of the request, or of this question: nobody wants either.
          return this.#giveBack(told.value.grantId, undefined);
        case "left":
          return;
        case "refused": {
          const { code } = told.error;
          const isHeld = code === "lock_held";
          if (isHeld && calls.clock.now() > mayBeGrantedUntilMs) return;
          // A sidecar that says nothing of use has not said no.
          const isOpen = code === "internal" || code === "unexpected_answer";
          if (!isHeld && !isOpen && !isPassing(told.error)) return;
          break;
        }
        case "unknown":
          mayBeGrantedUntilMs = Math.max(mayBeGrantedUntilMs, calls.clock.now() + overdueMs);
          break;
        case "unsent":
          break;
      }
      await this.#again(tries, startMs, told.error);
    }
  }

  /** Waits before the next try; throws where there is none. */
  async #again(tries: number, startMs: number, error: HoldfastError): Promise<void> {
    const { calls, runtime } = this.#parts;
    const { signal } = this.#closing;
    const sinceMs = calls.clock.now() - startMs;
    if (signal.aborted || sinceMs > giveUpMs) throw error;
    const ms = Math.max(backoffMs(runtime, tries), error.retryAfterMs ?? 0);
    await pause(runtime, ms, { signal, keepsAlive: sinceMs < keepAliveMs });
  }
}

/** There is no such grant any more. */
export function isOver({ code }: HoldfastError): boolean {
  return code === "grant_lost" || code === "grant_not_found";
}

/** It may be otherwise soon: nothing was done, and nothing speaks against it. */
export function isPassing({ code }: HoldfastError): boolean {
  return passing.has(code);
}

const passing: ReadonlySet<string> = new Set([
  "session_lost",
  "backend_unreachable",
  "not_ready",
  "draining",
  "too_many_requests",
] satisfies HoldfastError["code"][]);
