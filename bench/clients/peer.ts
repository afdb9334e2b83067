/** A lock service that is measured beside ours, connected once for all its callers. */
import type { Locker, Lockers } from "./load.ts";

export interface Peer {
  /** A caller's own locker of the lock of that name: letters, digits and hyphens. Two of one name want one lock. */
  readonly make: (name: string) => Promise<PeerLocker>;
  close(): Promise<void>;
}

export interface PeerLocker {
  /** What gives it back. Where another has the lock, it is waited for or refused, as the service does. */
  take(): Promise<string>;
  /** Throws where it was not held any more. */
  give(held: string): Promise<void>;
  close(): Promise<void>;
}

export function peerLockers({ make }: Peer): Lockers {
  return { locker: async (name) => new HeldLocker(await make(name)) };
}

/** Keeps what gives the lock back. */
class HeldLocker implements Locker {
  readonly #peer: PeerLocker;
  #held = "";

  constructor(peer: PeerLocker) {
    this.#peer = peer;
  }

  async take(): Promise<void> {
    this.#held = await this.#peer.take();
  }

  give(): Promise<void> {
    return this.#peer.give(this.#held);
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}

/** What is written into protocols as it is must not need to be written otherwise. */
export function plainName(name: string): string {
  if (/^[a-z0-9-]+$/i.test(name)) return name;
  throw new Error(`'${name}' is no name of a lock here: letters, digits and hyphens are`);
}

/** The port that a target names. */
export function portOf(target: string): number {
  const port = Number(target);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`'${target}' is no port: give the server's, from 1 to 65535`);
}
