/**
 * All connections to the sidecar. Requests are of two lanes, so that callers that wait for a lock, perhaps for hours and each on
 * a connection of its own, never stand in the way of a renewal or a release:
 *
 *   short  answered at once; each on a connection of its own while there are few, then some on each, then in a queue, first come
 *          first served
 *   long   may wait for its answer; how many there are is bounded by who asks (limits.acquires)
 *
 * An idle connection is used again, the last used first. One that was idle for long is not: the sidecar closes it at 75 s.
 */
import { closed, silent } from "../error.ts";
import type { Runtime } from "../runtime.ts";
import { Connection, type Exchanged } from "./connection.ts";
import type { Place } from "./place.ts";

/** Connections with short requests. */
const shortMax = 64;
/** Requests on one of them: whoever comes later is answered after those before it, so they are few. */
const onOneMax = 8;
/** Of those in turn. */
const queueMax = 20_000;
const idleMax = shortMax;
const idleMaxMs = 60_000;
/** For the sidecar to end the wait of a caller that has left. */
const leaveMaxMs = 2_000;

export interface Sending {
  /** Head and body. */
  readonly text: string;
  readonly lane: "short" | "long";
  /** After that nobody waits for the answer any longer. */
  readonly patienceMs: number;
  /** Aborts when the caller leaves. */
  readonly leave?: AbortSignal | undefined;
}

interface Idle {
  readonly connection: Connection;
  readonly sinceMs: number;
}

export class Connections {
  readonly #place: Place;
  readonly #runtime: Runtime;
  readonly #all = new Set<Connection>();
  readonly #idle: Idle[] = [];
  readonly #queue = new Set<() => void>();
  /** With short requests. */
  readonly #short = new Set<Connection>();
  #isClosed = false;

  constructor(place: Place, runtime: Runtime) {
    this.#place = place;
    this.#runtime = runtime;
  }

  /** How many requests stand in the queue. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Never rejects. */
  send(sending: Sending): Promise<Exchanged> {
    if (this.#isClosed) return Promise.resolve({ kind: "unsent", error: closed() });
    if (sending.lane === "long") return this.#sendLong(sending);
    const connection = this.#forShort();
    if (connection !== undefined) return this.#sendShort(connection, sending);
    if (this.#queue.size < queueMax) return this.#sendInTurn(sending);
    return Promise.resolve({ kind: "unsent", error: silent(this.#place.url, queueMax) });
  }

  /** Ends all at once. */
  close(): void {
    this.#isClosed = true;
    for (const next of [...this.#queue]) next();
    for (const connection of [...this.#all]) connection.abandon(closed());
  }

  async #sendLong(sending: Sending): Promise<Exchanged> {
    const connection = this.#takeIdle() ?? this.#open();
    const exchanged = await this.#exchange(connection, sending);
    this.#putIdle(connection);
    return exchanged;
  }

  /** Undefined: all carry as many as they may. */
  #forShort(): Connection | undefined {
    if (this.#short.size < shortMax) return this.#takeIdle() ?? this.#open();
    let least: Connection | undefined;
    for (const connection of this.#short) {
      if (!connection.takesMore || connection.load >= (least?.load ?? onOneMax)) continue;
      least = connection;
    }
    return least;
  }

  async #sendShort(connection: Connection, sending: Sending): Promise<Exchanged> {
    this.#short.add(connection);
    try {
      return await this.#exchange(connection, sending);
    } finally {
      // Of several that were answered together the first to look puts it back.
      if (connection.load === 0 && this.#short.delete(connection)) this.#putIdle(connection);
      const [next] = this.#queue;
      next?.();
    }
  }

  #sendInTurn(sending: Sending): Promise<Exchanged> {
    const { patienceMs, leave } = sending;
    const untilMs = this.#runtime.now() + patienceMs;
    return new Promise((resolve) => {
      const out = (): void => {
        this.#queue.delete(next);
        timer.cancel();
        leave?.removeEventListener("abort", gone);
      };
      const next = (): void => {
        const connection = this.#isClosed ? undefined : this.#forShort();
        if (connection === undefined && !this.#isClosed) return;
        out();
        if (connection === undefined) resolve({ kind: "unsent", error: closed() });
        else {
          const restMs = untilMs - this.#runtime.now();
          resolve(this.#sendShort(connection, { ...sending, patienceMs: restMs }));
        }
      };
      const gone = (): void => {
        out();
        resolve({ kind: "left" });
      };
      const late = (): void => {
        out();
        resolve({ kind: "unsent", error: silent(this.#place.url, shortMax * onOneMax) });
      };
      const timer = this.#runtime.timer(untilMs, late);
      this.#queue.add(next);
      leave?.addEventListener("abort", gone, { once: true });
    });
  }

  async #exchange(
    connection: Connection,
    { text, patienceMs, leave }: Sending,
  ): Promise<Exchanged> {
    const exchange = connection.exchange(text);
    const giveUp = (ms: number) => (): void => {
      connection.giveUp(exchange, new Error(`no answer within ${Math.round(ms)} ms`));
    };
    const atMs = this.#runtime.now() + patienceMs;
    let timer = this.#runtime.timer(atMs, giveUp(patienceMs), false);
    const gone = (): void => {
      timer.cancel();
      timer = this.#runtime.timer(this.#runtime.now() + leaveMaxMs, giveUp(leaveMaxMs), false);
      connection.leave(exchange);
    };
    leave?.addEventListener("abort", gone, { once: true });
    try {
      return await exchange.done;
    } finally {
      timer.cancel();
      leave?.removeEventListener("abort", gone);
    }
  }

  #open(): Connection {
    const connection = new Connection(this.#place, this.#runtime, () => {
      this.#all.delete(connection);
      const at = this.#idle.findIndex((idle) => idle.connection === connection);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    this.#all.add(connection);
    return connection;
  }

  #takeIdle(): Connection | undefined {
    const last = this.#idle.pop();
    if (last === undefined) return undefined;
    if (this.#runtime.now() - last.sinceMs < idleMaxMs) return last.connection;
    // Those before it have been idle for longer.
    for (const { connection } of [last, ...this.#idle.splice(0)])
      connection.abandon(new Error("it was idle for too long"));
    return undefined;
  }

  #putIdle(connection: Connection): void {
    if (connection.isOver) return;
    if (this.#isClosed || this.#idle.length >= idleMax) {
      connection.abandon(closed());
      return;
    }
    connection.rest();
    this.#idle.push({ connection, sinceMs: this.#runtime.now() });
  }
}
