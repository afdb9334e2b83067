/**
 * How fast is a lock taken and given back, when nobody else wants it? Through the sidecar's HTTP, and beside it by etcd's
 * own lock service, on the same etcd: the two take turns, round by round, so that whatever else the machine does hits both.
 * Each is driven by a client of its own process; etcd forgets its history before each measurement.
 */
import { fork, type ChildProcess } from "node:child_process";
import type { Order, Report } from "./clients/main.ts";
import type { Measured } from "./clients/load.ts";
import type { History } from "./history.ts";
import { memoryOf, type Memory } from "./machine.ts";
import { spreadOf, type Spread } from "./statistics.ts";

export type Side = "sidecar" | "v3lock";

export interface LockPairsPlan {
  readonly etcd: { readonly endpoint: string; readonly pid: number };
  readonly sidecar: { readonly port: number; readonly pid: number };
  readonly history: History;
  readonly callers: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface Level {
  readonly callers: number;
  readonly sides: Readonly<Record<Side, Figures>>;
  /** The sidecar's pairs a second over the lock service's, of each round. */
  readonly ratio: Spread;
  /** Etcd's CPU for one of the sidecar's pairs over that for one of the lock service's. */
  readonly etcdCpuRatio: Spread;
}

/** Over all rounds. */
export interface Figures {
  readonly pairsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Microseconds a pair. */
  readonly cpuUs: Readonly<Record<string, Spread>>;
}

export interface LockPairs {
  readonly levels: readonly Level[];
  /** After all of it. */
  readonly memory: Readonly<Record<"sidecar" | "etcd", Memory>>;
}

const warmMs = 500;
/** Before the first round: compilers, caches and connections. */
const firstWarmMs = 2_500;

export async function lockPairs(plan: LockPairsPlan): Promise<LockPairs> {
  await using clients = new AsyncDisposableStack();
  const { etcd, sidecar, callers, say } = plan;
  const sides = {
    sidecar: clients.use(await Client.start("sidecar", String(sidecar.port))),
    v3lock: clients.use(await Client.start("v3lock", etcd.endpoint)),
  };
  say("warming up");
  const most = Math.max(...callers);
  for (const client of Object.values(sides)) {
    await client.measure({ callers: most, warmMs: firstWarmMs, measureMs: 100, servers: {} });
  }
  const levels: Level[] = [];
  for (const count of callers) levels.push(await level(plan, sides, count));
  return { levels, memory: { sidecar: memoryOf(sidecar.pid), etcd: memoryOf(etcd.pid) } };
}

async function level(
  { etcd, sidecar, history, rounds, seconds, say }: LockPairsPlan,
  clients: Readonly<Record<Side, Client>>,
  callers: number,
): Promise<Level> {
  const window = { callers, warmMs, measureMs: seconds * 1_000 };
  const servers = {
    sidecar: { sidecar: sidecar.pid, etcd: etcd.pid },
    v3lock: { etcd: etcd.pid },
  };
  const measured: Record<Side, Measured[]> = { sidecar: [], v3lock: [] };
  for (let round = 0; round < rounds; round++) {
    const order: readonly Side[] = round % 2 === 0 ? ["sidecar", "v3lock"] : ["v3lock", "sidecar"];
    for (const side of order) {
      await history.forget();
      measured[side].push(await clients[side].measure({ ...window, servers: servers[side] }));
    }
    say(`${callers} callers, round ${round + 1} of ${rounds}: ${inShort(measured)}`);
  }
  const ratios = (of: (one: Measured) => number) =>
    spreadOf(measured.sidecar.map((ours, at) => of(ours) / of(measured.v3lock[at] ?? ours)));
  return {
    callers,
    sides: { sidecar: figures(measured.sidecar), v3lock: figures(measured.v3lock) },
    ratio: ratios((one) => one.pairsPerSecond),
    etcdCpuRatio: ratios((one) => one.cpuUs["etcd"] ?? Number.NaN),
  };
}

function inShort(measured: Readonly<Record<Side, readonly Measured[]>>): string {
  return Object.entries(measured)
    .map(([side, all]) => `${side} ${Math.round(all.at(-1)?.pairsPerSecond ?? 0)} pairs/s`)
    .join(", ");
}

function figures(rounds: readonly Measured[]): Figures {
  const names = Object.keys(rounds[0]?.cpuUs ?? {});
  return {
    pairsPerSecond: spreadOf(rounds.map((one) => one.pairsPerSecond)),
    p50Ms: spreadOf(rounds.map((one) => one.p50Ms)),
    p99Ms: spreadOf(rounds.map((one) => one.p99Ms)),
    cpuUs: Object.fromEntries(
      names.map((name) => [name, spreadOf(rounds.map((one) => one.cpuUs[name] ?? Number.NaN))]),
    ),
  };
}

/** A client process, which does one thing at a time. */
class Client implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(side: Side, target: string): Promise<Client> {
    const client = new Client(fork("bench/clients/main.ts", [side, target]));
    await client.#heard();
    return client;
  }

  async measure(order: Order): Promise<Measured> {
    this.#child.send(order);
    const report = (await this.#heard()) as Report;
    if ("failed" in report) throw new Error(report.failed);
    return report.measured;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.connected) this.#child.disconnect();
    else this.#child.kill();
    await ended;
  }

  #heard(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new Error("a client process ended; its last words are above"));
      };
      this.#child.once("exit", ended);
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended);
        resolve(message);
      });
    });
  }
}
