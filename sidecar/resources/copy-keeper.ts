/**
 * Keeps the copy (copy.ts) as good as the mirror is: written soon after a change.
 *
 * Written only while the mirror is what etcd has told, and this sidecar could serve by it; between two readings the file
 * is the last good one. What cannot be written is told once and tried again with the next change or the next minute: locks
 * do not hang on it.
 */
import { after, forever, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { untilChange } from "../until-change.ts";
import { copyFileIn, writeCopy } from "./copy-file.ts";
import { copyBytesMax, encodeCopy } from "./copy.ts";
import type { SpecMirror } from "./mirror.ts";

/** After one that failed. */
const againMs = 60_000;
/** Between two writings; a large copy pays for its size: the largest stands still for half a minute. */
const pauseMinMs = 1_000;
const bytesPerMs = 100;

export interface CopyKeeperParts {
  readonly runtime: Runtime;
  readonly folder: string;
  readonly namespace: string;
  readonly specs: Pick<
    SpecMirror,
    "isReady" | "installation" | "version" | "records" | "nextChange"
  >;
  readonly onBug: (name: string, error: unknown) => void;
  /** Of the file; absent: as much as the volume of an injected sidecar takes. */
  readonly bytesMax?: number;
}

interface Written {
  readonly at: Instant;
  readonly version: number;
  readonly sizeBytes: number;
  readonly failed: boolean;
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
    const { runtime } = this.#parts;
    let written: Written | undefined;
    for (;;) {
      signal.throwIfAborted();
      const at = this.#dueAt(written);
      if (at <= runtime.now()) written = await this.#write();
      else await untilChange(this.#parts, at, signal);
    }
  }

  #dueAt(written: Written | undefined): Instant {
    const { runtime, specs } = this.#parts;
    if (!specs.isReady || specs.installation === undefined) return forever;
    if (written === undefined) return runtime.now();
    const { at, version, sizeBytes, failed } = written;
    if (version === specs.version) return failed ? after(at, againMs) : forever;
    return after(at, Math.max(pauseMinMs, sizeBytes / bytesPerMs));
  }

  async #write(): Promise<Written> {
    const { runtime, folder, namespace, specs, bytesMax = copyBytesMax } = this.#parts;
    const at = runtime.now();
    const { version } = specs;
    const copy = { writtenAt: runtime.wallNow(), records: specs.records() };
    const { bytes, leftOut } = encodeCopy(copy, namespace, bytesMax);
    const problem = await writeCopy(folder, bytes);
    this.#tellProblem(problem);
    if (leftOut > 0 && this.#leftOut === 0) {
      runtime.log.warn(
        "the copy of the resources has no room for all: those left out are unknown after a restart without etcd",
        { leftOut, bytesMax },
      );
    }
    this.#leftOut = leftOut;
    return { at, version, sizeBytes: bytes.length, failed: problem !== undefined };
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
