/**
 * Events (events.k8s.io/v1) about objects: what a person sees in `kubectl describe`.
 *
 * The first one of its kind is sent at once; what is the same (object, type, reason, action) within some minutes after is
 * counted, and written into the same Event as a series, at most every `seriesMs`. Events are news, not state: what cannot
 * be sent after a few tries, or comes in masses, is dropped and counted, and nobody waits for any of it.
 *
 * A lost answer to a creation may leave a second Event of the same words; a lost answer to an update costs nothing, since
 * a series says its whole count. What is to be told once, whoever tells it, has a name of which there is one: while that
 * Event lives (an hour), neither another leader nor the same program started again makes a second.
 */
import { Bell } from "#core/bell.ts";
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { microTime } from "#host/wall-time.ts";
import type { Api } from "./api.ts";
import { Backoff, Bucket } from "./backoff.ts";
import { create, objectCall, type Call } from "./calls.ts";
import { isRefused, reasonText, type KubeOutcome } from "./errors.ts";
import type { KubeMetrics } from "./metrics.ts";
import { objectPath, type KubeObject, type ObjectName, type Resource } from "./objects.ts";

export const events: Resource = {
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  namespaced: true,
};

/** One thing that happened. `reason` and `action` are CamelCase words from closed lists. */
export interface News {
  readonly regarding: KubeObject;
  readonly type: "Normal" | "Warning";
  /** Why: `InvalidSpec`. */
  readonly reason: string;
  /** What was done, or tried: `Publish`. */
  readonly action: string;
  /** A sentence; of a series, the last one stays unseen. */
  readonly note: string;
  /** Not again of the same object for the same reason, by another process neither. */
  readonly once?: true;
}

export interface RecorderParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  /** `holdfast.dev/operator`, and which process of it. */
  readonly controller: string;
  readonly instance: string;
  readonly onFailure: (name: string, error: unknown) => void;
}

/** What the API server takes. */
const noteBytesMax = 1_000;
const wordMax = 128;
/** Series and waiting Events; the longest unused series goes first, and is then a new one. */
const seriesMax = 1_000;
/** After so long without another one, the next is the first of a new series. */
const seriesIdleMs = 360_000;
/** Between two writes of one series. */
const seriesMs = 10_000;
const rate = { perSecond: 5, burst: 50 } as const;
const triesMax = 4;
const backoffSettings = { firstMs: 500, factor: 2, maxMs: 10_000, jitter: 0.5 } as const;

interface Series {
  readonly news: News;
  /** Undefined: no Event stands for it yet. */
  name: ObjectName | undefined;
  count: number;
  lastAtMs: number;
  lastAt: Instant;
  /** How many of `count` the server knows. */
  written: number;
  /** Not before this. */
  writeAt: Instant;
}

export class Recorder implements AsyncDisposable {
  readonly #parts: RecorderParts;
  readonly #tasks: Tasks;
  readonly #bucket: Bucket;
  /** Those used last stand last. */
  readonly #series = new Map<string, Series>();
  readonly #bell: Bell;

