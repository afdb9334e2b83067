/**
 * The connections to one API server: one pool that all share, for as long as the certificates stay what they are.
 *
 * When they change, a new pool takes what comes; the old one ends as soon as its last answer is there (watches live for
 * minutes, so it soon does). HTTP/1.1, since over HTTP/2 all watches and writes would hang on a single connection.
 */
import { Agent, type Dispatcher } from "undici";
import type { Access } from "./cluster.ts";

/** More than all watches and workers together; what is above waits for its turn. */
const connectionsMax = 128;
const connectMs = 10_000;
const idleMs = 60_000;
/** After so long without a word the kernel asks whether the peer lives; a dead one is noticed some 10 s later. */
const askPeerAfterMs = 15_000;

export class Connections {
  #current: { readonly mark: string; readonly agent: Agent } | undefined;
  readonly #ending = new Set<Agent>();

  dispatcher({ tls, tlsMark }: Access): Dispatcher {
    if (this.#current?.mark === tlsMark) return this.#current.agent;
    this.#retire();
    const agent = new Agent({
      allowH2: false,
      connections: connectionsMax,
      pipelining: 1,
      keepAliveTimeout: idleMs,
      // Bounds of time are those of who asks, on the clock that was handed in.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        ...tls,
        timeout: connectMs,
        keepAlive: true,
        keepAliveInitialDelay: askPeerAfterMs,
      },
    });
    this.#current = { mark: tlsMark, agent };
    return agent;
  }

  /** Whatever is under way breaks. */
  async close(): Promise<void> {
    const agents = [...this.#ending, ...(this.#current === undefined ? [] : [this.#current.agent])];
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #retire(): void {
    const agent = this.#current?.agent;
    if (agent === undefined) return;
    this.#ending.add(agent);
    agent.close(() => this.#ending.delete(agent));
  }
}
