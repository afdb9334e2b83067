import assert from "node:assert/strict";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "mocha";
import type { Log } from "#core/runtime.ts";
import { judgeRecord, type Installation, type ResourceRecord } from "#core/spec/records.ts";
import { revision } from "#core/store.ts";
import { copyFileIn, readCopy } from "#sidecar/resources/copy-file.ts";
import { CopyKeeper } from "#sidecar/resources/copy-keeper.ts";
import { Clock } from "#test/support/clock.ts";
import { eventually } from "#test/support/poll.ts";

function recordOf(name: string, generation = 1): ResourceRecord {
  const value = { uid: "u", generation, level: 1, spec: { mode: "Mutex" } };
  return judgeRecord(value, { kind: "DistributedLock", name, modRevision: revision(5) });
}

class LoggingClock extends Clock {
  readonly told: string[] = [];
  override readonly log: Log = {
    ...{ debug: () => undefined, error: () => undefined },
    info: (message) => void this.told.push(message),
    warn: (message) => void this.told.push(message),
  };
}

/** A keeper over a mirror that a test moves, in virtual time and a real folder. */
class Stage implements AsyncDisposable {
  readonly clock = new LoggingClock();
  readonly folder: string;
  readonly failures: unknown[] = [];
  isReady = true;
  version = 1;
  installation: Installation | undefined = {
    ...{ owner: "o", cluster: "c", base: 100n, modRevision: revision(9) },
  };
  standing: ResourceRecord[] = [recordOf("orders")];
  readonly #waiting = new Set<() => void>();
  readonly #keeper: CopyKeeper;

  static async start({ bytesMax, ready = true }: { bytesMax?: number; ready?: boolean } = {}) {
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-copy-"));
    return new Stage(folder, ready, bytesMax);
  }

  private constructor(folder: string, ready: boolean, bytesMax: number | undefined) {
    this.folder = folder;
    this.isReady = ready;
    this.#keeper = CopyKeeper.start({
      ...{ runtime: this.clock, folder, namespace: "default", specs: this },
      onBug: (_name, error) => this.failures.push(error),
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });
  }

  records(): ResourceRecord[] {
    return this.standing;
  }

  nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  change(): void {
    this.version += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** It has done what it does now, and waits. */
  settled(): Promise<unknown> {
    return eventually("the keeper to wait", () => this.#waiting.size > 0 || undefined);
  }

  async pass(ms: number): Promise<void> {
    await this.settled();
    this.clock.pass(ms);
    await this.settled();
  }

  async copy() {
    const read = await readCopy(this.folder, "default");
    return read.kind === "usable" ? read.copy : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.close();
    await chmod(this.folder, 0o700);
    await rm(this.folder, { recursive: true });
    assert.deepEqual(this.failures, []);
  }
}

describe("the keeper of the copy", () => {
  it("writes when the resources were read, and soon after each change, but not at each of many", async () => {
    await using stage = await Stage.start({ ready: false });
    await stage.settled();
    assert.deepEqual(await readdir(stage.folder), []);
    stage.isReady = true;
    stage.change();
    await stage.settled();
    assert.equal((await stage.copy())?.records[0]?.name, "orders");
    stage.standing = [recordOf("orders", 2), recordOf("more")];
    stage.change();
    await stage.settled();
    assert.equal((await stage.copy())?.records.length, 1, "within a second of the last one");
    await stage.pass(1_000);
    assert.equal((await stage.copy())?.records.length, 2);
    assert.equal((await stage.copy())?.records[0]?.generation, 2);
    assert.equal((await stat(copyFileIn(stage.folder))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(stage.folder), ["resources.copy"]);
  });

  it("keeps the last good one while the resources are read again", async () => {
    await using stage = await Stage.start();
    await stage.settled();
    const before = await readFile(copyFileIn(stage.folder));
    stage.isReady = false;
    stage.standing = [];
    stage.change();
    await stage.pass(120_000);
    assert.deepEqual(await readFile(copyFileIn(stage.folder)), before);
  });

  it("writes nothing while nothing changes, nor what cannot be served", async () => {
    await using stage = await Stage.start();
    await stage.settled();
    await rm(copyFileIn(stage.folder));
    await stage.pass(600_000);
    assert.deepEqual(await readdir(stage.folder), []);
    stage.installation = undefined;
    stage.change();
    await stage.pass(10_000);
    assert.deepEqual(await readdir(stage.folder), []);
  });

  it("writes into nothing that stands in the way of its file", async () => {
    await using stage = await Stage.start({ ready: false });
    const victim = path.join(stage.folder, "victim");
    await writeFile(victim, "mine");
    await symlink(victim, `${copyFileIn(stage.folder)}.new`);
    stage.isReady = true;
    stage.change();
    await stage.settled();
    assert.equal(await readFile(victim, "utf8"), "mine");
    assert.equal((await stage.copy())?.records.length, 1);
  });

  it("tells once that it cannot write, goes on trying, and tells when it could", async () => {
    await using stage = await Stage.start({ ready: false });
    // A folder stands where the file is to be: nobody, root neither, can rename over it.
    await mkdir(copyFileIn(stage.folder));
    await writeFile(path.join(copyFileIn(stage.folder), "x"), "");
    stage.isReady = true;
    stage.change();
    await stage.settled();
    stage.change();
    await stage.pass(1_000);
    await stage.pass(60_000);
    assert.equal(stage.clock.told.length, 1, stage.clock.told.join("\n"));
    assert.match(stage.clock.told[0] ?? "", /cannot be written/);
    assert.deepEqual(await readdir(stage.folder), ["resources.copy"], "nothing begun is left");
    await rm(copyFileIn(stage.folder), { recursive: true });
    await stage.pass(60_000);
    assert.match(stage.clock.told[1] ?? "", /is written again/);
    assert.equal((await stage.copy())?.records.length, 1);
  });

  it("tells once that not all have room, and lets a large copy rest for longer", async () => {
    await using stage = await Stage.start({ bytesMax: 600_000 });
    stage.standing = Array.from({ length: 10_000 }, (_, at) => recordOf(`pool-${at}`));
    stage.change();
    await stage.pass(1_000);
    const first = await stage.copy();
    assert.ok(first !== undefined && first.records.length < 10_000);
    const { writtenAt } = first;
    stage.change();
    await stage.pass(4_000);
    assert.equal((await stage.copy())?.writtenAt, writtenAt);
    await stage.pass(2_000);
    assert.ok(((await stage.copy())?.writtenAt ?? 0) > writtenAt);
    assert.equal(stage.clock.told.length, 1, stage.clock.told.join("\n"));
    assert.match(stage.clock.told[0] ?? "", /no room for all/);
  });
});

describe("a copy that is no file that can be read", () => {
  it("is none, or is told", async () => {
    await using stage = await Stage.start({ ready: false });
    assert.deepEqual(await readCopy(stage.folder, "default"), { kind: "none" });
    await mkdir(copyFileIn(stage.folder));
    const folder = await readCopy(stage.folder, "default");
    assert.ok(folder.kind === "unusable" && folder.reason === "is no file");
    await rm(copyFileIn(stage.folder), { recursive: true });
    await writeFile(copyFileIn(stage.folder), Buffer.alloc(4 * 1024 * 1024));
    const large = await readCopy(stage.folder, "default");
    assert.ok(large.kind === "unusable" && large.reason.includes("more than were written"));
  });
});
