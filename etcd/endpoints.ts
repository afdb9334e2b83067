/**
 * The endpoints of one etcd, and the one connection that all calls go over.
 *
 * One task keeps it. While there is no connection, or the one there is is doubted, it tries the endpoints one after the
 * other, pausing after each round without success (doubling from 50 ms to 1 s), for ever: an etcd that is down is waited
 * for. What works is kept.
 *
 * A doubted connection (something that should have come over it did not) stays in use until another is *admitted*, which
 * takes an answer from the quorum: a server that is merely slow loses nothing, and its late answers still count. Then it
 * drains: streams move to the new one, calls under way may end. A call that is answered after all ends the doubt.
 */
import { after, forever, type Instant, type Runtime } from "#core/runtime.ts";
import type { Tasks } from "#core/tasks.ts";
import { Bell } from "#core/bell.ts";
import { Connection, messageOf } from "./http2/connection.ts";
import { type TlsSource, readTls } from "./tls.ts";

export interface EndpointsParts {
  readonly runtime: Runtime;
  readonly endpoints: readonly string[];
  readonly tls?: TlsSource | undefined;
  readonly tasks: Tasks;
  /** Looks at a new connection before anybody uses it; throws where it is of no use. */
  readonly admit: (connection: Connection) => Promise<void>;
}

interface Doubt {
  readonly reason: string;
  readonly since: Instant;
  /** No answer ends it: only another connection does. */
  readonly lasting: boolean;
}

const pauseMinMs = 50;
const pauseMaxMs = 1_000;
/** A connection that lived so long without a doubt was a good one: after it, no pause is made. */
const soundAfterMs = 5_000;
/** With those that drain. */
const connectionsMax = 16;

export class Endpoints {
  readonly #parts: EndpointsParts;
  /** Rings when calls can go on, and when the task has something to do. */
  readonly #bell: Bell;
  readonly #open = new Set<Connection>();
  #current: Connection | undefined;
  #doubt: Doubt | undefined;
  #lastError: string | undefined;

  private constructor(parts: EndpointsParts) {
    this.#parts = parts;
    this.#bell = new Bell(parts.runtime);
  }

