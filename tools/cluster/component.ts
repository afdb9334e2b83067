/**
 * One process of a cluster: up → down, by `kill`, `stop` or its own end; `start` brings it back with the same arguments.
 *
 * `held` ties it to this process: it is ended when this process exits, and, where util-linux is there (`setpriv`), by the
 * kernel when this process is killed. Not held, it goes on, and is found again by its pid file.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { end, forgetPid, isRunning, notePid, startOf } from "./pid-file.ts";

export interface ComponentPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The cluster's folder: for the log and the pid. */
  readonly folder: string;
  readonly held: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** A network namespace, by its file. */
  readonly network?: string | undefined;
}

const tailLines = 15;

const held = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of held) child.kill("SIGKILL");
});

export class Component {
  readonly name: string;
  readonly logFile: string;
  readonly #plan: ComponentPlan;
  #child: ChildProcess | undefined;
  #startError: Error | undefined;

  private constructor(plan: ComponentPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.logFile = path.join(plan.folder, "logs", `${plan.name}.log`);
  }

  static start(plan: ComponentPlan): Component {
    const component = new Component(plan);
    component.start();
    return component;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const { program, args, folder, env } = this.#plan;
    const [command = program, ...rest] = [...this.#around(), program, ...args];
    const log = openSync(this.logFile, "a");
    // A process group of its own: Ctrl-C on the terminal reaches only us, and we end them in their order.
    const child = spawn(command, rest, {
      stdio: ["ignore", log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#child = child;
    this.#startError = undefined;
    if (this.#plan.held) held.add(child);
    else child.unref();
    const over = (): void => {
      held.delete(child);
      if (this.#child === child) this.#child = undefined;
    };
    child.once("exit", over);
    child.once("error", (error) => {
      this.#startError = error;
      over();
    });
    if (child.pid !== undefined) notePid(folder, this.name, child.pid);
  }

  /** Ends it without a warning. */
  kill(): Promise<void> {
    return this.#end("at once");
  }

  stop(): Promise<void> {
    return this.#end("in order");
  }

  /** Kills it, and starts it again with the same arguments. */
  async restart(): Promise<void> {
    await this.kill();
    this.start();
  }

  /** Throws where it has ended by itself, with the end of its log. */
  needRunning(): void {
    if (this.#startError !== undefined) throw this.#startError;
    if (this.running) return;
    throw new Error(`${this.name} has ended. Its last lines:\n${this.tail()}`);
  }

  tail(): string {
    if (!existsSync(this.logFile)) return "(no log)";
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-tailLines).join("\n");
  }

  async #end(how: "in order" | "at once"): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    const startedAt = startOf(child.pid);
    if (startedAt !== undefined) {
      const noted = { name: this.name, pid: child.pid, startedAt };
      if (isRunning(noted)) await end(noted, how);
    }
    child.ref();
    if (this.#child === child) await gone;
    forgetPid(this.#plan.folder, this.name);
  }

  /** What the program is started through. Each becomes the next one, so the pid stays. */
  #around(): string[] {
    const { network } = this.#plan;
    return [
      ...(this.#plan.held && canTieToParent() ? ["setpriv", "--pdeathsig", "KILL", "--"] : []),
      // Not `ip netns exec`: that mounts another /sys, in which the cgroups are missing.
      ...(network === undefined ? [] : ["nsenter", `--net=${network}`, "--"]),
    ];
  }
}

let tied: boolean | undefined;

function canTieToParent(): boolean {
  tied ??= spawnSync("setpriv", ["--pdeathsig", "KILL", "--", "true"]).status === 0;
  return tied;
}
