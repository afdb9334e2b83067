/** Examples as a stranger has them: copied into a folder of its own, beside the client as npm installs it. */
import { spawn, type ChildProcess } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { packClient } from "#tools/client/package.ts";
import { run } from "#tools/fetch/step.ts";
import { eventually, inTime } from "#test/support/poll.ts";

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Examples implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async install(): Promise<Examples> {
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-examples-"));
    // Beside those of other tests, which may pack at the same time.
    const packed = await packClient(path.join(".cache", path.basename(folder)));
    const manifest = { name: "stranger", private: true, type: "module" };
    await writeFile(path.join(folder, "package.json"), JSON.stringify(manifest));
    const args = ["install", "--offline", "--no-audit", "--no-fund", path.resolve(packed.file)];
    await run({ command: "npm", args, folder });
    await rm(path.dirname(packed.file), { recursive: true });
    await cp("examples", path.join(folder, "examples"), { recursive: true });
    return new Examples(folder);
  }

  /** `file`: as it stands in the project. */
  start(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Example {
    const place = path.join(this.folder, file);
    return new Example(process.execPath, [place, ...args], env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class Example implements AsyncDisposable {
  readonly pid: number | undefined;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = "";
  #isOver = false;

  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", ...env },
    });
    running.add(child);
    this.pid = child.pid;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        running.delete(child);
        this.#isOver = true;
        resolve(code);
      });
    });
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has written that. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await eventually(`${String(pattern)} of the example`, () => {
      const match = pattern.exec(this.#output);
      if (match === null && this.#isOver) throw new Error(`it has ended: ${this.#output}`);
      return match ?? false;
    });
    return found;
  }

  /** All that it wrote; throws where it failed. */
  async succeeds(): Promise<string> {
    const code = await inTime("the example to end", this.#ended);
    if (code !== 0) throw new Error(`It ended with ${String(code)}:\n${this.#output}`);
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
