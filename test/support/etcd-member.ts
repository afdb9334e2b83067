/**
 * One process of a real etcd: down → up ⇄ paused, and down again by `stop`, `kill`, or its own end. Only its methods
 * start and end it; an end that nobody asked for is told by the next `healthy`, with the end of its log.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { rm } from "node:fs/promises";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import process from "node:process";
import { standStill } from "./stand-still.ts";

export interface MemberPlan {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dataFolder: string;
  /** Where `/health` is answered in plain HTTP, whatever the clients' port speaks. */
  readonly healthPort: number;
}

const healthyWithinMs = 30_000;
const healthLookMs = 20;
const stopWithinMs = 10_000;
const logMaxChars = 64 * 1024;

/** Ended with this process: a test that dies must not leave servers behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class EtcdMember {
  readonly name: string;
  /** The URL for clients. */
  readonly endpoint: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly dataFolder: string;
  #plan: MemberPlan;
  #child: ChildProcess | undefined;
  /** Somebody ends it. */
  #ending: ChildProcess | undefined;
  #log = "";
  #lifeLog = "";
  #over = Promise.resolve();
  #tellOwnEnd: () => void = () => undefined;

  constructor(
    {
      name,
      endpoint,
      clientPort,
      peerPort,
    }: { name: string; endpoint: string; clientPort: number; peerPort: number },
    plan: MemberPlan,
  ) {
    this.name = name;
    this.endpoint = endpoint;
    this.clientPort = clientPort;
    this.peerPort = peerPort;
    this.dataFolder = plan.dataFolder;
    this.#plan = plan;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** The end of what the process wrote. */
  get log(): string {
    return this.#log;
  }

  /** The end of what the process wrote since it was launched last. */
  get lifeLog(): string {
    return this.#lifeLog;
  }

  /** When no process runs (any more), whoever ended it. */
  get ended(): Promise<void> {
    return this.#over;
  }

  /** Called for each end that none of the methods below brought about. */
  onOwnEnd(tell: () => void): void {
    this.#tellOwnEnd = tell;
  }

  /** What a later start uses. */
  set args(args: readonly string[]) {
    this.#plan = { ...this.#plan, args };
  }

  /** Starts the process; {@link healthy} waits until it serves. */
  launch(): void {
    if (this.#child !== undefined) throw new Error(`etcd ${this.name} runs already`);
    const { program, args, env } = this.#plan;
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    this.#lifeLog = "";
    running.add(child);
    const keep = (text: string) => {
      this.#log = (this.#log + text).slice(-logMaxChars);
      this.#lifeLog = (this.#lifeLog + text).slice(-logMaxChars);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const over = Promise.withResolvers<void>();
    this.#over = over.promise;
    const end = (how: string): void => {
      keep(how);
      this.#ended(child);
      over.resolve();
    };
    child.on("error", (error) => {
      end(String(error));
    });
    // Not "exit": what it has started holds its output, and is over by then, too.
    child.on("close", (code, signal) => {
      end(`\n(ended: ${String(code ?? signal)})\n`);
    });
  }

  /** Waits until the member serves linearizable reads: it has a leader. An alarm for space does not count against it. */
  async healthy(withinMs = healthyWithinMs): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      if (this.#child === undefined) throw new Error(`etcd ${this.name} ended:\n${this.tail()}`);
      if (await this.#answersHealthy()) return;
      if (performance.now() > giveUpAt) {
        throw new Error(`etcd ${this.name} is not healthy after ${withinMs} ms:\n${this.tail()}`);
      }
      await sleep(healthLookMs);
    }
  }

  async start(): Promise<void> {
    this.launch();
    await this.healthy();
  }

  /** The process stands still: it accepts connections (the kernel does) and answers nothing. */
  pause(): Promise<void> {
    return standStill(this.#living().pid);
  }

  resume(): void {
    this.#living().kill("SIGCONT");
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends it as a service manager does. Does nothing where it is down. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGCONT");
    const late = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
    try {
      await this.#end("SIGTERM");
    } finally {
      clearTimeout(late);
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Removes its data. It must be down. */
  async wipe(): Promise<void> {
    if (this.#child !== undefined)
      throw new Error(`etcd ${this.name} runs: stop it before its data is removed`);
    await rm(this.dataFolder, { recursive: true, force: true });
  }

  tail(lines = 15): string {
    return this.#log.trimEnd().split("\n").slice(-lines).join("\n");
  }

  #living(): ChildProcess {
    if (this.#child === undefined) throw new Error(`etcd ${this.name} is down`);
    return this.#child;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    this.#ending = child;
    child.kill(signal);
    await ended;
  }

  #ended(child: ChildProcess): void {
    running.delete(child);
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#ending !== child) this.#tellOwnEnd();
  }

  #answersHealthy(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.#plan.healthPort}/health?exclude=NOSPACE`;
    return new Promise((resolve) => {
      const request = http.get(url, { agent: false, timeout: 2_000 }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.on("end", () => {
          resolve(isHealthy(body));
        });
        response.on("error", () => {
          resolve(false);
        });
      });
      request.on("timeout", () => request.destroy());
      request.on("error", () => {
        resolve(false);
      });
    });
  }
}

/** etcd 3.4 cannot leave an alarm out of its answer, and gives no reason: there an alarm counts as unhealthy. */
function isHealthy(body: string): boolean {
  return body.includes('"health":"true"');
}
