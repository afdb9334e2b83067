/**
 * A peer's server as a child process: on a free port of loopback, with its data and what it writes in a folder that is given.
 * Started, ready, ended.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { until } from "#tools/cluster/until.ts";
import { endWithUs } from "../ending.ts";

export interface ServerPlan {
  /** How messages call it. */
  readonly called: string;
  readonly program: string;
  readonly args: (port: number) => readonly string[] | Promise<readonly string[]>;
  readonly env: Readonly<Record<string, string>>;
  /** Made where it is missing, on the disk whose speed is to count; it stays. */
  readonly folder: string;
  /** Asks in the server's own protocol; throws as long as it does not serve. */
  readonly answers: (port: number) => Promise<void>;
}

const readyWithinMs = 60_000;
const linesMax = 20;

export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(port: number, child: ChildProcess, ended: Promise<void>) {
    this.port = port;
    this.#child = child;
    this.#ended = ended;
    this.pid = child.pid ?? 0;
  }

  /** Throws, with the end of its log, where it ends or does not answer. */
  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const { called, program, folder, env } = plan;
    await mkdir(folder, { recursive: true });
    const [port = 0] = await freePorts(1);
    const logFile = path.join(folder, "log");
    const args = await plan.args(port);
    const log = openSync(logFile, "w");
    const child = spawn(program, args, {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    endWithUs(child);
    let over: string | undefined;
    const ended = new Promise<void>((resolve) => {
      const end = (how: string): void => {
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
    const server = new ServerProcess(port, child, ended);
    const stillPossible = (): void => {
      if (over !== undefined) throw new Error(over);
    };
    try {
      const answers = async (): Promise<true> => {
        await plan.answers(port);
        return true;
      };
      await until("it to answer", answers, { withinMs: readyWithinMs, stillPossible });
      stillPossible();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      const last = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-linesMax);
      const why = `${called} does not start: ${(error as Error).message}`;
      throw new Error([why, ...last].join("\n"), { cause: error });
    }
  }

  /** Without an orderly end: what it has written is thrown away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    giveBack([this.port]);
  }
}
