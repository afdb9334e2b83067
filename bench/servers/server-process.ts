/** A peer's server as a child process on loopback, with what it writes in its own folder: started, ready, ended. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import process from "node:process";
import { until } from "#tools/cluster/until.ts";

export interface ServerPlan {
  /** How messages call it. */
  readonly called: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Asks in the server's own protocol; throws as long as it does not serve. */
  readonly answers: () => Promise<void>;
}

const readyWithinMs = 60_000;
const linesMax = 20;

/** Ended with this process, however that ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class ServerProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, ended: Promise<void>) {
    this.#child = child;
    this.#ended = ended;
    this.pid = child.pid ?? 0;
  }

  /** Throws, with the end of its log, where it ends or does not answer. */
  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const log = openSync(plan.logFile, "w");
    const child = spawn(plan.program, plan.args, {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...plan.env },
    });
    closeSync(log);
    running.add(child);
    let over: string | undefined;
    const ended = new Promise<void>((resolve) => {
      const end = (how: string): void => {
        running.delete(child);
        over ??= how;
        resolve();
      };
      child.once("error", (error) => {
        end(error.message);
      });
      child.once("exit", (code, signal) => {
        end(`it ended with ${String(code ?? signal)}`);
      });
    });
    const server = new ServerProcess(child, ended);
    const stillPossible = (): void => {
      if (over !== undefined) throw new Error(over);
    };
    try {
      const answers = async (): Promise<true> => {
        await plan.answers();
        return true;
      };
      await until("it to answer", answers, { withinMs: readyWithinMs, stillPossible });
      stillPossible();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      const last = readFileSync(plan.logFile, "utf8").trimEnd().split("\n").slice(-linesMax);
      const why = `${plan.called} does not start: ${(error as Error).message}`;
      throw new Error([why, ...last].join("\n"), { cause: error });
    }
  }

  /** Without an orderly end: what it has written is thrown away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
