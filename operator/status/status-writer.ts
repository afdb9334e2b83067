/**
 * Writes statuses, and not too often: a resource at most every 15 s, at once where a condition changed, and all together at
 * most 20 a second, what was edited first, then longest-unrefreshed first. What would write what stands already is not written.
 *
 * | a wish    | waits until                                                        |
 * | --------- | ------------------------------------------------------------------ |
 * | edited    | the others that are about what a user has edited since their last status are written |
 * | urgent    | the others that are urgent, and were refreshed before it, are written |
 * | else      | 15 s after the resource's last write, and nothing is urgent        |
 * | failed    | a back-off is over                                                 |
 *
 * A later wish for the resource replaces the one that waits. What was written is remembered until a watch tells of it, or of
 * something newer.
 */
import { Bell } from "#core/bell.ts";
import { canonicalJson, numberOf } from "#core/json.ts";
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import {
  transition,
  readConditions,
  type StoredCondition,
  outline,
} from "../conditions/condition.ts";
import type { Wanted } from "../controllers/published/decide.ts";
import type { Api } from "../kube/api.ts";
import { applyStatus } from "../kube/apply.ts";
import { type Bucket, KeyBackoff } from "../kube/backoff.ts";
import { isRefused, reasonText, recordOf } from "../kube/errors.ts";
import { isNewer, keyOf, type KubeObject, type ObjectKey, type Resource } from "../kube/objects.ts";

export interface StatusWriterParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly resource: Resource;
  /** The same for ever. */
  readonly fieldManager: string;
  /** Of all writers of this process together. */
  readonly bucket: Bucket;
  /** Whether this process may write now. */
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

export const statusRate = { perSecond: 20, burst: 20 } as const;
export const refreshMs = 15_000;
const workers = 4;

type Status = Readonly<Record<string, unknown>>;

interface Entry {
  readonly uid: string;
  object: KubeObject;
  wanted: Wanted | undefined;
  urgent: boolean;
  /** The status that stands is about what the user had written before. */
  edited: boolean;
  written: { readonly status: Status; readonly resourceVersion: string } | undefined;
  /** Undefined: not by this process. */
  writtenAt: Instant | undefined;
  notBefore: Instant;
  busy: boolean;
}

export class StatusWriter implements AsyncDisposable {
  readonly #parts: StatusWriterParts;
  readonly #tasks: Tasks;
  readonly #entries = new Map<ObjectKey, Entry>();
  /** Those with a wish. */
  readonly #waiting = new Set<ObjectKey>();
  readonly #backoff = new KeyBackoff<ObjectKey>(500, 60_000);
  readonly #bell: Bell;

  private constructor(parts: StatusWriterParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
    this.#bell = new Bell(parts.runtime);
  }

  static start(parts: StatusWriterParts): StatusWriter {
    const writer = new StatusWriter(parts);
    for (let worker = 0; worker < workers; worker++)
      writer.#tasks.run("writing statuses", (signal) => writer.#work(signal));
    return writer;
  }

  /** The conditions as they stand, as far as this process knows. */
  conditionsOf(object: KubeObject): readonly StoredCondition[] {
    return readConditions(this.#standing(object)["conditions"]);
  }

  /** What the resource's status is to be. */
  want(object: KubeObject, wanted: Wanted): void {
    const key = keyOf(object);
    const entry = this.#entryOf(key, object);
    const before = this.#standing(object);
    const status = this.#render(before, wanted);
    if (canonicalJson(status) === canonicalJson(before)) {
      entry.wanted = undefined;
      this.#waiting.delete(key);
      return;
    }
    entry.wanted = wanted;
    entry.urgent = outline(status) !== outline(before);
    const observed = numberOf(before["observedGeneration"]);
    entry.edited = observed !== undefined && observed < wanted.generation;
    this.#waiting.add(key);
    this.#bell.ring();
  }

  forget(key: ObjectKey): void {
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#backoff.forget(key);
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #entryOf(key: ObjectKey, object: KubeObject): Entry {
    const { uid } = object.metadata;
    const known = this.#entries.get(key);
    if (known?.uid === uid) {
      known.object = object;
      return known;
    }
    const entry: Entry = {
      ...{ uid, object, wanted: undefined, urgent: false, edited: false },
      ...{
        written: undefined,
        writtenAt: undefined,
        notBefore: this.#parts.runtime.now(),
        busy: false,
      },
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #standing(object: KubeObject): Status {
    return this.#ahead(object)?.status ?? recordOf(object["status"]);
  }

  /** The object at the version that it has, as far as is known: our own writes move it, and nothing but its status. */
  #latest(object: KubeObject): KubeObject {
    const resourceVersion = this.#ahead(object)?.resourceVersion ?? object.metadata.resourceVersion;
    return { ...object, metadata: { ...object.metadata, resourceVersion } };
  }

  /** What we wrote, where watches have not told of it yet. */
  #ahead(object: KubeObject): Entry["written"] {
    const entry = this.#entries.get(keyOf(object));
    const { uid, resourceVersion } = object.metadata;
    const written = entry?.uid === uid ? entry.written : undefined;
    const isAhead =
      written !== undefined && isNewer(written.resourceVersion, resourceVersion) === true;
    return isAhead ? written : undefined;
  }

