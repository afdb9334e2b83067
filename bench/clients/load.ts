/**
 * Callers that each lock and unlock without a pause, and what they see of it in a window of time. Those that warm up
 * are those that are measured: nothing starts or stops within the window.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuUsOf } from "../machine.ts";
import { quantile } from "../statistics.ts";

/** One caller with a lock of its own. */
export interface Locker {
  /** Takes the lock and gives it back. Throws where anything but that happens. */
  pair(): Promise<void>;
  close(): Promise<void>;
}

export interface Window {
  readonly warmMs: number;
  readonly measureMs: number;
  /** Processes whose CPU is counted beside our own, by name. */
  readonly servers: Readonly<Record<string, number>>;
}

export interface Measured {
  readonly pairsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU in microseconds a pair, of this process (`client`) and of each server. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

export async function measure(lockers: readonly Locker[], window: Window): Promise<Measured> {
  const latenciesMs: number[] = [];
  let state: "warming" | "measuring" | "stopping" = "warming";
  const call = async (locker: Locker): Promise<void> => {
    while (state !== "stopping") {
      const began = performance.now();
      await locker.pair();
      if (state === "measuring") latenciesMs.push(performance.now() - began);
    }
  };
  const calling = Promise.all(lockers.map(call));
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

interface Readings {
  readonly atMs: number;
  readonly cpuUs: Readonly<Record<string, number>>;
}

function readings(servers: Readonly<Record<string, number>>): Readings {
  const { user, system } = process.cpuUsage();
  const cpuUs: Record<string, number> = { client: user + system };
  for (const [name, pid] of Object.entries(servers)) cpuUs[name] = cpuUsOf(pid);
  return { atMs: performance.now(), cpuUs };
}

function summary(latenciesMs: number[], before: Readings, after: Readings): Measured {
  const pairs = latenciesMs.length;
  if (pairs === 0) throw new Error("no pair was completed in the window");
  const spent = Object.entries(after.cpuUs).map(([name, cpuUs]) => {
    return [name, (cpuUs - (before.cpuUs[name] ?? 0)) / pairs] as const;
  });
  latenciesMs.sort((a, b) => a - b);
  return {
    pairsPerSecond: (pairs * 1_000) / (after.atMs - before.atMs),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuUs: Object.fromEntries(spent),
  };
}
