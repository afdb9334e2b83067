/**
 * Keeps a store the same as the API server's objects, for as long as it exists, and tells of every change.
 *
 * | state      | entered by                                    | left by                                             |
 * | ---------- | --------------------------------------------- | --------------------------------------------------- |
 * | `listing`  | the start; a watch that cannot be continued   | the list is read → `watching`; failed → `waiting`   |
 * | `watching` | a list; a watch that can be continued         | the watch ends, however that is → `waiting`         |
 * | `waiting`  | a list or a watch that ended                  | time → `listing` or `watching`                      |
 *
 * A watch is continued from the last version that was seen where only the connection, or our patience, ended. The list is
 * read again where the server says that the version is gone (410), or sent an error or what is no event. Both may be
 * missed, so nothing but the store says what is: an event is a reason to look.
 *
 * Every wait is jittered; it grows while lists fail or watches end soon after they began, and there is no last try. A
 * server that falls silent is noticed: it is asked to end each watch after some minutes, and is given little more;
 * one that has sent a bookmark must go on to send some.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Api } from "./api.ts";
import { Backoff } from "./backoff.ts";
import {
  isRefused,
  reasonText,
  retryAfterOf,
  type KubeRefused,
  type KubeUnknown,
} from "./errors.ts";
import { list, objectsMax } from "./list.ts";
import type { KubeMetrics, ReflectorCells } from "./metrics.ts";
import { keyOf, resourceText, withoutManagedFields, type KubeObject } from "./objects.ts";
import type { Selection } from "./selection.ts";
import { Store, type Change, type Indexes, type StoreView } from "./store.ts";
import { watch, type WatchEvent } from "./watch.ts";

const backoffSettings = { firstMs: 800, factor: 2, maxMs: 30_000, jitter: 1 } as const;
/** A watch that lived so long was well: what comes next is a first failure. */
const wellMs = 60_000;
/** After a watch that was well and that the server ended as it was asked to: up to this. */
const continueMsMax = 200;
/** How long the server is asked to keep a watch, at least; at most twice that. */
const watchMs = 240_000;
/** How much longer it may take to end it. */
const graceMs = 15_000;
/** The API server sends a bookmark a minute. */
const bookmarkMs = 150_000;

/** By what a change was found; `resync` tells of what did not change. */
export type Origin = "firstList" | "list" | "watch" | "resync";

export interface ReflectorParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly selection: Selection;
  /** Gets each change once, after the store has it. What it throws is logged and counted, and costs the one change. */
  readonly told: (change: Change, origin: Origin) => void;
  /** What of each object is kept; absent: all but managedFields. */
  readonly transform?: (object: KubeObject) => KubeObject;
  readonly indexes?: Indexes;
  /** About how often all objects are told again, as changed; absent: never. */
  readonly resyncMs?: number;
  /** A list that is forbidden counts as read and empty, and is tried again: see `Selected` in collection.ts. */
  readonly forbiddenIsEmpty?: boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

/** How a watch ended. `continued`: the next one begins where it was; else the list is read. */
interface End {
  readonly how: "ended" | "expired" | "error" | "malformed" | "broken" | "silent" | "refused";
  readonly continued: boolean;
  readonly problem?: string;
  readonly retryAfterMs?: number | undefined;
}

class Silence extends Error {
  override readonly name = "Silence";
}

export class Reflector implements AsyncDisposable {
  readonly #parts: ReflectorParts;
  readonly #transform: (object: KubeObject) => KubeObject;
  readonly #store: Store;
  readonly #cells: ReflectorCells;
  readonly #tasks: Tasks;
  readonly #backoff: Backoff;
  /** Of versions that are gone: a server that was away and has come back says it once, and need not be waited for. */
  readonly #expiries: Backoff;
  readonly #synced = Promise.withResolvers<void>();
  /** Whether a list was read. */
  #hasRead = false;
  #hasSynced = false;
  /** How many of its objects the metric counts. */
  #counted = 0;
  #problem: string | undefined = "the first list is not read yet";