  private constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
    this.#bucket = new Bucket(parts.runtime, rate);
    this.#bell = new Bell(parts.runtime);
  }

  static start(parts: RecorderParts): Recorder {
    const recorder = new Recorder(parts);
    recorder.#tasks.run("writing events", (signal) => recorder.#run(signal));
    return recorder;
  }

  /** Never throws, never waits. */
  record(news: News): void {
    const { runtime, metrics } = this.#parts;
    const key = keyOf(news);
    const now = runtime.now();
    const known = this.#series.get(key);
    this.#series.delete(key);
    const goesOn = known !== undefined && now < after(known.lastAt, seriesIdleMs);
    if (!goesOn && !this.#bucket.take()) {
      metrics.eventsDropped.add();
      return;
    }
    const series = goesOn ? known : begun(news, now);
    series.count += 1;
    series.lastAt = now;
    series.lastAtMs = runtime.wallNow();
    this.#series.set(key, series);
    this.#bound();
    this.#bell.ring();
  }

  /** What is not sent by now is not sent. */
  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #bound(): void {
    for (const [key, series] of this.#series) {
      const old = this.#parts.runtime.now() >= after(series.lastAt, seriesIdleMs);
      const idle = old && series.written === series.count;
      if (!idle && this.#series.size <= seriesMax) return;
      this.#series.delete(key);
      if (series.written < series.count) this.#parts.metrics.eventsDropped.add();
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due = this.#due();
      if (due.series !== undefined) await this.#write(due.series, signal);
      else await this.#bell.wait({ until: due.at, signal });
    }
  }

  /** What is to be written now, or when to look again. */
  #due(): { readonly series?: Series; readonly at: Instant } {
    const now = this.#parts.runtime.now();
    let at = Infinity;
    for (const series of this.#series.values()) {
      if (series.written === series.count) continue;
      if (series.writeAt <= now) return { series, at: now };
      at = Math.min(at, series.writeAt);
    }
    return { at: at as Instant };
  }

  async #write(series: Series, signal: AbortSignal): Promise<void> {
    const { runtime, metrics } = this.#parts;
    const backoff = new Backoff(backoffSettings, runtime);
    for (let tries = 1; ; tries++) {
      const { count } = series;
      const outcome = await this.#send(series, signal);
      if (outcome.kind === "done" || wasTold(series, outcome)) {
        series.written = count;
        series.writeAt = after(runtime.now(), seriesMs);
        if (outcome.kind === "done") metrics.eventsSent.add();
        return;
      }
      if (isRefused(outcome, "notFound") && series.name !== undefined) {
        // Events live for an hour: what is told now begins anew.
        series.name = undefined;
      } else if (tries >= triesMax || isFinal(outcome)) {
        this.#drop(series, reasonText(outcome));
        return;
      }
      await sleep(runtime, backoff.next(), signal);
    }
  }

  #drop(series: Series, problem: string): void {
    const { runtime, metrics } = this.#parts;
    series.written = series.count;
    series.writeAt = after(runtime.now(), seriesMs);
    metrics.eventsDropped.add();
    const { reason, regarding } = series.news;
    runtime.log.warn("an event could not be written", {
      reason,
      object: `${regarding.kind} ${regarding.metadata.name}`,
      problem,
    });
  }

  async #send(series: Series, signal: AbortSignal): Promise<KubeOutcome<unknown>> {
    const call: Call = { api: this.#parts.api, resource: events, signal };
    if (series.name === undefined) {
      const object = this.#event(series);
      const outcome = await create(call, object);
      if (outcome.kind === "done") series.name = object.metadata;
      return outcome;
    }
    return objectCall(call, "PATCH", {
      path: objectPath(events, series.name),
      contentType: "application/merge-patch+json",
      repeatable: true,
      body: { series: seriesOf(series) },
    });
  }

  #event(series: Series) {
    const { controller, instance } = this.#parts;
    const { regarding, type, reason, action, note } = series.news;
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    return {
      apiVersion: "events.k8s.io/v1",
      kind: events.kind,
      metadata: {
        name: this.#nameOf(series.news),
        // What has no namespace is told in this one, as everywhere.
        namespace: namespace ?? "default",
      },
      eventTime: microTime(series.lastAtMs),
      reportingController: controller,
      reportingInstance: instance.slice(0, wordMax),
      type,
      reason: reason.slice(0, wordMax),
      action: action.slice(0, wordMax),
      note: noteOf(note),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        ...(namespace !== undefined && { namespace }),
        name,
        uid,
        resourceVersion,
      },
      ...(series.count > 1 && { series: seriesOf(series) }),
    };
  }

  #nameOf({ regarding, reason, once }: News): string {
    const { name, uid } = regarding.metadata;
    if (once !== true) return `${name.slice(0, 200)}.${this.#parts.runtime.randomId(8)}`;
    // The cut may leave what no name ends with.
    return `${name.slice(0, 150).replace(/[^a-z0-9]+$/, "")}.${uid}.${reason.toLowerCase().slice(0, 60)}`;
  }
}

/** There is one already: by another process, by this one before, or by the very request whose answer was lost. */
function wasTold({ news }: Series, outcome: KubeOutcome<unknown>): boolean {
  return news.once === true && isRefused(outcome, "alreadyExists");
}

function begun(news: News, now: Instant): Series {
  return { news, name: undefined, count: 0, written: 0, lastAtMs: 0, lastAt: now, writeAt: now };
}

function seriesOf({ count, lastAtMs }: Series) {
  return { count, lastObservedTime: microTime(lastAtMs) };
}

function keyOf({ regarding, type, reason, action }: News): string {
  return JSON.stringify([regarding.metadata.uid, type, reason, action]);
}

/** Cut where a character begins. */
function noteOf(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= noteBytesMax) return note;
  return `${new TextDecoder().decode(bytes.subarray(0, noteBytesMax - 6)).replace(/\uFFFD$/, "")}…`;
}

/** It would be refused again: the object's namespace is being deleted, for one. */
function isFinal(outcome: KubeOutcome<unknown>): boolean {
  const final = ["badRequest", "forbidden", "notFound", "invalid", "alreadyExists", "other"];
  return outcome.kind === "refused" && final.includes(outcome.refusal.reason);
}
