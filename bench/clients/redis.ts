/** A lock in one Redis: `SET NX PX`, and a script that compares and deletes. One connection for all callers. */
import { portOf, type Peer, type PeerLocker } from "./peer.ts";
import { RedisConnection } from "./redis-connection.ts";
import { giving, loadScript, newValue, taking } from "./redis-lock.ts";

/** The target is the port. */
export async function connectRedis(target: string): Promise<Peer> {
  const connection = await RedisConnection.open(portOf(target));
  await loadScript(connection);
  return {
    make: (name) =>
      new Promise((resolve) => {
        resolve(new RedisLocker(connection, name));
      }),
    close: () => connection.close(),
  };
}

class RedisLocker implements PeerLocker {
  readonly #connection: RedisConnection;
  readonly #name: string;
  readonly #taking: (value: string) => string;
  readonly #giving: (value: string) => string;

  constructor(connection: RedisConnection, name: string) {
    this.#connection = connection;
    this.#name = name;
    this.#taking = taking(name);
    this.#giving = giving(name);
  }

  async take(): Promise<string> {
    const value = newValue();
    const answer = await this.#connection.answer(this.#taking(value));
    if (answer === "+OK") return value;
    throw new Error(`${this.#name} is held by another: Redis has no waiting (${answer})`);
  }

  async give(value: string): Promise<void> {
    const answer = await this.#connection.answer(this.#giving(value));
    if (answer !== ":1") throw new Error(`${this.#name} was not held any more (${answer})`);
  }

  /** The connection is shared, and closed by its owner. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
