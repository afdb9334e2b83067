/**
 * A process of `make run`: up until it ends by itself or is stopped. It is the leader of its own process group, so
 * Ctrl-C on the terminal reaches only us, and we end the processes in their order.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import process from "node:process";

const tailMaxChars = 16 * 1024;
const tailLines = 15;
const stopWithinMs = 10_000;

export interface ChildPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Its output is shown as it comes. */
  readonly shown: boolean;
}

export class Child {
  readonly name: string;
  /** Resolves with how it ended, in words; never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #tail = "";
  #over = false;

  constructor({ name, program, args, env, logFile, shown }: ChildPlan) {
    this.name = name;
    const log = createWriteStream(logFile);
    const child = spawn(program, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const keep = (text: string): void => {
      this.#tail = (this.#tail + text).slice(-tailMaxChars);
      log.write(text);
      if (shown) process.stderr.write(text);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#over = true;
        log.end();
        resolve(how);
      };
      child.once("error", (error) => {
        end(`could not be started: ${error.message}`);
      });
      child.once("close", (code, signal) => {
        end(signal === null ? `ended with code ${code ?? "?"}` : `was ended by ${signal}`);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The last lines that it wrote. */
  get tail(): string {
    return this.#tail.trimEnd().split("\n").slice(-tailLines).join("\n");
  }

  /** Asks it to end, and ends it where it does not. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => {
      this.kill();
    }, stopWithinMs);
    await this.ended;
    clearTimeout(late);
  }

  kill(): void {
    if (!this.#over) this.#child.kill("SIGKILL");
  }
}
