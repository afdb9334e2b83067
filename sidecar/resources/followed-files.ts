/**
 * The files of resources in standalone mode, followed as they change. Looked at again when a watch rings and every few seconds, since watches
 * miss things; what is compared is content, not time. A change counts when it was read twice the same, a moment apart
 * (a file may be half written); what is wrong is told with file and line, and changes nothing.
 *
 * One task looks, reads, parses and publishes, so no two looks overlap. It never blocks the event loop for longer than
 * one document takes: heartbeats go on while thousands are read.
 */
import { dirname } from "node:path";
import type { ResourceProblem } from "#api/operations/status.ts";
import { after, forever, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { listFiles, readIfChanged, type FileRead, type Mark } from "./folder.ts";
import type { Document } from "./owner.ts";
import { FolderWatch } from "./watch.ts";
import { readFileContent } from "./from-files.ts";
import { Wanted, type FileContent, type FileProblem } from "./wanted.ts";

/** A change that was seen once is looked at again after this. */
const settleMs = 100;
/** Between two looks: at least, usually, at most; and so many times what a look takes. */
const pauseMsMin = 50;
const pauseMs = 2_000;
const pauseMsMax = 60_000;
const restPerWork = 20;
/** A file that was written so short a time before the first look may be half written. */
const freshMs = 500;
/** A file that keeps changing holds the start up for so many looks. */
const firstLooksMax = 20;

const problemsLoggedMax = 50;

export interface FollowedFilesParts {
  readonly path: string;
  readonly namespace: string;
  readonly runtime: Runtime;
  /** Gets the whole set each time that it changed. */
  readonly publish: (documents: readonly Document[]) => void;
  readonly onFailure: (name: string, error: unknown) => void;
}

interface Known {
  readonly content: FileContent;
  readonly mark: string;
  readonly digest: string;
}

interface Pending {
  readonly digest: string;
  readonly since: Instant;
}

export class FollowedFiles implements AsyncDisposable {
  readonly #parts: FollowedFilesParts;
  readonly #tasks: Tasks;
  readonly #wanted = new Wanted();
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, Pending>();
  #problems: readonly FileProblem[] = [];
  #published: readonly Document[] | undefined;
  #folders: readonly string[] = [];
  #rung = false;
  #wake: (() => void) | undefined;

  private constructor(parts: FollowedFilesParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
  }

  /** The first set is published when it resolves: of all files that do not keep changing. */
  static async start(parts: FollowedFilesParts): Promise<FollowedFiles> {
    const files = new FollowedFiles(parts);
    let again = await files.#look(true);
    // A sidecar that is ready serves what its files ask for: what was written just now counts, too.
    for (let looks = 1; files.#pending.size > 0 && looks < firstLooksMax; looks++) {
      await sleep(parts.runtime, settleMs);
      again = await files.#look(false);
    }
    files.#tasks.run("reading resources", (signal) => files.#run(again, signal));
    return files;
  }

  /** What is wrong with the files now. */
  problems(): readonly FileProblem[] {
    return this.#problems;
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(firstAgain: Instant, signal: AbortSignal): Promise<void> {
    using watches = new FolderWatch(() => {
      this.#rung = true;
      this.#wake?.();
    });
    const { runtime } = this.#parts;
    let again = firstAgain;
    let tookMs = 0;
    while (!signal.aborted) {
      await watches.follow(this.#folders);
      const restMs = Math.min(Math.max(pauseMs, tookMs * restPerWork), pauseMsMax);
      await this.#pause(Math.min(again, after(runtime.now(), restMs)) as Instant, signal);
      const startedAt = runtime.now();
      again = await this.#look(false);
      tookMs = runtime.now() - startedAt;
    }
  }

  /** Until `until` or until a watch rings, but for a moment in any case; at once when the signal aborts. */
  async #pause(until: Instant, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    await this.#sleep(after(runtime.now(), pauseMsMin), signal, false);
    if (!this.#rung && !signal.aborted) await this.#sleep(until, signal, true);
    this.#rung = false;
  }

  #sleep(until: Instant, signal: AbortSignal, endsByBell: boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#parts.runtime.timer(until, end);
      signal.addEventListener("abort", end);
      if (endsByBell) this.#wake = end;
      if (signal.aborted) end();
    });
  }

  /** One look at everything. Says when the next one is due at the latest. */
  async #look(first: boolean): Promise<Instant> {
    const { runtime, path } = this.#parts;
    const listing = await listFiles(path);
    // A single file is replaced by renaming another over it, which its folder sees.
    this.#folders = listing.folders.length === 0 ? [dirname(path)] : listing.folders;
    const failed: FileProblem[] = [...listing.problems];
    for (const file of listing.files) {
      const read = await readIfChanged(file, this.#known.get(file)?.mark);
      const problem = await this.#take(file, read, first);
      if (problem !== undefined) failed.push(problem);
    }
    const there = new Set(listing.files);
    for (const file of [...this.#pending.keys()]) if (!there.has(file)) this.#pending.delete(file);
    const incomplete = listing.incomplete || failed.length > 0;
    if (!listing.incomplete)
      for (const file of [...this.#known.keys()]) if (!there.has(file)) this.#known.delete(file);
    const files = new Map([...this.#known].map(([file, { content }]) => [file, content]));
    const wish = this.#wanted.update({ files, incomplete }, runtime.now());
    this.#tell([...failed, ...wish.problems]);
    this.#publish(wish.documents);
    const settled = this.#pending.size > 0 ? after(runtime.now(), settleMs) : forever;
    return Math.min(settled, wish.againAt) as Instant;
  }

  /** Takes a file's content in once it is stable. */
  async #take(file: string, read: FileRead, first: boolean): Promise<FileProblem | undefined> {
    switch (read.kind) {
      case "same":
        this.#pending.delete(file);
        return undefined;
      case "failed":
        return { file, reason: read.reason, fix: "make it readable, or remove it" };
      case "read":
        await this.#takeContent(file, read, first);
        return undefined;
      default:
        return read satisfies never;
    }
  }

  async #takeContent(
    file: string,
    { mark, digest, bytes }: { mark: Mark; digest: string; bytes: Buffer },
    first: boolean,
  ): Promise<void> {
    const { runtime } = this.#parts;
    const known = this.#known.get(file);
    const ageMs = runtime.wallNow() - mark.changedAt;
    // A file that was just written may be written again within the same tick of its clock: its mark proves nothing yet.
    const trusted = ageMs > freshMs ? mark.text : "";
    if (known?.digest === digest) {
      this.#known.set(file, { ...known, mark: trusted });
      this.#pending.delete(file);
      return;
    }
    const pending = this.#pending.get(file);
    const stable = pending?.digest === digest && runtime.now() - pending.since >= settleMs;
    if (!stable && !(first && ageMs > freshMs)) {
      if (pending?.digest !== digest) this.#pending.set(file, { digest, since: runtime.now() });
      return;
    }
    this.#pending.delete(file);
    const read = await readFileContent(file, bytes, this.#parts.namespace);
    this.#known.set(file, {
      content: { ...read, changedAt: mark.changedAt },
      mark: trusted,
      digest,
    });
    if (read.foreign > 0) {
      runtime.log.debug("documents of other API groups are passed by", {
        file,
        documents: read.foreign,
      });
    }
  }

  #tell(problems: readonly FileProblem[]): void {
    const before = new Set(this.#problems.map(lineOf));
    const fresh = problems.filter((problem) => !before.has(lineOf(problem)));
    const { log } = this.#parts.runtime;
    for (const problem of fresh.slice(0, problemsLoggedMax))
      log.warn(`resource refused: ${lineOf(problem)}`, { ...problem });
    if (fresh.length > problemsLoggedMax)
      log.warn("more resources are refused", { more: fresh.length - problemsLoggedMax });
    this.#problems = problems;
  }

  #publish(documents: readonly Document[]): void {
    const before = this.#published;
    const same =
      before?.length === documents.length &&
      documents.every((document, i) => sameDocument(document, before[i]));
    if (same) return;
    this.#published = documents;
    this.#parts.publish(documents);
  }
}

function sameDocument(a: Document, b: Document | undefined): boolean {
  return a.name === b?.name && a.spec === b.spec && a.changedAt === b.changedAt;
}

/** `orders.yaml:7: spec.ttl: 'x' is not a duration; write it as in 500ms, 30s or 1h30m` */
export function lineOf({ file, line, field, reason, fix }: ResourceProblem): string {
  const place = [file, line].filter((part) => part !== undefined).join(":");
  const what = [place, field, reason]
    .filter((part) => part !== undefined && part !== "")
    .join(": ");
  return fix === undefined ? what : `${what}; ${fix}`;
}
