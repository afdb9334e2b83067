/**
 * All connections to the sidecar. Requests are of three lanes, so that callers that wait for a lock, perhaps for hours and each on
 * a connection of its own, and what waits for an etcd that does not answer, never stand in the way of a renewal:
 *
 *   own    answered by the sidecar itself, at once: how a grant stands, and that it goes on
 *   short  answered as soon as etcd answers
 *   long   may wait for its answer; how many there are is bounded by who asks (limits.acquires)
 *
 * Of the first two each request has a connection while there are few, then some share one, then they stand in a queue, first come
 * first served; each of the two has its own.
 *
 * An idle connection is used again, the last used first. One that was idle for long is not: the sidecar closes it at 75 s.
 */
import { closed, silent } from "../error.ts";
import type { Runtime } from "../runtime.ts";
import { Connection, type Exchanged } from "./connection.ts";
import type { Place } from "./place.ts";

/** Connections of a lane. */
const laneMax = 64;
/** Requests on one of them: whoever comes later is answered after those before it, so they are few. */
const onOneMax = 8;
/** Of those in turn. */
const queueMax = 20_000;
const idleMax = laneMax;
const idleMaxMs = 60_000;
/** For the sidecar to end the wait of a caller that has left. */
const leaveMaxMs = 2_000;

export interface Sending {
  /** Head and body. */
  readonly text: string;
  readonly lane: LaneName | "long";
  /** After that nobody waits for the answer any longer. */
  readonly patienceMs: number;
  /** Aborts when the caller leaves. */
  readonly leave?: AbortSignal | undefined;
}

type LaneName = "own" | "short";

interface Lane {
  readonly connections: Set<Connection>;
  readonly queue: Set<() => void>;
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
  readonly #lanes: Readonly<Record<LaneName, Lane>> = {
    own: { connections: new Set(), queue: new Set() },
    short: { connections: new Set(), queue: new Set() },
  };
  #isClosed = false;

  constructor(place: Place, runtime: Runtime) {
    this.#place = place;
    this.#runtime = runtime;
  }

  /** How many requests stand in queues. */
  get queued(): number {
    return Object.values(this.#lanes).reduce((sum, { queue }) => sum + queue.size, 0);
  }

  /** Never rejects. */
  send(sending: Sending): Promise<Exchanged> {
    if (this.#isClosed) return Promise.resolve({ kind: "unsent", error: closed() });
    if (sending.lane === "long") return this.#sendLong(sending);
    const lane = this.#lanes[sending.lane];
    const connection = lane.queue.size === 0 ? this.#placeIn(lane) : undefined;
    if (connection !== undefined) return this.#sendIn(lane, connection, sending);
    if (lane.queue.size < queueMax) return this.#sendInTurn(lane, sending);
    return Promise.resolve({ kind: "unsent", error: silent(this.#place.url, queueMax) });
  }

  /** Ends all at once. */
  close(): void {
    this.#isClosed = true;
    for (const { queue } of Object.values(this.#lanes)) for (const next of [...queue]) next();
    for (const connection of [...this.#all]) connection.abandon(closed());
  }

  async #sendLong(sending: Sending): Promise<Exchanged> {
    const connection = this.#takeIdle() ?? this.#open();
    const exchanged = await this.#exchange(connection, sending);
    this.#putIdle(connection);
    return exchanged;
  }

  /** Undefined: all carry as many as they may. */
  #placeIn({ connections }: Lane): Connection | undefined {
    if (connections.size < laneMax) return this.#takeIdle() ?? this.#open();
    let least: Connection | undefined;
    for (const connection of connections) {
      if (!connection.takesMore || connection.load >= (least?.load ?? onOneMax)) continue;
      least = connection;
    }
    return least;
  }

  async #sendIn(
    { connections, queue }: Lane,
    connection: Connection,
    sending: Sending,
  ): Promise<Exchanged> {
    connections.add(connection);
    try {
      return await this.#exchange(connection, sending);
    } finally {
      // Of several that were answered together the first to look puts it back.
      if (connection.load === 0 && connections.delete(connection)) this.#putIdle(connection);
      const [next] = queue;
      next?.();
    }
  }

  #sendInTurn(lane: Lane, sending: Sending): Promise<Exchanged> {
    const { patienceMs, leave } = sending;
    const untilMs = this.#runtime.now() + patienceMs;
    return new Promise((resolve) => {
      const out = (): void => {
        lane.queue.delete(next);
        timer.cancel();
        leave?.removeEventListener("abort", gone);
      };
      const next = (): void => {
        const connection = this.#isClosed ? undefined : this.#placeIn(lane);
        if (connection === undefined && !this.#isClosed) return;
        out();
        if (connection === undefined) resolve({ kind: "unsent", error: closed() });
        else {
          const restMs = untilMs - this.#runtime.now();
          resolve(this.#sendIn(lane, connection, { ...sending, patienceMs: restMs }));
        }
      };
      const gone = (): void => {
        out();
        resolve({ kind: "left" });
      };
      const late = (): void => {
        out();
        resolve({ kind: "unsent", error: silent(this.#place.url, laneMax * onOneMax) });
      };
      const timer = this.#runtime.timer(untilMs, late);
      lane.queue.add(next);
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
