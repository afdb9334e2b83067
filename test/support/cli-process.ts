/** The holdfast command in a process of its own, as a shell runs it: what it writes, and how it ends. */
import { spawn, type ChildProcess } from "node:child_process";
import process from "node:process";
import { eventually, inTime } from "./poll.ts";

export interface CliEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliRun {
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the sources, run by this Node. */
  readonly program?: readonly string[];
}

/** Ended with this process, and with them the commands that they run. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) killAll(child);
});

function killAll({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export class CliProcess implements AsyncDisposable {
  readonly ended: Promise<CliEnd>;
  readonly #child: ChildProcess;
  #out = "";
  #err = "";
  #isOver = false;

  constructor(args: readonly string[], { url, env, program }: CliRun = {}) {
    const [file = "", ...before] = program ?? [process.execPath, "cli/main.ts"];
    const child = spawn(file, [...before, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, which is ended as a whole.
      detached: true,
      env: { ...process.env, ...(url === undefined ? {} : { HOLDFAST_URL: url }), ...env },
    });
    running.add(child);
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#err += text));
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        running.delete(child);
        this.#isOver = true;
        resolve({ code, out: this.#out, err: this.#err });
      });
    });
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** How it ended, when it has: all that writes where it wrote, too. */
  get end(): Promise<CliEnd> {
    return inTime("the command to end", this.ended);
  }

  /** Waits until it has written that to standard output. */
  async said(text: string): Promise<void> {
    await eventually(`'${text}' of the command`, () => {
      if (this.#out.includes(text)) return true;
      return this.#isOver ? Promise.reject(new Error(`it ended: ${this.#err}`)) : false;
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killAll(this.#child);
    await this.ended;
  }
}

/** Runs it to its end. */
export function cli(args: readonly string[], run: CliRun = {}): Promise<CliEnd> {
  return new CliProcess(args, run).end;
}
