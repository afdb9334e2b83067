/** An etcd that is taken back to a snapshot by tools/restore.ts, as its operator would. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { EtcdGateway } from "./etcd-gateway.ts";
import type { EtcdServer } from "./etcd-server.ts";
import { eventually } from "./poll.ts";

/** Ended with this process: a test that dies must not leave them behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** One run of the script. */
export class Restoring implements AsyncDisposable {
  /** With its exit code; null: it was killed. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #text = "";
  #isOver = false;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, ["tools/restore.ts", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    running.add(child);
    const keep = (text: string) => (this.#text += text);
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        running.delete(child);
        this.#isOver = true;
        resolve(code);
      });
    });
  }

  /** All that it wrote. */
  get text(): string {
    return this.#text;
  }

  async wrote(wanted: string): Promise<void> {
    await eventually(`'${wanted}' of the restore`, () => {
      if (this.#isOver && !this.#text.includes(wanted))
        throw new Error(`It ended without it:\n${this.#text}`);
      return this.#text.includes(wanted);
    });
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) await this.end("SIGTERM");
  }
}

/** Files of snapshots, in a folder that goes with the test. */
export class Snapshots implements AsyncDisposable {
  readonly folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Snapshots> {
    return new Snapshots(await mkdtemp(path.join(tmpdir(), "holdfast-restore-")));
  }

  /** The path of a snapshot that is taken now. */
  async take(etcd: EtcdServer, raw = new EtcdGateway(etcd.endpoint)): Promise<string> {
    this.#count += 1;
    const file = path.join(this.folder, `${this.#count}.db`);
    await writeFile(file, await raw.snapshot());
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Where the member's data goes, and as what: the former is gone with all that it held. The cluster's id stays, so that by it
 * alone nobody can tell.
 */
export async function placeOf(etcd: EtcdServer): Promise<string[]> {
  await etcd.wipe({ sameCluster: true });
  const { name, peerPort, dataFolder } = etcd.member(0);
  return [
    ...["--data-dir", dataFolder, "--name", name],
    ...["--initial-advertise-peer-urls", `http://127.0.0.1:${peerPort}`],
    ...["--initial-cluster-token", etcd.clusterToken],
  ];
}

export interface Restored {
  /** What the script wrote. */
  readonly text: string;
  /** When it said that the data may be opened, on this process's monotonic clock. */
  readonly mayOpenAt: number;
}

/** Restores to the endpoint of a server that is down; it is up when this resolves. */
export async function restoreTo(
  etcd: EtcdServer,
  snapshot: string,
  more: readonly string[],
): Promise<Restored> {
  await using restoring = new Restoring([
    "--snapshot",
    snapshot,
    ...(await placeOf(etcd)),
    ...more,
  ]);
  const code = await restoring.ended;
  const mayOpenAt = performance.now();
  if (code !== 0)
    throw new Error(`The restore ended with ${code ?? "a signal"}:\n${restoring.text}`);
  await etcd.startAll();
  return { text: restoring.text, mayOpenAt };
}