  private constructor(parts: ReflectorParts) {
    this.#parts = parts;
    this.#transform = parts.transform ?? withoutManagedFields;
    this.#store = new Store(parts.indexes);
    this.#cells = parts.metrics.reflector(resourceText(parts.selection.resource));
    this.#tasks = new Tasks(parts.onFailure);
    this.#backoff = new Backoff(backoffSettings, parts.runtime);
    this.#expiries = new Backoff(backoffSettings, parts.runtime);
  }

  static start(parts: ReflectorParts): Reflector {
    const reflector = new Reflector(parts);
    const name = resourceText(parts.selection.resource);
    reflector.#tasks.run(`reflecting ${name}`, (signal) => reflector.#run(signal));
    const { resyncMs } = parts;
    if (resyncMs !== undefined)
      reflector.#tasks.run(`resyncing ${name}`, (signal) => reflector.#resync(resyncMs, signal));
    return reflector;
  }

  get store(): StoreView {
    return this.#store;
  }

  /** Whether the first list was read and told, or may count as read. */
  hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves with the first list; rejects with the signal's reason. */
  synced(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    return Promise.race([this.#synced.promise, promise]).finally(() => {
      signal.removeEventListener("abort", leave);
    });
  }

  /** Why the store may be behind, in words; undefined: a watch keeps it up. */
  problem(): string | undefined {
    return this.#problem;
  }

  async close(): Promise<void> {
    await this.#tasks.close();
    this.#count(0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let listed = false;
    while (!signal.aborted) {
      let waitMs = 0;
      if (listed) {
        const startedAt = this.#parts.runtime.now();
        const end = await this.#watch(signal);
        listed = end.continued;
        waitMs = this.#waitMs(end, startedAt);
      } else {
        const failure = await this.#list(signal);
        listed = failure === undefined;
        if (failure !== undefined)
          waitMs = Math.max(this.#backoff.next(), retryAfterOf(failure) ?? 0);
      }
      if (waitMs > 0) await sleep(this.#parts.runtime, waitMs, signal);
    }
  }

  async #list(signal: AbortSignal): Promise<KubeRefused | KubeUnknown | undefined> {
    const { api, selection } = this.#parts;
    const listed = await list({ api, selection, transform: this.#transform }, signal);
    if (listed.kind !== "done") {
      this.#failed(`listing failed: ${reasonText(listed)}`);
      if (this.#parts.forbiddenIsEmpty === true && isRefused(listed, "forbidden")) this.#sync();
      return listed;
    }
    this.#cells.lists.add();
    const changes = this.#store.replace(listed.value);
    this.#tell(changes, this.#hasRead ? "list" : "firstList");
    this.#hasRead = true;
    this.#sync();
    return undefined;
  }

  #sync(): void {
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  async #watch(signal: AbortSignal): Promise<End> {
    const { api, runtime, selection } = this.#parts;
    const timeoutMs = watchMs * (1 + runtime.random());
    using patience = new Patience(runtime, signal, after(runtime.now(), timeoutMs + graceMs));
    try {
      const from = this.#store.resourceVersion;
      const opened = await watch({ api, selection, from, timeoutMs }, patience.signal);
      if (opened.kind !== "done") return refusedEnd(opened);
      this.#problem = undefined;
      for await (const event of opened.value) {
        this.#cells.events.add();
        patience.heard(event.type === "bookmark");
        const end = this.#take(event);
        if (end !== undefined) return end;
      }
      return { how: "ended", continued: true };
    } catch (error) {
      if (signal.aborted) throw error;
      const how = error instanceof Silence ? "silent" : "broken";
      return { how, continued: true, problem: messageOf(error) };
    }
  }

  /** Undefined: the watch goes on. */
  #take(event: WatchEvent): End | undefined {
    switch (event.type) {
      case "bookmark":
        this.#store.reached(event.resourceVersion);
        return undefined;
      case "error":
        return errorEnd(event.outcome);
      case "malformed":
        return { how: "malformed", continued: false, problem: event.message };
      case "added":
      case "modified":
      case "deleted":
        this.#tell(this.#store.take(event.type, this.#transform(event.object)), "watch");
        if (this.#store.size <= objectsMax) return undefined;
        return {
          how: "error",
          continued: false,
          problem: `there are more than ${objectsMax} objects`,
        };
      default:
        return event satisfies never;
    }
  }

  #waitMs({ how, problem, retryAfterMs = 0 }: End, startedAt: Instant): number {
    const { runtime } = this.#parts;
    this.#cells.ended(how).add();
    if (problem !== undefined) this.#failed(`watching ended (${how}): ${problem}`);
    const well = runtime.now() - startedAt >= wellMs;
    if (well) for (const backoff of [this.#backoff, this.#expiries]) backoff.reset();
    if (how === "expired") return this.#expiries.next();
    if (well && how === "ended") return runtime.random() * continueMsMax;
    return Math.max(this.#backoff.next(), retryAfterMs);
  }

  async #resync(aboutMs: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      await sleep(runtime, aboutMs * (0.9 + 0.2 * runtime.random()), signal);
      if (!this.#hasSynced) continue;
      for (const now of [...this.#store.all()])
        this.#tell([{ kind: "changed", key: keyOf(now), was: now, now }], "resync");
    }
  }

  #count(objects: number): void {
    this.#cells.holds(objects - this.#counted);
    this.#counted = objects;
  }

  #tell(changes: readonly Change[], origin: Origin): void {
    this.#count(this.#store.size);
    for (const change of changes) {
      try {
        this.#parts.told(change, origin);
      } catch (error) {
        this.#cells.handlerFailures.add();
        this.#parts.runtime.log.error("a change of an object could not be handled", {
          ...this.#about(),
          object: change.key,
          error,
        });
      }
    }
  }

  #failed(problem: string): void {
    this.#problem = problem;
    this.#parts.runtime.log.warn("the objects of a resource are not followed", {
      ...this.#about(),
      problem,
    });
  }

  #about() {
    const { resource, namespace } = this.#parts.selection;
    return { resource: resourceText(resource), namespace };
  }
}

