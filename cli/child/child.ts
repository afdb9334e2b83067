/**
 * The command that runs under the lock.
 *
 *   starting ──▶ running ──▶ over        it ended by itself, or by a signal of somebody's
 *      │            └──▶ ending ──▶ over  it was asked to end (SIGTERM); after a grace it is killed
 *      └──▶ over                         it could not be started
 */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { exitCodes, signalBase } from "../exit-codes.ts";

export type Over =
  | { readonly kind: "ended"; readonly code: number }
  /** It never ran. */
  | { readonly kind: "unstarted"; readonly code: number; readonly why: string };

export class Child {
  readonly over: Promise<Over>;
  readonly #process: ChildProcess;
  #killing: NodeJS.Timeout | undefined;
  #isOver = false;

  /** It shares this process's terminal and files. */
  constructor([program = "", ...args]: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(program, args, { stdio: "inherit", env });
    this.#process = child;
    this.over = new Promise((tell) => {
      const resolve = (over: Over): void => {
        this.#isOver = true;
        clearTimeout(this.#killing);
        tell(over);
      };
      child.once("error", (error: NodeJS.ErrnoException) => {
        // Also told of a signal that could not be sent: then it runs on.
        if (child.pid === undefined) resolve(unstarted(program, error));
      });
      child.once("exit", (code, signal) => {
        resolve({ kind: "ended", code: signal === null ? (code ?? 0) : codeOf(signal) });
      });
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  tell(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Asks it to end, and kills it when that takes longer. Asked again, the nearer end counts. */
  end(graceMs: number): void {
    if (this.#killing === undefined) this.tell("SIGTERM");
    clearTimeout(this.#killing);
    // A command that stands still would not hear the first.
    this.#killing = setTimeout(() => {
      this.tell("SIGKILL");
    }, graceMs);
  }
}

export function codeOf(signal: NodeJS.Signals): number {
  return signalBase + constants.signals[signal];
}

function unstarted(program: string, { code = "", message }: NodeJS.ErrnoException): Over {
  if (code === "ENOENT") {
    const why = `There is no command '${program}'.`;
    return { kind: "unstarted", code: exitCodes.notFound, why };
  }
  const why = `The command '${program}' cannot be run (${code === "" ? message : code}).`;
  return { kind: "unstarted", code: exitCodes.notRunnable, why };
}
