/**
 * What the sidecars say, a namespace at a time: read every two seconds while something published is not applied by all of
 * them, else every fifteen. A namespace that is new is read at once.
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
/** Of one namespace; more are not read. */
const reportsMax = 10_000;

interface Known {
  /** Undefined: they could not be read yet. */
  readonly reports: readonly SidecarReport[] | undefined;
  readonly text: string;
  readonly readAt: Instant;
}

export class Reports implements AsyncDisposable {
  readonly #parts: ReportsParts;
  readonly #tasks: Tasks;
  readonly #known = new Map<string, Known>();

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
        if (!wanted.has(namespace)) this.#known.delete(namespace);
      for (const namespace of wanted)
        if (this.#isDue(namespace)) await this.#read(namespace, signal);
      await sleep(runtime, lookEveryMs, signal);
    }
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
    const { runtime, store, changed } = this.#parts;
    const readAt = runtime.now();
    const wait = { signal, deadline: after(readAt, readMs) };
    const range = { ...reportsOf(namespace), limit: reportsMax };
    const read = await store.read([range], wait);
    signal.throwIfAborted();
    const before = this.#known.get(namespace);
    if (read.kind === "unknown") {
      // What was known stays: whether etcd answers is told elsewhere.
      this.#known.set(namespace, { reports: undefined, text: "", ...before, readAt });
      return;
    }
    // Who may not read them hears of no sidecar.
    const keys = read.kind === "done" ? (read.value.ranges[0]?.keys ?? []) : [];
    const now = keys.flatMap((kv) => readReport(kv) ?? []);
    const text = keys.map(({ key, modRevision }) => `${key} ${modRevision}`).join("\n");
    this.#known.set(namespace, { reports: now, text, readAt });
    if (before?.reports === undefined || text !== before.text)
      changed(namespace, { before: before?.reports, now });
  }
}
