/**
 * One session after another, for as long as the process lives: makes one, waits for its end, makes the next. Whoever needs
 * one asks for `live()`, and asks again when that one has ended.
 *
 * What a lost session leaves: its lease, which is revoked when the deadline that its promises were measured by has passed,
 * else ends by itself.
 */
import { aborted, after, sleep, type Instant } from "../runtime.ts";
import type { LeaseId, Wait } from "../store.ts";
import { Tasks } from "../tasks.ts";
import { assert } from "../refusal.ts";
import { Session, type SessionParts } from "./session.ts";
import type { SessionStatus } from "./status.ts";

const startMs = 5_000;
const pauseMinMs = 100;
const pauseMaxMs = 2_000;
/** Sessions of this process that ended and are still known by name. */
const endedMax = 1_000;

export interface SessionsParts extends SessionParts {
  /** Told before a new session is used: what was read before it may be of another etcd. */
  readonly onNew: () => void;
}

export class Sessions {
  readonly #parts: SessionsParts;
  readonly #tasks: Tasks;
  readonly #waiting = new Set<() => void>();
  readonly #ended = new Set<string>();
  #current: Session | undefined;
  #reason: string | undefined;
  #losses = 0;
  #stopping = false;

  static start(parts: SessionsParts): Sessions {
    return new Sessions(parts);
  }

  private constructor(parts: SessionsParts) {
    this.#parts = parts;
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`sessions: ${name}`, error);
    });
    this.#tasks.run("making sessions", (signal) => this.#run(signal));
  }

  /** The session that may grant and confirm at this moment; undefined: there is none. */
  get current(): Session | undefined {
    return this.#current?.isAlive() === true ? this.#current : undefined;
  }

  /** Why there is no session; for messages. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Whether a session of this name was one of this process and is over. */
  isEnded(session: string): boolean {
    return this.#ended.has(session);
  }

  /** @throws the signal's reason */
  async live(signal: AbortSignal): Promise<Session> {
    for (;;) {
      signal.throwIfAborted();
      const { current } = this;
      if (current !== undefined) return current;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  status(): SessionStatus {
    const { current } = this;
    const { ttlMs, runtime } = this.#parts;
    const sums = { ttlMs, losses: this.#losses };
    if (current === undefined) {
      const state = this.#current === undefined ? "connecting" : "lost";
      return { ...sums, state, reason: this.#reason, deadlineInMs: 0, intents: 0 };
    }
    return {
      ...sums,
      state: current.inJeopardy ? "jeopardy" : "held",
      session: current.id,
      since: current.startedAt,
      deadlineInMs: Math.max(0, Math.floor(current.deadline - runtime.now())),
      intents: current.intents.size,
    };
  }

  /** What the current session stands for is gone. */
  endCurrent(reason: string): void {
    this.#current?.end(reason);
  }

  /** No further session is made. `revoke`: the lease goes at once, for nothing that was promised hangs on it. */
  async stop(revoke: boolean, wait: Wait): Promise<void> {
    this.#stopping = true;
    const session = this.#current;
    if (session === undefined) return;
    // One that was lost before its deadline leaves guarantees that its grants, which are gone, no longer tell of.
    const bound = session.ended.aborted && this.#parts.runtime.now() < session.deadline;
    await session.close();
    if (revoke && !bound) await this.#parts.store.leases.revoke(session.lease, wait);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await this.#current?.close();
    await this.#tasks.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    let pauseMs = pauseMinMs;
    while (!this.#stopping) {
      const made = await Session.start(this.#parts, {
        signal,
        deadline: after(runtime.now(), startMs),
      });
      if (signal.aborted || this.#stopping) {
        if (made instanceof Session) await made.close();
        return;
      }
      if (made instanceof Session) {
        pauseMs = pauseMinMs;
        await this.#live(made);
      } else {
        if (this.#reason !== made.failed)
          runtime.log.warn("no session with etcd yet", { reason: made.failed });
        this.#reason = made.failed;
      }
      await sleep(runtime, pauseMs * (0.5 + runtime.random()), signal);
      pauseMs = Math.min(pauseMaxMs, pauseMs * 2);
    }
  }

  async #live(session: Session): Promise<void> {
    const { runtime } = this.#parts;
    assert(
      this.#current === undefined || this.#current.ended.aborted,
      "two sessions of one process at once",
    );
    this.#parts.onNew();
    this.#current = session;
    this.#reason = undefined;
    runtime.log.info("session with etcd", { session: session.id });
    for (const wake of [...this.#waiting]) wake();
    await aborted(session.ended);
    await session.close();
    this.#remember(session.id);
    if (this.#stopping) return;
    this.#losses += 1;
    this.#reason = (session.ended.reason as Error).message;
    runtime.log.error("the session with etcd is lost, and all its grants with it", {
      session: session.id,
      reason: this.#reason,
    });
    this.#tasks.run("revoking an old lease", (signal) =>
      this.#revokeLater(session.lease, session.deadline, signal),
    );
  }

  #remember(session: string): void {
    this.#ended.add(session);
    if (this.#ended.size > endedMax) {
      for (const oldest of this.#ended) {
        this.#ended.delete(oldest);
        break;
      }
    }
  }

  /** Tried until the lease has ended by itself anyway. */
  async #revokeLater(lease: LeaseId, deadline: Instant, signal: AbortSignal): Promise<void> {
    const { runtime, store, ttlMs } = this.#parts;
    const overAt = after(deadline, 2 * ttlMs);
    await sleep(runtime, Math.max(0, deadline - runtime.now()), signal);
    while (runtime.now() < overAt) {
      const outcome = await store.leases.revoke(lease, { signal, deadline: overAt });
      if (outcome.kind === "done") return;
      await sleep(runtime, pauseMaxMs, signal);
    }
  }
}
