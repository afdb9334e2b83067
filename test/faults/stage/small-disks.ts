/**
 * Disks that can be filled to their last byte: a tmpfs each, in a namespace of mounts that a keeper process holds, on the folder
 * for temporary files as only the keeper sees it. Nobody else has them mounted, so whatever becomes of a run, nothing of it is
 * left: the keeper reads its input until that ends, which it does when we end, and the mounts go with the namespace.
 *
 * Others reach them through the keeper's root in /proc. So etcd is started as ever, with a folder there for its data: it needs
 * not enter the namespace (`nsenter`, and another process around it), and who fills a disk needs not either.
 *
 *     {its root}/tmp/0/data     of etcd
 *     {its root}/tmp/0/ballast  of us
 *
 * Root mounts what it likes; anybody else does where he may have a namespace of users of his own.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inTime } from "#test/support/poll.ts";

/**
 * Room for what an etcd of a run has after an hour: of its log the part that it writes (64 MB, taken at once), the next one, and
 * those since its last snapshot; its database twice, while that is defragmented. What lies there takes memory, and so does a ballast.
 */
export const diskBytes = 512 * 1024 * 1024;
/** For the folders that the disks are mounted on. */
const floorBytes = 64 * 1024;
const chunk = Buffer.alloc(1024 * 1024, "x");

const mounting = `set -e
mount -t tmpfs -o size=${floorBytes},mode=700 holdfast "$0"
for disk in "$@"; do
  mkdir "$0/$disk"
  mount -t tmpfs -o size=${diskBytes},mode=700 holdfast "$0/$disk"
done
echo mounted
exec cat`;

const asRoot = ["--mount", "--propagation=private"];
const asSomebody = ["--user", "--map-root-user", ...asRoot];

/** No such disk can be had on this machine. Its message says why. */
export class DisksMissing extends Error {
  override readonly name = "DisksMissing";
}

export class SmallDisks implements AsyncDisposable {
  readonly all: readonly SmallDisk[];
  readonly #keeper: ChildProcess;

  private constructor(keeper: ChildProcess, all: readonly SmallDisk[]) {
    this.#keeper = keeper;
    this.all = all;
  }

  /** Throws `DisksMissing` where the machine does not let us. */
  static async start(count: number): Promise<SmallDisks> {
    const names = Array.from({ length: count }, (_, at) => String(at));
    const failures: string[] = [];
    for (const namespaces of [asRoot, asSomebody]) {
      const keeper = spawn("unshare", [...namespaces, "sh", "-c", mounting, tmpdir(), ...names]);
      try {
        await inTime("disks to be mounted", mounted(keeper));
        const root = path.join("/proc", String(keeper.pid), "root", tmpdir());
        const disks = names.map((name) => new SmallDisk(path.join(root, name)));
        for (const disk of disks) await disk.check();
        return new SmallDisks(keeper, disks);
      } catch (error) {
        await end(keeper);
        failures.push(`unshare ${namespaces.join(" ")}: ${(error as Error).message}`);
      }
    }
    throw new DisksMissing(
      ["file systems of a run's own cannot be mounted on this machine", ...failures].join("\n  "),
    );
  }

  /** What lies on them goes, too. Whoever uses them has ended by then. */
  [Symbol.asyncDispose](): Promise<void> {
    return end(this.#keeper);
  }
}

export class SmallDisk {
  readonly #folder: string;
  #isFull = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whoever it is for makes it. */
  get dataFolder(): string {
    return path.join(this.#folder, "data");
  }

  /** From when it began to be filled, until it is freed: whoever writes there may be refused. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Throws where it is anything else than what was mounted: no other disk may ever be filled. */
  async check(): Promise<void> {
    const { blocks, bsize } = await statfs(this.#folder);
    if (blocks * bsize !== diskBytes) throw new Error(`${this.#folder} is no disk of a run`);
  }

  /** Nothing is left, not one byte; once more, where something was freed since. */
  async fill(): Promise<void> {
    await this.check();
    this.#isFull = true;
    const ballast = await open(this.#ballast, "a");
    try {
      let sizeBytes = chunk.length;
      while (sizeBytes >= 1) {
        const written = ballast.write(chunk, 0, sizeBytes);
        const isTaken = await written.then(() => true, isRefusedForSpace);
        if (!isTaken) sizeBytes = Math.floor(sizeBytes / 2);
      }
    } finally {
      await ballast.close();
    }
  }

  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
    this.#isFull = false;
  }

  get #ballast(): string {
    return path.join(this.#folder, "ballast");
  }
}

/** False: it was not written, for that reason. Throws any other. */
function isRefusedForSpace(error: unknown): boolean {
  if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  return false;
}

function mounted(keeper: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let told = "";
  keeper.stderr?.setEncoding("utf8").on("data", (text: string) => (told += text));
  keeper.stdout?.once("data", () => {
    resolve();
  });
  keeper.once("error", reject);
  keeper.once("close", (code) => {
    reject(new Error(told.trim() === "" ? `it ended with ${String(code)}` : told.trim()));
  });
  return promise;
}

async function end(keeper: ChildProcess): Promise<void> {
  if (keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return;
  const ended = new Promise((resolve) => keeper.once("close", resolve));
  keeper.stdin?.end();
  await inTime("the keeper of disks to end", ended);
}
