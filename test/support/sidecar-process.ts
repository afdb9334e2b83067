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
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { check } from "./contract.ts";
import { HttpClient } from "./http-client.ts";
import { firstOf, LoggedProcess, type Launch } from "./logged-process.ts";

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

export class SidecarProcess extends LoggedProcess implements AsyncDisposable {
  /** Where its resources lie, when the test gave them as YAML. */
  readonly file: string;
  readonly #folder: string;
  #api: HttpClient | undefined;
  #health: HttpClient | undefined;
  #disposed: Promise<void> | undefined;

  private constructor(launch: Launch, folder: string) {
    super(launch);
    this.#folder = folder;
    this.file = path.join(folder, "resources.yaml");
  }

  /** Waits until it is ready, or listens. Throws, with its log, where it ends before that. */
  static async start(options: SidecarOptions): Promise<SidecarProcess> {
    const sidecar = await SidecarProcess.launch(options);
    try {
      const { http, health } = await sidecar.said("listening");
      sidecar.#api = new HttpClient(firstOf(http), check);
      sidecar.#health = new HttpClient(firstOf(health));
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
    const given = {
      HOLDFAST_ETCD_ENDPOINTS: typeof etcd === "string" ? etcd : etcd.join(","),
      HOLDFAST_HTTP_ADDRESS: "127.0.0.1:0",
      HOLDFAST_HEALTH_ADDRESS: "127.0.0.1:0",
      ...(from === undefined ? {} : { HOLDFAST_RESOURCES: from }),
      ...(sessionTtl === undefined ? {} : { HOLDFAST_SESSION_TTL: sessionTtl }),
      ...(pod === undefined ? {} : { HOLDFAST_POD: pod }),
      ...env,
    };
    const launch = { called: "sidecar", program: "sidecar/main.ts", env: given };
    return new SidecarProcess(launch, folder);
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

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    // How it ends in an orderly way is a test of its own.
    if (!this.isOver) await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A pool as a user writes it. `spec`: further lines of YAML flow, like `ttl: 1s, limits: {names: 2}`. */
export function mutex(name: string, spec = ""): string {
  return pool(name, `mode: Mutex${spec === "" ? "" : `, ${spec}`}`);
}

export function pool(name: string, spec: string): string {
  return `apiVersion: holdfast.dev/v1alpha1
kind: DistributedLock
metadata: {name: ${name}}
spec: {${spec}}
`;
}
