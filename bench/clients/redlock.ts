/**
 * Redlock: the same key in several Redis servers that know nothing of each other, held by whoever has the majority of them
 * in time. All are asked at once, and the majority's word is enough: for the lock, and that it is given back. One connection
 * a server for all callers; on it commands keep their order, so what a slow one has not yet answered stays behind.
 */
import { portOf, type Peer, type PeerLocker } from "./peer.ts";
import { RedisConnection, type Waiter } from "./redis-connection.ts";
import { giving, loadScript, newValue, taking, ttlMs } from "./redis-lock.ts";

/** For clocks that run apart, as the documentation has it. */
const driftMs = ttlMs * 0.01 + 2;

/** The target is the ports, with commas between. */
export async function connectRedlock(target: string): Promise<Peer> {
  const servers = await openAll(target.split(",").map(portOf));
  await Promise.all(servers.map(loadScript));
  return {
    make: (name) =>
      new Promise((resolve) => {
        resolve(new RedlockLocker(servers, name));
      }),
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** All, or none. */
async function openAll(ports: readonly number[]): Promise<RedisConnection[]> {
  const outcomes = await Promise.allSettled(ports.map((port) => RedisConnection.open(port)));
  const opened = outcomes.filter((one) => one.status === "fulfilled").map((one) => one.value);
  const failed = outcomes.find((one) => one.status === "rejected");
  if (failed === undefined) return opened;
  for (const connection of opened) await connection.close();
  throw failed.reason;
}

class RedlockLocker implements PeerLocker {
  readonly #servers: readonly RedisConnection[];
  readonly #name: string;
  readonly #taking: (value: string) => string;
  readonly #giving: (value: string) => string;

  constructor(servers: readonly RedisConnection[], name: string) {
    this.#servers = servers;
    this.#name = name;
    this.#taking = taking(name);
    this.#giving = giving(name);
  }

  async take(): Promise<string> {
    const value = newValue();
    const sentAt = performance.now();
    const votes = await this.#vote(this.#taking(value), "+OK");
    const leftMs = ttlMs - (performance.now() - sentAt) - driftMs;
    if (votes.won && leftMs > 0) return value;
    // Those that gave it, too: nobody else could have the majority.
    await this.#vote(this.#giving(value), ":1");
    throw new Error(`${this.#name} ${whyNot(votes, leftMs)}`);
  }

  async give(value: string): Promise<void> {
    const { won, against } = await this.#vote(this.#giving(value), ":1");
    if (!won) throw new Error(`${this.#name} was not held any more (${against})`);
  }

  /** The connections are shared, and closed by their owner. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #vote(text: string, wanted: string): Promise<Outcome> {
    return new Promise((resolve) => {
      const vote = new Vote(wanted, { voters: this.#servers.length, decided: resolve });
      for (const server of this.#servers) server.ask(text, vote);
    });
  }
}

interface Outcome {
  readonly won: boolean;
  /** The last answer that was another. */
  readonly against: string;
}

function whyNot({ won, against }: Outcome, leftMs: number): string {
  if (won) return `was won ${-leftMs} ms too late`;
  if (against === "$-1") return `is held by another: Redlock has no waiting (${against})`;
  return `has no majority: ${against}`;
}

interface Election {
  readonly voters: number;
  readonly decided: (outcome: Outcome) => void;
}

/** Decided as soon as the rest cannot change it. A server that is lost votes against. */
class Vote implements Waiter {
  readonly #wanted: string;
  readonly #election: Election;
  readonly #majority: number;
  #for = 0;
  #against = 0;
  #lastAgainst = "";

  constructor(wanted: string, election: Election) {
    this.#wanted = wanted;
    this.#election = election;
    this.#majority = Math.floor(election.voters / 2) + 1;
  }

  answered(line: string): void {
    if (line === this.#wanted) {
      this.#for += 1;
      if (this.#for === this.#majority) this.#decide(true);
      return;
    }
    this.#lastAgainst = line;
    this.#against += 1;
    if (this.#against === this.#election.voters - this.#majority + 1) this.#decide(false);
  }

  failed(error: Error): void {
    this.answered(`-${error.message}`);
  }

  #decide(won: boolean): void {
    this.#election.decided({ won, against: this.#lastAgainst });
  }
}
