/** A program at a terminal, as a person sits there: `script` gives it one, and what it shows is read here. */
import { spawn, type ChildProcess } from "node:child_process";
import process from "node:process";
import { eventually, inTime } from "./poll.ts";

export class Terminal implements AsyncDisposable {
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #shown = "";

  /** `command`: for a shell. */
  constructor(command: string, env: Readonly<Record<string, string>> = {}) {
    const child = spawn("script", ["-qefc", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, TERM: "xterm", ...env },
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#shown += text));
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
  }

  /** All that it has shown, with what moves the cursor. */
  get shown(): string {
    return this.#shown;
  }

  get end(): Promise<number | null> {
    return inTime("the terminal to end", this.ended);
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  async shows(pattern: RegExp): Promise<void> {
    await eventually(`${String(pattern)} at the terminal`, () => {
      if (pattern.test(this.#shown)) return true;
      throw new Error(`it shows ${JSON.stringify(this.#shown)}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
