/**
 * A process of ours whose log is read as it is written, so that waiting for a line is waiting for an event. It ends with
 * the tests.
 */
import { spawn, type ChildProcess } from "node:child_process";
import process from "node:process";
import { inTime } from "./poll.ts";
import { standStill } from "./stand-still.ts";

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const linesMax = 10_000;
const plainMaxChars = 64 * 1024;

/** Ended with this process: a test that dies must not leave sidecars behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Launch {
  /** How messages call it. */
  readonly called: string;
  /** Sources are run by this Node; a launcher of a bundle (tools/bundle) is told to take it. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

export class LoggedProcess {
  /** All that it logged. */
  readonly lines: LogLine[] = [];
  readonly ended: Promise<Ended>;
  readonly #called: string;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #plain = "";
  #over: Ended | undefined;

  constructor({ called, program, env }: Launch) {
    const isSource = program.endsWith(".ts");
    const child = spawn(isSource ? process.execPath : program, isSource ? [program] : [], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...plainEnv(), NODE: process.execPath, HOLDFAST_LOG_FORMAT: "json", ...env },
    });
    running.add(child);
    this.#called = called;
    this.#child = child;
    this.#read();
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        running.delete(child);
        this.#over = { code, signal };
        this.#ring();
        resolve(this.#over);
      });
    });
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote that is no line of the log, such as a refused option. */
  get plain(): string {
    return this.#plain;
  }

  /** How much it has logged: what is said `after` that is new. */
  get mark(): number {
    return this.lines.length;
  }

  /**
   * The first line, after the mark, whose message is or starts with that. Waits for it; throws when the process ends
   * without it.
   */
  said(message: string, after = 0): Promise<LogLine> {
    return this.saidWhen(`the line '${message}'`, after, (line) =>
      line.message.startsWith(message),
    );
  }

  saidWhen(what: string, after: number, wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const look = (): void => {
      const found = this.lines.slice(after).find(wanted);
      if (found !== undefined) resolve(found);
      else if (this.#over !== undefined)
        reject(new Error(`The ${this.#called} ended without ${what}:\n${this.tail()}`));
      else return;
      this.#watchers.delete(look);
    };
    this.#watchers.add(look);
    look();
    return inTime(`${what} of the ${this.#called}`, promise).finally(() =>
      this.#watchers.delete(look),
    );
  }

  has(message: string, after = 0): boolean {
    return this.lines.slice(after).some((line) => line.message.startsWith(message));
  }

  /** The process stands still, as a machine that is overloaded or a paused container does. */
  pause(): Promise<void> {
    return standStill(this.#child.pid);
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Without a warning. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** As the kubelet ends it. */
  terminate(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    return inTime(`the ${this.#called} to end`, this.ended);
  }

  tail(lines = 30): string {
    const logged = this.lines.slice(-lines).map((line) => JSON.stringify(line));
    return [...logged, this.#plain].join("\n");
  }

  #read(): void {
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
      this.#ring();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#plain = (this.#plain + text).slice(-plainMaxChars);
    });
  }

  #take(text: string): void {
    if (text.startsWith("{")) this.lines.push(JSON.parse(text) as LogLine);
    else this.#plain = `${this.#plain}${text}\n`.slice(-plainMaxChars);
    if (this.lines.length > linesMax) this.lines.splice(0, this.lines.length - linesMax);
  }

  #ring(): void {
    for (const look of [...this.#watchers]) look();
  }
}

/** Of what a process of ours tells about its addresses. */
export function firstOf(addresses: unknown): string {
  const [address] = addresses as string[];
  if (address === undefined) throw new Error("the process listens nowhere");
  return address;
}

/** What the person who runs the tests has set for a sidecar of their own must not count here. */
function plainEnv(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")),
  );
}
