/**
 * A job that runs once a night, though every replica starts it, and that goes on where it was when it is killed:
 *
 *     node job.ts STATE [NIGHT]     # STATE: a file that all replicas see; NIGHT: 2026-11-28, else today
 *
 * The lock belongs to the pod (`hold: session`), and the night is the request's id: a process that is started anew in the same
 * pod asks the same question and is given the same lock, while all others are told who has it. When the pod itself is gone,
 * the next one that is started takes the lock, with a higher fence, and goes on from what was written.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, HoldfastError, type Grant } from "@holdfast/client";

interface State {
  readonly night: string;
  /** Steps that are done. */
  readonly done: number;
  readonly fence: string;
}

const steps = 5;
const [file = "state", night = new Date().toISOString().slice(0, 10)] = process.argv.slice(2);

const holdfast = connect();
try {
  const requestId = `nightly-${night}`;
  const grant = await holdfast.locks("jobs").acquire("nightly", { hold: "session", requestId });
  console.log(`has the lock, fence ${grant.fence}`);
  await run(grant);
  await grant.release();
} catch (error) {
  if (HoldfastError.is(error, "lock_held"))
    console.log(`somebody else runs it: ${error.facts.pod ?? "unknown"}`);
  // The same question is answered the same for a minute: this pod has run it.
  else if (HoldfastError.is(error, "grant_lost") && error.facts.reason === "released")
    console.log("this pod has run it a moment ago");
  else throw error;
} finally {
  // Only what was released is given back here: a lock of the session outlives the process that has crashed, not one that ends.
  await holdfast.close();
}

async function run({ fence, signal }: Grant): Promise<void> {
  let state = await read();
  if (state.night !== night) state = { night, done: 0, fence };
  for (; state.done < steps; state = { ...state, done: state.done + 1, fence }) {
    signal.throwIfAborted();
    await save({ ...state, fence });
    await step(state.done + 1, signal);
  }
  await save(state);
  console.log(`all ${steps} steps of ${night} are done`);
}

/** A step may be begun twice, when the process is killed in it: it has to be one that may. */
async function step(number: number, signal: AbortSignal): Promise<void> {
  console.log(`step ${number}`);
  await sleep(Number(process.env["STEP_MS"] ?? "100"), undefined, { signal });
}

async function read(): Promise<State> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return JSON.stringify({ night: "", done: 0, fence: "0" });
  });
  return JSON.parse(text) as State;
}

/** A newer holder's progress stays. (In a database it would be one step: see ../fences.) */
async function save(state: State): Promise<void> {
  if (BigInt((await read()).fence) > BigInt(state.fence))
    throw new Error("a newer holder is at it");
  await writeFile(`${file}.${process.pid}`, JSON.stringify(state));
  await rename(`${file}.${process.pid}`, file);
}
