/**
 * Where data is while it is not fit to be opened: beside its place, under another name.
 *
 *   (nothing) ──begin──▶ DATA.restoring ──publish, one rename──▶ DATA
 *                             └──killed: the next run ends what it left, and begins anew
 *
 * So nobody can open what was restored and not cleaned, nor before its time.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { Say } from "../fetch/step.ts";
import { end, notePid, runningIn } from "../cluster/pid-file.ts";
import { NotRestored } from "./plan.ts";

const restorer = "restore";

export class Staging {
  readonly #dataDir: string;
  readonly #folder: string;

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#folder = folderFor(dataDir);
  }

  /** Throws NotRestored where the place is taken, or another run is at work. */
  static async begin(dataDir: string, say: Say): Promise<Staging> {
    if (existsSync(dataDir))
      throw new NotRestored(
        `--data-dir ${dataDir} is there already: name a folder that is not, or move it away. It is never written over.`,
      );
    if (!existsSync(path.dirname(dataDir)))
      throw new NotRestored(
        `--data-dir ${dataDir} would lie in a folder that is not there: make ${path.dirname(dataDir)}.`,
      );
    await endEarlier(folderFor(dataDir), say);
    const staging = new Staging(dataDir);
    await makeOnce(staging.#folder);
    notePid(staging.#folder, restorer, process.pid);
    return staging;
  }

  /** The data, while it is not fit to be opened. */
  get data(): string {
    return path.join(this.#folder, "data");
  }

  /** Another file or folder that goes when all is done. */
  file(name: string): string {
    return path.join(this.#folder, name);
  }

  /** Notes a process that has to be ended if this one is killed. */
  note(name: string, pid: number): void {
    notePid(this.#folder, name, pid);
  }

  /** All at once: the data is in its place. */
  async publish(): Promise<void> {
    if (existsSync(this.#dataDir))
      throw new NotRestored(
        `--data-dir ${this.#dataDir} was made by somebody else meanwhile: move it away, and restore again.`,
      );
    await rename(this.data, this.#dataDir);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function folderFor(dataDir: string): string {
  return `${dataDir}.restoring`;
}

/** What an earlier run, which was killed, has left. */
async function endEarlier(folder: string, say: Say): Promise<void> {
  if (!existsSync(folder)) return;
  const running = runningIn(folder);
  const other = running.find(({ name }) => name === restorer);
  if (other !== undefined)
    throw new NotRestored(
      `--data-dir: another restore to it is at work (pid ${other.pid}). Wait for its end, or: kill ${other.pid}`,
    );
  for (const left of running) await end(left, "at once");
  say(`An earlier restore was killed: what it left in ${folder} is thrown away.`);
  await rm(folder, { recursive: true, force: true });
}

/** Of two that begin at the same time one is refused. */
async function makeOnce(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new NotRestored(`--data-dir: another restore to it has just begun. Wait for its end.`);
  }
}