  /** Does not wait for a connection. */
  static start(parts: EndpointsParts): Endpoints {
    if (parts.endpoints.length === 0) throw new TypeError("etcd: at least one endpoint is needed");
    for (const endpoint of parts.endpoints) checkEndpoint(endpoint);
    const endpoints = new Endpoints(parts);
    parts.tasks.run("etcd connection", (signal) => endpoints.#keepConnected(signal));
    return endpoints;
  }

  get current(): Connection | undefined {
    return this.#current?.usable === true ? this.#current : undefined;
  }

  /** Why the last attempt to connect failed, the last connection ended, or is doubted; undefined: all is well. */
  get lastError(): string | undefined {
    return this.#doubt?.reason ?? this.#lastError;
  }

  /** Waits for a connection; undefined when there is none until then. Never rejects. */
  async ready(until: Instant, signal?: AbortSignal): Promise<Connection | undefined> {
    const { runtime, tasks } = this.#parts;
    const over = () => signal?.aborted === true || tasks.signal.aborted || runtime.now() >= until;
    while (this.current === undefined && !over()) await this.#bell.wait({ until, signal });
    return this.current;
  }

  /** What should have come over the connection did not. `lasting`: an answer to something else proves nothing. */
  doubt(connection: Connection, reason: string, lasting = false): void {
    if (connection !== this.#current || !connection.usable) return;
    if (this.#doubt !== undefined && (this.#doubt.lasting || !lasting)) return;
    const { runtime } = this.#parts;
    runtime.log.warn("etcd: doubtful connection", { endpoint: connection.endpoint, reason });
    this.#doubt = { reason: `${connection.endpoint}: ${reason}`, since: runtime.now(), lasting };
    this.#bell.ring();
  }

  /** A call that was sent at `sentAt` was answered. */
  answered(connection: Connection, sentAt: Instant): void {
    if (this.#doubt === undefined || connection !== this.#current) return;
    if (!this.#doubt.lasting && sentAt >= this.#doubt.since) this.#doubt = undefined;
  }

  /** Calls under way end broken. */
  async close(): Promise<void> {
    this.#bell.ring();
    await Promise.all([...this.#open].map((connection) => connection.close()));
  }

  get #settled(): boolean {
    return this.current !== undefined && this.#doubt === undefined;
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { endpoints } = this.#parts;
    const over = () => signal.aborted;
    const settled = () => this.#settled;
    let at = 0;
    let failures = 0;
    while (!over()) {
      if (settled()) {
        await this.#bell.wait({ until: forever, signal });
        if (settled() || over()) continue;
        failures = this.#wasSound() ? 0 : failures + endpoints.length;
        if (failures > 0) await this.#pause(failures / endpoints.length - 1, signal);
      }
      const connection = await this.#tryOne(endpoints[at] ?? "", signal);
      at = (at + 1) % endpoints.length;
      if (connection !== undefined) this.#use(connection);
      else {
        failures += 1;
        if (failures % endpoints.length === 0) {
          await this.#pause(failures / endpoints.length - 1, signal);
        }
      }
    }
  }

  /** Undefined where there is none to be had there. */
  async #tryOne(endpoint: string, signal: AbortSignal): Promise<Connection | undefined> {
    try {
      return await this.#connect(endpoint, signal);
    } catch (error) {
      if (!signal.aborted) this.#failed(endpoint, messageOf(error as Error));
      return undefined;
    }
  }

  async #connect(endpoint: string, signal: AbortSignal): Promise<Connection> {
    const { runtime, tls, admit } = this.#parts;
    const material = endpoint.startsWith("https:") ? await readTls(tls ?? {}) : undefined;
    const connection = await Connection.open({ endpoint, runtime, tls: material }, signal);
    this.#own(connection);
    try {
      signal.throwIfAborted();
      await admit(connection);
      if (!connection.usable) throw new Error(connection.reason);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  #use(connection: Connection): void {
    if (this.#settled) {
      // The doubt ended meanwhile.
      connection.drain("it is not needed");
      return;
    }
    this.#current?.drain(this.#doubt?.reason ?? "another connection is used");
    this.#current = connection;
    this.#doubt = undefined;
    this.#lastError = undefined;
    this.#parts.runtime.log.info("etcd: connected", { endpoint: connection.endpoint });
    connection.leaving.addEventListener("abort", this.#left, { once: true });
    this.#bell.ring();
  }

  readonly #left = (): void => {
    const connection = this.#current;
    if (connection === undefined || connection.usable || this.#parts.tasks.signal.aborted) return;
    this.#doubt = undefined;
    this.#failed(connection.endpoint, connection.reason);
    this.#bell.ring();
  };

  /** Those that drain are ended, oldest first, when there are too many. */
  #own(connection: Connection): void {
    const oldest = [...this.#open].find((one) => one !== this.#current);
    if (oldest !== undefined && this.#open.size >= connectionsMax) void oldest.close();
    this.#open.add(connection);
    connection.whenClosed(() => this.#open.delete(connection));
  }

  #wasSound(): boolean {
    const connection = this.#current;
    if (connection === undefined) return false;
    return this.#parts.runtime.now() - connection.openedAt >= soundAfterMs;
  }

  /** Said once: an etcd that stays down is not news. */
  #failed(endpoint: string, reason: string): void {
    const error = `${endpoint}: ${reason}`;
    if (error !== this.#lastError) {
      this.#parts.runtime.log.warn("etcd: not connected", { endpoint, reason });
    }
    this.#lastError = error;
  }

  async #pause(rounds: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const ms = Math.min(pauseMinMs * 2 ** Math.min(rounds, 10), pauseMaxMs);
    const until = after(runtime.now(), ms * (0.5 + runtime.random() / 2));
    await new Bell(runtime).wait({ until, signal });
  }
}

function checkEndpoint(endpoint: string): void {
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new TypeError(`etcd: the endpoint '${endpoint}' is not like http://host:2379`);
  }
}
