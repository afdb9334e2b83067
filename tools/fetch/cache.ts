/**
 * Where fetched tools lie: `$XDG_CACHE_HOME/holdfast/<name>-<version>/`, so that a second clone builds nothing.
 *
 * A folder appears there whole or not at all: it is made under another name and renamed, so an interrupted or a
 * concurrent fetch never leaves half of one. The lock only spares the second fetcher the work: where it fails
 * (a stale one broken by two at once) both work, and the later rename finds the place taken and uses it.
 */
import {
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  utimes,
} from "node:fs/promises";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Say } from "./step.ts";

const lockBeatMs = 2_000;
/** A lock whose owner has not touched it for so long is of a process that died. */
const lockStaleMs = 15_000;
const lockLookMs = 250;
/** How long to wait for another process's fetch: Kubernetes takes a busy machine a quarter of an hour. */
const lockWaitMaxMs = 45 * 60_000;
const tempStaleMs = 24 * 3_600_000;

export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return path.join(
    base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), ".cache"),
    "holdfast",
  );
}

/** The file `name` of the entry `entry`, where the cache has it. */
export function cached(entry: string, name: string): string | undefined {
  const file = path.join(cacheFolder(), entry, name);
  return existsSync(file) ? file : undefined;
}

/** Makes the entry by `fill`, which gets an empty folder; what it leaves there becomes the entry. */
export async function install(
  entry: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const place = path.join(cacheFolder(), entry);
  const temps = path.join(cacheFolder(), "tmp");
  await mkdir(temps, { recursive: true });
  await sweep(temps);
  const folder = await mkdtemp(path.join(temps, `${entry}-`));
  try {
    await fill(folder);
    await rename(folder, place).catch((error: unknown) => {
      if (!existsSync(place)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return place;
}

/** Runs `work` while no other process holds the lock of that name. */
export async function locked<T>(name: string, say: Say, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheFolder(), { recursive: true });
  const file = path.join(cacheFolder(), `${name}.lock`);
  await takeLock(file, say);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {
      clearInterval(beat); // broken by someone who took us for dead: the work still ends well, see above
    });
  }, lockBeatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(file, { force: true });
  }
}

async function takeLock(file: string, say: Say): Promise<void> {
  const giveUpAt = Date.now() + lockWaitMaxMs;
  let said = false;
  for (;;) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const touched = await stat(file).then(
      (found) => found.mtimeMs,
      () => 0, // gone in between: the next round takes it
    );
    const stale = Date.now() - touched > lockStaleMs || (await ownerIsGone(file));
    if (touched > 0 && stale) await rm(file, { force: true });
    else if (Date.now() > giveUpAt)
      throw new Error(
        `Another process has held ${file} for too long. Remove the file if none is at work.`,
      );
    else {
      if (!said) say(`another process is fetching it: waiting`);
      said = true;
      await sleep(lockLookMs);
    }
  }
}

/** Whether the process that wrote its number into the lock has ended, as far as can be seen from here. */
async function ownerIsGone(file: string): Promise<boolean> {
  const pid = Number(await readFile(file, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

async function sweep(temps: string): Promise<void> {
  for (const name of await readdir(temps)) {
    const folder = path.join(temps, name);
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > tempStaleMs)
      await rm(folder, { recursive: true, force: true });
  }
}
