/** The bundled sidecar as a process of its own, as in an image: started, measured, ended. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { endWithUs } from "./ending.ts";

/** It says with which options of Node's the bundle is started. */
const launcher = "dist/sidecar";
const readyWithinMs = 30_000;
const linesMax = 20;

export interface SidecarPlan {
  readonly etcd: string;
  /** Where Node writes a profile of the processor when the sidecar ends; absent: none. */
  readonly profileFolder?: string | undefined;
}

interface Line {
  readonly message?: string;
  readonly http?: readonly string[];
}

export class Sidecar implements AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to its line that says so. */
  readonly readyMs: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, facts: { port: number; readyMs: number }) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.port = facts.port;
    this.readyMs = facts.readyMs;
  }

  static async start({ etcd, profileFolder }: SidecarPlan): Promise<Sidecar> {
    const profile =
      profileFolder === undefined
        ? {}
        : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileFolder}` };
    const began = performance.now();
    const child = spawn(launcher, [], {
      env: {
        PATH: process.env["PATH"],
        NODE: process.execPath,
        ...profile,
        HOLDFAST_RESOURCES: "bench/pools.yaml",
        HOLDFAST_ETCD_ENDPOINTS: etcd,
        HOLDFAST_HTTP_ADDRESS: "localhost:0",
        HOLDFAST_HEALTH_ADDRESS: "localhost:0",
        HOLDFAST_LOG_FORMAT: "json",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithUs(child);
    try {
      const http = await readyAt(child);
      const port = Number(http[0]?.split(":").at(-1));
      return new Sidecar(child, { port, readyMs: performance.now() - began });
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}

/** The addresses of the HTTP API, once the sidecar says that it is ready. */
function readyAt(child: ChildProcess): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const last: string[] = [];
    const fail = (why: string) => {
      reject(new Error(`the sidecar ${why}:\n${last.join("\n")}`));
    };
    const late = setTimeout(() => {
      fail("is not ready in time");
    }, readyWithinMs);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(`ended with code ${String(code)}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (text) => {
        last.push(text);
        if (last.length > linesMax) last.shift();
        const line = parsed(text);
        if (line.message !== "ready" || line.http === undefined) return;
        clearTimeout(late);
        resolve(line.http);
      });
    }
  });
}

function parsed(text: string): Line {
  return text.startsWith("{") ? (JSON.parse(text) as Line) : {};
}
