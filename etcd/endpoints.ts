/**
 * The endpoints of one etcd, and the one connection that all calls go over.
 *
 * One task keeps it: it tries the endpoints one after the other, beginning with the one after that which failed,
 * pausing after each round without success (doubling from 50 ms to 1 s), for ever: an etcd that is down is waited for.
 * A connection that is lost, says goodbye, or is distrusted (a call or a watch got no answer over it) is left to drain,
 * and the next endpoint is connected to. What works is kept.
 */
import { after, type Instant, type Runtime } from "#core/runtime.ts";
import type { Tasks } from "#core/tasks.ts";
import { Bell } from "./bell.ts";
import { Connection, messageOf } from "./http2/connection.ts";
import { type TlsFiles, readTls } from "./tls.ts";

export interface EndpointsParts {
  readonly runtime: Runtime;
  readonly endpoints: readonly string[];
  readonly tls?: TlsFiles | undefined;
  readonly tasks: Tasks;
  /** Looks at a new connection before anybody uses it; throws where it is of no use. */
  readonly admit: (connection: Connection, signal: AbortSignal) => Promise<void>;
}

const pauseMinMs = 50;
const pauseMaxMs = 1_000;
/** A connection that lived so long was a good one: after it, no pause is made. */
const soundAfterMs = 5_000;
const connectionsMax = 16;

export class Endpoints {
  readonly #parts: EndpointsParts;
  readonly #bell: Bell;
  /** The current one and those that still drain. */
  readonly #open = new Set<Connection>();
  #current: Connection | undefined;
  #lastError: string | undefined;
  /** Rounds without success, one after the other. */
  #badRounds = 0;

  private constructor(parts: EndpointsParts) {
    this.#parts = parts;
    this.#bell = new Bell(parts.runtime);
  }

  /** Does not wait for a connection. */
  static start(parts: EndpointsParts): Endpoints {
    for (const endpoint of parts.endpoints) checkEndpoint(endpoint);
    if (parts.endpoints.length === 0) throw new TypeError("etcd: at least one endpoint is needed");
    const endpoints = new Endpoints(parts);
    parts.tasks.run("etcd connection", (signal) => endpoints.#keepConnected(signal));
    return endpoints;
  }

  get current(): Connection | undefined {
    return this.#current?.usable === true ? this.#current : undefined;
  }

  /** Why the last attempt to connect failed, or the last connection ended; undefined: all is well. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Waits for a connection; undefined when there is none until then. Never rejects. */
  async ready(until: Instant, signal?: AbortSignal): Promise<Connection | undefined> {
    const { runtime, tasks } = this.#parts;
    const over = () => signal?.aborted === true || tasks.signal.aborted || runtime.now() >= until;
    while (this.current === undefined && !over()) {
      await this.#bell.wait({ until, signal });
    }
    return this.current;
  }

  /**
   * What should have come over the connection did not: goes on to the next endpoint, or connects anew where there is
   * only one. `answered`: the server itself said that it cannot; where there is no other that is no reason.
   */
  distrust(connection: Connection, reason: string, answered = false): void {
    if (connection !== this.#current || !connection.usable) return;
    if (answered && this.#parts.endpoints.length === 1) return;
    this.#parts.runtime.log.warn("etcd: leaving a connection", {
      endpoint: connection.endpoint,
      reason,
    });
    connection.drain(reason);
  }

  /** After the tasks have ended. */
  async close(): Promise<void> {
    this.#bell.ring();
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { endpoints } = this.#parts;
    for (let at = 0; !signal.aborted; at = (at + 1) % endpoints.length) {
      const connected = await this.#tryOne(endpoints[at] ?? "", signal);
      if (!connected && at === endpoints.length - 1) await this.#pause(signal);
    }
  }

  /** Returns when the connection is over; false where there was none, or only a short-lived one. */
  async #tryOne(endpoint: string, signal: AbortSignal): Promise<boolean> {
    const { runtime } = this.#parts;
    let connection: Connection;
    try {
      connection = await this.#connect(endpoint, signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(endpoint, messageOf(error as Error));
      return false;
    }
    this.#current = connection;
    this.#lastError = undefined;
    runtime.log.info("etcd: connected", { endpoint });
    this.#bell.ring();
    await aborted(connection.leaving, signal);
    if (signal.aborted) return true;
    this.#failed(endpoint, connection.reason);
    const sound = runtime.now() - connection.openedAt >= soundAfterMs;
    if (sound) this.#badRounds = 0;
    return sound;
  }

  async #connect(endpoint: string, signal: AbortSignal): Promise<Connection> {
    const { runtime, tls, admit } = this.#parts;
    const material = endpoint.startsWith("https:") ? await readTls(tls ?? {}) : undefined;
    const connection = await Connection.open({ endpoint, runtime, tls: material }, signal);
    this.#own(connection);
    try {
      await admit(connection, signal);
    } catch (error) {
      await connection.close();
      throw error;
    }
    if (!connection.usable) throw new Error(connection.reason);
    return connection;
  }

  /** Old ones that do not end by themselves are ended, oldest first, when there are too many. */
  #own(connection: Connection): void {
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size >= connectionsMax) void oldest.close("too many");
    this.#open.add(connection);
    connection.whenClosed(() => this.#open.delete(connection));
  }

  #failed(endpoint: string, reason: string): void {
    this.#lastError = `${endpoint}: ${reason}`;
    if (this.#badRounds === 0) {
      this.#parts.runtime.log.warn("etcd: not connected", { endpoint, reason });
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const ms = Math.min(pauseMinMs * 2 ** Math.min(this.#badRounds, 10), pauseMaxMs);
    this.#badRounds += 1;
    const until = after(runtime.now(), ms * (0.5 + runtime.random() / 2));
    await new Bell(runtime).wait({ until, signal });
  }
}

function checkEndpoint(endpoint: string): void {
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new TypeError(`etcd: the endpoint '${endpoint}' is not like http://host:2379`);
  }
}

function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  const either = AbortSignal.any([...signals]);
  if (either.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    either.addEventListener("abort", () => resolve(), { once: true });
  });
}
