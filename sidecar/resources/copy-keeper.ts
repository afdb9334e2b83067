/**
 * Keeps the copy (copy.ts) as good as the mirror is: written soon after a change of a record or of the fence base, and once
 * a minute because etcd's revision has moved on, by which a successor knows an etcd that was restored.
 *
 * Written only while the mirror is what etcd has told; between two readings the file is the last good one. What cannot be
 * written is told once and tried again with the next change or the next minute: locks do not hang on it.
 */
import type { Header } from "#core/outcome.ts";
import { assert } from "#core/refusal.ts";
import { after, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { untilChange } from "../until-change.ts";
import { copyFileIn, writeCopy } from "./copy-file.ts";
import { copyBytesMax, encodeCopy } from "./copy.ts";
import type { SpecMirror } from "./mirror.ts";

const refreshMs = 60_000;
/** Between two writings; a large copy pays for its size: the largest stands still for half a minute. */
const pauseMinMs = 1_000;
const bytesPerMs = 100;

export interface CopyKeeperParts {
  readonly runtime: Runtime;
  readonly folder: string;
  readonly namespace: string;
  readonly specs: Pick<
    SpecMirror,
    "isReady" | "version" | "highestBase" | "records" | "nextChange"
  >;
  /** The latest answer of etcd. */
  readonly seen: () => Header | undefined;
  readonly onBug: (name: string, error: unknown) => void;
  /** Of the file; absent: as much as the volume of an injected sidecar takes. */
  readonly bytesMax?: number;
}

interface Written {
  readonly at: Instant;
  readonly version: number;
  readonly sizeBytes: number;
}

export class CopyKeeper implements AsyncDisposable {
  readonly #parts: CopyKeeperParts;
  readonly #tasks: Tasks;
  #problem: string | undefined;
  #leftOut = 0;

  static start(parts: CopyKeeperParts): CopyKeeper {
    return new CopyKeeper(parts);
  }

  private constructor(parts: CopyKeeperParts) {
    this.#parts = parts;
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`copy of the resources: ${name}`, error);
    });
    this.#tasks.run("keeping it", (signal) => this.#run(signal));
  }

  /** A writing that is under way is waited for. */
  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime, specs } = this.#parts;
    let written: Written | undefined;
    for (;;) {
      signal.throwIfAborted();
      const at = this.#dueAt(written);
      if (!specs.isReady || at > runtime.now()) {
        const until = specs.isReady ? at : after(runtime.now(), refreshMs);
        await untilChange(this.#parts, until, signal);
      } else written = await this.#write();
    }
  }

  #dueAt(written: Written | undefined): Instant {
    const { runtime, specs } = this.#parts;
    if (written === undefined) return runtime.now();
    const { at, version, sizeBytes } = written;
    if (version === specs.version) return after(at, refreshMs);
    return after(at, Math.max(pauseMinMs, sizeBytes / bytesPerMs));
  }

  async #write(): Promise<Written> {
    const { runtime, folder, namespace, specs, seen, bytesMax = copyBytesMax } = this.#parts;
    const [at, { version, highestBase }, header] = [runtime.now(), specs, seen()];
    assert(header !== undefined, "the resources were read, and etcd has not answered");
    const { bytes, leftOut } = encodeCopy(
      { seen: header, highestBase, writtenAt: runtime.wallNow(), records: specs.records() },
      namespace,
      bytesMax,
    );
    this.#tellProblem(await writeCopy(folder, bytes));
    if (leftOut > 0 && this.#leftOut === 0) {
      runtime.log.warn(
        "the copy of the resources has no room for all: those left out are unknown after a restart without etcd",
        { leftOut, bytesMax },
      );
    }
    this.#leftOut = leftOut;
    return { at, version, sizeBytes: bytes.length };
  }

  #tellProblem(problem: string | undefined): void {
    const { log } = this.#parts.runtime;
    const file = copyFileIn(this.#parts.folder);
    if (problem !== undefined && this.#problem === undefined) {
      log.warn(
        "the copy of the resources cannot be written: a restart without etcd will know an older one, or none",
        { file, problem },
      );
    }
    if (problem === undefined && this.#problem !== undefined)
      log.info("the copy of the resources is written again", { file });
    this.#problem = problem;
  }
}
