/**
 * A real sidecar for tests: `node sidecar/main.ts` in a process of its own, on ports that it picks itself and tells in
 * its log:
 *
 *     await using sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources: [mutex("orders")] });
 *     await sidecar.api.post("/v1/locks/orders/42/acquire");
 *
 * Its log is read as it is written, so waiting for a line is waiting for an event. Every answer of its API is held
 * against the contract (contract.ts).
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { check } from "./contract.ts";
import { HttpClient } from "./http-client.ts";
import { inTime } from "./poll.ts";
import { standStill } from "./stand-still.ts";

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface SidecarOptions {
  readonly etcd: string | readonly string[];
  /** YAML of a file of its own, or the path of a file or folder. Absent: resources come from etcd. */
  readonly resources?: readonly string[] | { readonly path: string };
  /** How its tests and logs call it. */
  readonly pod?: string;
  /** Absent: its own default. {@link brief} makes tests of the end of a lease quick. */
  readonly sessionTtl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Wait only until it listens: it may never be ready. */
  readonly unready?: boolean;
}

/** The shortest session that a sidecar takes. */
export const brief = "3s";

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

export class SidecarProcess implements AsyncDisposable {
  /** All that it logged. */
  readonly lines: LogLine[] = [];
  readonly ended: Promise<Ended>;
  /** Where its resources lie, when the test gave them as YAML. */
  readonly file: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #watchers = new Set<() => void>();
  #plain = "";
  #over: Ended | undefined;
  #api: HttpClient | undefined;
  #health: HttpClient | undefined;
  #disposed: Promise<void> | undefined;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.file = path.join(folder, "resources.yaml");
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

  /** Waits until it is ready, or listens. Throws, with its log, where it ends before that. */
  static async start(options: SidecarOptions): Promise<SidecarProcess> {
    const sidecar = await SidecarProcess.launch(options);
    try {
      const { http, health } = await sidecar.said("listening");
      sidecar.#api = new HttpClient(first(http), check);
      sidecar.#health = new HttpClient(first(health));
      if (options.unready !== true) await sidecar.said("ready");
      return sidecar;
    } catch (error) {
      await sidecar[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits for nothing: for one that is expected to end. */
  static async launch(options: SidecarOptions): Promise<SidecarProcess> {
    const { etcd, resources, pod, sessionTtl, env = {} } = options;
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-sidecar-"));
    const file = path.join(folder, "resources.yaml");
    if (resources !== undefined && !("path" in resources))
      await writeFile(file, resources.join("\n---\n"));
    const from = resources === undefined ? undefined : "path" in resources ? resources.path : file;
    const child = spawn(process.execPath, ["sidecar/main.ts"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...plainEnv(),
        HOLDFAST_ETCD_ENDPOINTS: typeof etcd === "string" ? etcd : etcd.join(","),
        HOLDFAST_HTTP_ADDRESS: "127.0.0.1:0",
        HOLDFAST_HEALTH_ADDRESS: "127.0.0.1:0",
        HOLDFAST_LOG_FORMAT: "json",
        ...(from === undefined ? {} : { HOLDFAST_RESOURCES: from }),
        ...(sessionTtl === undefined ? {} : { HOLDFAST_SESSION_TTL: sessionTtl }),
        ...(pod === undefined ? {} : { HOLDFAST_POD: pod }),
        ...env,
      },
    });
    running.add(child);
    return new SidecarProcess(child, folder);
  }

  /** Its HTTP API. */
  get api(): HttpClient {
    if (this.#api === undefined) throw new Error("this sidecar was not waited for");
    return this.#api;
  }

  /** Its health port. */
  get health(): HttpClient {
    if (this.#health === undefined) throw new Error("this sidecar was not waited for");
    return this.#health;
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
        reject(new Error(`The sidecar ended without ${what}:\n${this.tail()}`));
      else return;
      this.#watchers.delete(look);
    };
    this.#watchers.add(look);
    look();
    return inTime(`${what} of the sidecar`, promise).finally(() => this.#watchers.delete(look));
  }

  has(message: string, after = 0): boolean {
    return this.lines.slice(after).some((line) => line.message.startsWith(message));
  }

  /** The process stands still, as a machine that is overloaded or a paused container does. */
  pause(): Promise<void> {
    return standStill(this.#child);
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
    return inTime("the sidecar to end", this.ended);
  }

  tail(lines = 30): string {
    const logged = this.lines.slice(-lines).map((line) => JSON.stringify(line));
    return [...logged, this.#plain].join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    // How it ends in an orderly way is a test of its own.
    if (this.#over === undefined) await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
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

/** A pool as a user writes it. `spec`: further lines of YAML flow, like `ttl: 1s, limits: {names: 2}`. */
export function mutex(name: string, spec = ""): string {
  return `apiVersion: holdfast.dev/v1alpha1
kind: DistributedLock
metadata: {name: ${name}}
spec: {mode: Mutex${spec === "" ? "" : `, ${spec}`}}
`;
}

function first(addresses: unknown): string {
  const [address] = addresses as string[];
  if (address === undefined) throw new Error("the sidecar listens nowhere");
  return address;
}

/** What the person who runs the tests has set for a sidecar of their own must not count here. */
function plainEnv(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")),
  );
}
