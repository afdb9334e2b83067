/**
 * What the sidecars say, a namespace at a time: read every two seconds while something published is not applied by all of
 * them, else every fifteen. A namespace that is new is read at once.
 *
 * Whoever runs in a namespace may write there what it likes, so it is read a page at a time, up to a bound of bytes: it can
 * hide its own namespace's sidecars so, and costs nobody else anything.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { readReport, reportsOf, type SidecarReport } from "#core/spec/report.ts";
import type { Store } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";

export interface ReportsParts {
  readonly runtime: Runtime;
  readonly store: Store;
  /** Those with resources. */
  readonly namespaces: () => Iterable<string>;
  /** Whether all that is published there is applied by those who sent these. */
  readonly isSettled: (namespace: string, reports: readonly SidecarReport[]) => boolean;
  /** They are not what they were, or were read for the first time. */
  readonly changed: (namespace: string, reports: ReportsChange) => void;
  readonly onFailure: (name: string, error: unknown) => void;
}

export interface ReportsChange {
  /** Undefined: nothing was known. */
  readonly before: readonly SidecarReport[] | undefined;
  readonly now: readonly SidecarReport[];
}

const lookEveryMs = 500;
const unsettledMs = 2_000;
const settledMs = 15_000;
const readMs = 5_000;
/** Of one read: what lies in memory at once, for etcd takes up to 1.5 MiB for each key. */
const pageKeys = 64;
/** Of one namespace; what is beyond is not read. */
const namespaceBytesMax = 32 * 1024 * 1024;

interface Known {
  /** Undefined: they could not be read yet. */
  readonly reports: readonly SidecarReport[] | undefined;
  readonly text: string;
  readonly readAt: Instant;
}

/** All of a namespace. */
interface Listed {
  readonly reports: readonly SidecarReport[];
  /** The same text for the same reports. */
  readonly text: string;
  readonly isWhole: boolean;
}

const nothingListed: Listed = { reports: [], text: "", isWhole: true };

export class Reports implements AsyncDisposable {
  readonly #parts: ReportsParts;
  readonly #tasks: Tasks;
  readonly #known = new Map<string, Known>();
  /** Namespaces of which not all is read, told once. */
  readonly #cut = new Set<string>();

  private constructor(parts: ReportsParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
  }

  static start(parts: ReportsParts): Reports {
    const reports = new Reports(parts);
    reports.#tasks.run("reading the sidecars' reports", (signal) => reports.#run(signal));
    return reports;
  }

  /** "unknown": not read yet. */
  of(namespace: string): readonly SidecarReport[] | "unknown" {
    return this.#known.get(namespace)?.reports ?? "unknown";
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime, namespaces } = this.#parts;
    for (;;) {
      const wanted = new Set(namespaces());
      for (const namespace of this.#known.keys())
        if (!wanted.has(namespace)) this.#forget(namespace);
      for (const namespace of wanted)
        if (this.#isDue(namespace)) await this.#read(namespace, signal);
      await sleep(runtime, lookEveryMs, signal);
    }
  }

  #forget(namespace: string): void {
    this.#known.delete(namespace);
    this.#cut.delete(namespace);
  }

  #isDue(namespace: string): boolean {
    const known = this.#known.get(namespace);
    if (known === undefined) return true;
    const { runtime, isSettled } = this.#parts;
    const now = runtime.now();
    if (now < after(known.readAt, unsettledMs)) return false;
    return now >= after(known.readAt, settledMs) || !isSettled(namespace, known.reports ?? []);
  }

  async #read(namespace: string, signal: AbortSignal): Promise<void> {
    const { runtime, changed } = this.#parts;
    const readAt = runtime.now();
    const listed = await this.#list(namespace, signal);
    const before = this.#known.get(namespace);
    if (listed === undefined) {
      // What was known stays: whether etcd answers is told elsewhere.
      this.#known.set(namespace, { reports: undefined, text: "", ...before, readAt });
      return;
    }
    this.#tellCut(namespace, listed);
    const { reports: now, text } = listed;
    this.#known.set(namespace, { reports: now, text, readAt });
    if (before?.reports === undefined || text !== before.text)
      changed(namespace, { before: before?.reports, now });
  }

  /** Undefined: etcd did not answer. */
  async #list(namespace: string, signal: AbortSignal): Promise<Listed | undefined> {
    const { runtime, store } = this.#parts;
    const reports: SidecarReport[] = [];
    const lines: string[] = [];
    let bytes = 0;
    for (let range = reportsOf(namespace); ;) {
      const wait = { signal, deadline: after(runtime.now(), readMs) };
      const read = await store.read([{ ...range, limit: pageKeys }], wait);
      signal.throwIfAborted();
      if (read.kind === "unknown") return undefined;
      // Who may not read them hears of no sidecar.
      if (read.kind === "refused") return nothingListed;
      const { keys = [], count = 0 } = read.value.ranges[0] ?? {};
      for (const kv of keys) {
        bytes += kv.value.length;
        lines.push(`${kv.key} ${kv.modRevision}`);
        const report = readReport(kv);
        if (report !== undefined) reports.push(report);
      }
      const last = keys.at(-1);
      const isWhole = last === undefined || count <= keys.length;
      if (isWhole || bytes >= namespaceBytesMax)
        return { reports, text: lines.join("\n"), isWhole };
      range = { ...range, key: `${last.key}\u0000` };
    }
  }

  #tellCut(namespace: string, { isWhole }: Listed): void {
    const wasTold = this.#cut.has(namespace);
    if (isWhole) this.#cut.delete(namespace);
    else this.#cut.add(namespace);
    if (isWhole || wasTold) return;
    this.#parts.runtime.log.warn(
      "a namespace says more of its sidecars than is read: some of them do not count",
      { namespace, readBytesMax: namespaceBytesMax },
    );
  }
}