  #render(before: Status, { generation, conditions, usage }: Wanted): Status {
    const stored = readConditions(before["conditions"]);
    const wallNow = this.#parts.runtime.wallNow();
    const { held, waiting, oldestWaitSince } = usage;
    return {
      observedGeneration: generation,
      ...{ held, waiting },
      ...(oldestWaitSince === undefined ? {} : { oldestWaitSince }),
      conditions: transition(stored, conditions, { generation, wallNow }),
    };
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.#next();
      if ("key" in next) await this.#write(next.key, next.entry, signal);
      else await this.#bell.wait({ until: next.at, signal });
    }
  }

  /** What to write now, or when to look again. */
  #next(): { readonly key: ObjectKey; readonly entry: Entry } | { readonly at: Instant } {
    const now = this.#parts.runtime.now();
    let at = Infinity;
    let best: { readonly key: ObjectKey; readonly entry: Entry } | undefined;
    for (const key of this.#waiting) {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.busy) continue;
      const dueAt = Math.max(entry.notBefore, entry.urgent ? 0 : refreshAt(entry));
      if (dueAt > now) at = Math.min(at, dueAt);
      else if (best === undefined || goesBefore(entry, best.entry)) best = { key, entry };
    }
    return best ?? { at: at as Instant };
  }

  async #write(key: ObjectKey, entry: Entry, signal: AbortSignal): Promise<void> {
    const { api, runtime, resource, bucket, fieldManager, mayAct } = this.#parts;
    entry.busy = true;
    try {
      const waitMs = bucket.reserve();
      if (waitMs > 0) await sleep(runtime, waitMs, signal);
      const { wanted, object } = entry;
      if (wanted === undefined || !mayAct()) return;
      const status = this.#render(this.#standing(object), wanted);
      const of = this.#latest(object);
      const outcome = await applyStatus({ api, resource, signal }, fieldManager, { of, status });
      if (outcome.kind === "done") {
        const { resourceVersion } = outcome.value.metadata;
        entry.written = { status, resourceVersion };
        entry.writtenAt = runtime.now();
        this.#backoff.forget(key);
        if (entry.wanted === wanted) this.#settle(key, entry);
      } else if (isRefused(outcome, "notFound") || isRefused(outcome, "conflict")) {
        // It is gone, or another version than was judged: whoever watches tells, and it is judged again.
        if (entry.wanted === wanted) this.#settle(key, entry);
      } else {
        entry.notBefore = after(runtime.now(), this.#backoff.next(key));
        const problem = reasonText(outcome);
        runtime.log.warn("a status could not be written; it is tried again", { key, problem });
      }
    } finally {
      entry.busy = false;
      this.#bell.ring();
    }
  }

  #settle(key: ObjectKey, entry: Entry): void {
    entry.wanted = undefined;
    if (this.#entries.get(key) === entry) this.#waiting.delete(key);
  }
}

function refreshAt({ writtenAt }: Entry): number {
  return writtenAt === undefined ? 0 : after(writtenAt, refreshMs);
}

function goesBefore(a: Entry, b: Entry): boolean {
  if (a.edited !== b.edited) return a.edited;
  if (a.urgent !== b.urgent) return a.urgent;
  return (a.writtenAt ?? 0) < (b.writtenAt ?? 0);
}
