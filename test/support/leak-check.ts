/**
 * Root hooks of every suite: a test that leaves a timer, socket, server, watcher or child process behind fails the run,
 * and so does a rejection that nobody handles (mocha hands it on, and passes the test).
 *
 * What is alive is counted by kind before each test's hooks and after them. What closes by itself a moment later (a socket
 * whose peer has just gone) gets time to do so, so only what stays is told. A failing root hook would end the whole
 * run, therefore the leaks of all tests are told together, at the end.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

type Counts = ReadonlyMap<string, number>;

const turnsMax = 20;
const settleMaxMs = 2_000;
const lookEveryMs = 10;
/** A leak keeps the process alive: it is ended so long after the last test. */
const lingerMs = 3_000;

/** Requests that end by themselves, and the timers of mocha and of this check. */
const passing = new Set([
  "Immediate",
  "FSReqCallback",
  "FSReqPromise",
  "GetAddrInfoReqWrap",
  "TTYWrap",
]);

const leaks: string[] = [];
let before: Counts = new Map();
let current = "before the first test";
const told = new WeakSet<Promise<unknown>>();

function alive(): Counts {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!passing.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function more(now: Counts, then: Counts): string[] {
  return [...now].flatMap(([kind, count]) => {
    const extra = count - (then.get(kind) ?? 0);
    return extra > 0 ? [`${extra} ${kind}`] : [];
  });
}

/** What is alive now and was not then, once what was about to close has closed. */
export async function leftBehind(then: Counts): Promise<string[]> {
  for (let turn = 0; turn < turnsMax; turn++) {
    if (more(alive(), then).length === 0) return [];
    await nextTurn();
  }
  const giveUpAt = performance.now() + settleMaxMs;
  for (;;) {
    const left = more(alive(), then);
    if (left.length === 0 || performance.now() > giveUpAt) return left;
    await sleep(lookEveryMs);
    // The timer that has just fired counts as alive until its list is done.
    await nextTurn();
  }
}

export const countAlive = alive;

/** mocha emits the event once more, so each promise comes twice. */
function reject(reason: unknown, promise: Promise<unknown>): void {
  if (told.has(promise)) return;
  told.add(promise);
  const shown = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  leaks.push(`${current}: a rejection that nobody handled: ${shown}`);
}

export const mochaHooks = {
  beforeAll(): void {
    // Opened on first use, and then there for good: not the leak of the test that happens to print first.
    assert(process.stdout.writable && process.stderr.writable);
    process.on("unhandledRejection", reject);
  },
  async beforeEach(this: Mocha.Context): Promise<void> {
    // mocha's own timer runs for a hook that has returned a promise: so here as after the test.
    await nextTurn();
    before = alive();
    current = this.currentTest?.fullTitle() ?? current;
  },
  async afterEach(): Promise<void> {
    await nextTurn();
    const left = await leftBehind(before);
    if (left.length > 0) leaks.push(`${current}: ${left.join(", ")}`);
  },
  async afterAll(): Promise<void> {
    // A rejection is told a turn after it happened.
    await nextTurn();
    process.off("unhandledRejection", reject);
    if (leaks.length === 0) return;
    // Where files run side by side this process has more files to run, and is ended by the one that gave it this one.
    if (process.env["MOCHA_WORKER_ID"] === undefined)
      setTimeout(() => process.exit(process.exitCode ?? 1), lingerMs).unref();
    throw new Error(`Left behind by tests:\n  ${leaks.splice(0).join("\n  ")}`);
  },
};