const expiredEnd: End = {
  how: "expired",
  continued: false,
  problem: "the version is gone, and the list is read again",
};

/** The server never began the watch. */
function refusedEnd(outcome: KubeRefused | KubeUnknown): End {
  const problem = reasonText(outcome);
  const retryAfterMs = retryAfterOf(outcome);
  if (isRefused(outcome, "expired")) return expiredEnd;
  // Where the server cannot be asked, or not now, nothing is known against the version that we have.
  const busy =
    outcome.kind === "unknown" || ["notSent", "tooMany"].includes(outcome.refusal.reason);
  return { how: "refused", continued: busy, problem, retryAfterMs };
}

function errorEnd(outcome: KubeRefused | KubeUnknown): End {
  if (isRefused(outcome, "expired")) return expiredEnd;
  return {
    how: "error",
    continued: false,
    problem: reasonText(outcome),
    retryAfterMs: retryAfterOf(outcome),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Ends a watch that outlives its time, or has fallen silent though it sent bookmarks. */
class Patience implements Disposable {
  readonly #runtime: Runtime;
  readonly #controller = new AbortController();
  readonly #owner: AbortSignal;
  readonly #until: Instant;
  readonly #leave: () => void;
  #heardAt: Instant;
  #bookmarks = false;
  #timer: { cancel(): void };

  constructor(runtime: Runtime, owner: AbortSignal, until: Instant) {
    this.#runtime = runtime;
    this.#owner = owner;
    this.#until = until;
    this.#heardAt = runtime.now();
    this.#leave = () => {
      this.#controller.abort(owner.reason);
    };
    owner.addEventListener("abort", this.#leave, { once: true });
    if (owner.aborted) this.#leave();
    this.#timer = runtime.timer(until, () => this.#look());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(bookmark: boolean): void {
    this.#heardAt = this.#runtime.now();
    if (!bookmark || this.#bookmarks) return;
    this.#bookmarks = true;
    this.#set();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#owner.removeEventListener("abort", this.#leave);
  }

  get #end(): Instant {
    if (!this.#bookmarks) return this.#until;
    return Math.min(this.#until, after(this.#heardAt, bookmarkMs)) as Instant;
  }

  #set(): void {
    this.#timer.cancel();
    this.#timer = this.#runtime.timer(this.#end, () => this.#look());
  }

  #look(): void {
    const now = this.#runtime.now();
    if (now < this.#end) this.#set();
    else
      this.#controller.abort(
        new Silence(`nothing was heard for ${Math.round(now - this.#heardAt)} ms`),
      );
  }
}
