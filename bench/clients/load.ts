/**
 * Callers that lock and unlock, and what they see of it in a window of time. Those that warm up are those that are measured:
 * nothing starts or stops within the window.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuUsOf } from "../machine.ts";
import { quantile } from "../statistics.ts";

/** One caller with a lock of its own, or one of those who want the same. */
export interface Locker {
  /** Throws where the lock is not taken. */
  take(): Promise<void>;
  /** Throws where it is not certainly given back. */
  give(): Promise<void>;
  close(): Promise<void>;
}

/** What a client process keeps for all its callers: connections, a session, a lease. */
export interface Lockers {
  /** `mayWait`: others want the same lock; else whoever finds it taken fails. */
  locker(name: string, mayWait: boolean): Promise<Locker>;
}

export interface Window {
  /** Of all callers together, one after the other at even times, whatever answers take. Absent: each asks as soon as it can. */
  readonly requestsPerSecond?: number | undefined;
  readonly warmMs: number;
  readonly measureMs: number;
  /** Processes whose CPU is counted beside our own, by what they are. */
  readonly servers: Readonly<Record<string, readonly number[]>>;
}

export interface Measured {
  readonly perSecond: number;
  /** Of a lock and its unlock; at a set pace of each request, from when it was due. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  /** CPU in microseconds for each of what `perSecond` counts, of this process (`client`) and of each kind of server. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

/** Told how long each took. Goes on until it is asked to stop, and what is under way then has ended. */
type Calling = (took: (ms: number) => void, stopping: () => boolean) => Promise<void>;

export async function measure(lockers: readonly Locker[], window: Window): Promise<Measured> {
  const { requestsPerSecond: pace } = window;
  const latenciesMs: number[] = [];
  let state: "warming" | "measuring" | "stopping" = "warming";
  const took = (ms: number): void => {
    if (state === "measuring") latenciesMs.push(ms);
  };
  const everyMs = pace === undefined ? undefined : (lockers.length * 1_000) / pace;
  const calling = Promise.all(
    lockers.map((locker, at) => {
      const startMs = ((everyMs ?? 0) * at) / lockers.length;
      const call = everyMs === undefined ? closed(locker) : paced(locker, { startMs, everyMs });
      return call(took, () => state === "stopping");
    }),
  );
  const timed = async (): Promise<Measured> => {
    await sleep(window.warmMs);
    state = "measuring";
    const before = readings(window.servers);
    await sleep(window.measureMs);
    const after = readings(window.servers);
    state = "stopping";
    return summary(latenciesMs, before, after);
  };
  const [measured] = await Promise.all([timed(), calling]);
  return measured;
}

/** One pair after the other. */
function closed(locker: Locker): Calling {
  return async (took, stopping) => {
    while (!stopping()) {
      const began = performance.now();
      await locker.take();
      await locker.give();
      took(performance.now() - began);
    }
  };
}

/** A request each time that one is due. One that is late delays those behind it, which count from when they were due. */
function paced(
  locker: Locker,
  { startMs, everyMs }: { startMs: number; everyMs: number },
): Calling {
  return async (took, stopping) => {
    let due = performance.now() + startMs;
    let isTaken = false;
    while (!stopping() || isTaken) {
      await sleep(Math.max(0, due - performance.now()));
      await (isTaken ? locker.give() : locker.take());
      isTaken = !isTaken;
      took(performance.now() - due);
      due += everyMs;
    }
  };
}

interface Readings {
  readonly atMs: number;
  readonly cpuUs: Readonly<Record<string, number>>;
}

function readings(servers: Window["servers"]): Readings {
  const { user, system } = process.cpuUsage();
  const cpuUs: Record<string, number> = { client: user + system };
  for (const [name, pids] of Object.entries(servers)) {
    cpuUs[name] = pids.reduce((sum, pid) => sum + cpuUsOf(pid), 0);
  }
  return { atMs: performance.now(), cpuUs };
}

function summary(latenciesMs: number[], before: Readings, after: Readings): Measured {
  const count = latenciesMs.length;
  if (count === 0) throw new Error("nothing was completed in the window");
  const spent = Object.entries(after.cpuUs).map(([name, cpuUs]) => {
    return [name, (cpuUs - (before.cpuUs[name] ?? 0)) / count] as const;
  });
  latenciesMs.sort((a, b) => a - b);
  return {
    perSecond: (count * 1_000) / (after.atMs - before.atMs),
    p50Ms: quantile(latenciesMs, 0.5),
    p90Ms: quantile(latenciesMs, 0.9),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuUs: Object.fromEntries(spent),
  };
}
