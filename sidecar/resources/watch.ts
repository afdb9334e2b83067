/** A bell that rings when something in one of the folders may have changed. Watches miss things: it only shortens waits. */
import { watch, type FSWatcher } from "node:fs";
import { stat } from "./file-calls.ts";

/** More folders are found by looking again only. */
const watchesMax = 100;

interface Watch {
  readonly watcher: FSWatcher;
  /** Of the folder watched: one that was swapped for another of the same name must be watched anew. */
  readonly inode: number;
}

export class FolderWatch implements Disposable {
  readonly #ring: () => void;
  readonly #watches = new Map<string, Watch>();

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Never throws: what cannot be watched is found by looking again. */
  async follow(folders: readonly string[]): Promise<void> {
    const wanted = folders.slice(0, watchesMax);
    for (const folder of [...this.#watches.keys()])
      if (!wanted.includes(folder)) this.#drop(folder);
    for (const folder of wanted) {
      const inode = await inodeOf(folder);
      if (inode === this.#watches.get(folder)?.inode) continue;
      this.#drop(folder);
      if (inode !== undefined) this.#add(folder, inode);
    }
  }

  [Symbol.dispose](): void {
    for (const folder of [...this.#watches.keys()]) this.#drop(folder);
  }

  #add(folder: string, inode: number): void {
    try {
      const watcher = watch(folder, { persistent: false }, this.#ring);
      watcher.on("error", () => {
        this.#drop(folder);
      });
      this.#watches.set(folder, { watcher, inode });
      // Between the last look and this watch something may have changed.
      this.#ring();
    } catch (error) {
      // The system's bound on watches, or a folder that is gone again.
      if (!(error instanceof Error)) throw error;
    }
  }

  #drop(folder: string): void {
    this.#watches.get(folder)?.watcher.close();
    this.#watches.delete(folder);
  }
}

async function inodeOf(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).ino;
  } catch {
    // Gone: there is nothing to watch.
    return undefined;
  }
}
