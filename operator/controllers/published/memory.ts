/** What the leader has seen of each name in its term, and nobody else tells: see {@link Remembered}. */
import type { StoreRefusal } from "#core/outcome.ts";
import type { Instant, Runtime } from "#core/runtime.ts";
import type { Revision } from "#core/store.ts";
import type { ObjectKey } from "../../kube/objects.ts";
import type { SpecRecord } from "../../spec-tree/records.ts";
import type { Wrote } from "../../spec-tree/publish.ts";
import type { Remembered } from "./decide.ts";

/** Names that are gone; the one that went first is forgotten first, and then taken to have been of any mode. */
const goneMax = 10_000;

interface Trace {
  oldGrants: boolean;
  refusal: StoreRefusal | undefined;
  stands: { readonly revision: Revision; readonly since: Instant } | undefined;
}

export class Memory {
  readonly #runtime: Runtime;
  readonly #traces = new Map<ObjectKey, Trace>();
  readonly #retracted = new Map<ObjectKey, string>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  of(key: ObjectKey, record: SpecRecord | undefined | "unknown"): Remembered {
    const trace = this.#traceOf(key);
    const now = this.#runtime.now();
    if (record !== undefined && record !== "unknown") {
      const { modRevision: revision } = record;
      if (trace.stands?.revision !== revision) trace.stands = { revision, since: now };
    }
    return {
      oldGrants: trace.oldGrants,
      refusal: trace.refusal,
      standsMs: now - (trace.stands?.since ?? now),
      retracted: this.#retracted.get(key),
    };
  }

  published(key: ObjectKey, wrote: Wrote): void {
    const trace = this.#traceOf(key);
    trace.oldGrants = wrote.kind === "inUse";
    trace.refusal = wrote.kind === "refused" ? wrote.refusal : undefined;
    if (wrote.kind === "done") this.#retracted.delete(key);
  }

  /** `fixed`: what was fixed of it. */
  retracted(key: ObjectKey, fixed: string): void {
    this.#retracted.delete(key);
    this.#retracted.set(key, fixed);
    const [first] = this.#retracted.keys();
    if (this.#retracted.size > goneMax && first !== undefined) this.#retracted.delete(first);
  }

  /** There is neither a resource nor a record. */
  gone(key: ObjectKey): void {
    this.#traces.delete(key);
  }

  #traceOf(key: ObjectKey): Trace {
    const known = this.#traces.get(key);
    if (known !== undefined) return known;
    const trace: Trace = { oldGrants: false, refusal: undefined, stands: undefined };
    this.#traces.set(key, trace);
    return trace;
  }
}
