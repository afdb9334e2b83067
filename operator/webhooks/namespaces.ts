/**
 * Labels and annotations of the namespaces that pods are made in. Each is read when the API server asks, and kept for two
 * seconds at most: a Deployment's pods come many at once, and a label that somebody sets is to count for the next pod.
 */
import { textMapOf } from "#core/json.ts";
import { after, type Instant, type Runtime } from "#core/runtime.ts";
import type { NamespaceFacts } from "../injection/pod.ts";
import type { Api } from "../kube/api.ts";
import { get } from "../kube/calls.ts";
import { reasonText } from "../kube/errors.ts";
import { namespaceResource } from "../kube/objects.ts";

export type NamespaceRead =
  | { readonly kind: "read"; readonly facts: NamespaceFacts; readonly asked: Instant }
  | { readonly kind: "unread"; readonly problem: string };

/** Of five seconds that the API server waits for us. */
const readMs = 2_000;
const keptMs = 2_000;
const keptMax = 1_000;

interface Kept {
  readonly until: Instant;
  readonly reading: Promise<NamespaceRead>;
}

export class Namespaces {
  readonly #api: Api;
  readonly #runtime: Runtime;
  /** Those read last stand last. */
  readonly #kept = new Map<string, Kept>();

  constructor(api: Api, runtime: Runtime) {
    this.#api = api;
    this.#runtime = runtime;
  }

  /** Read anew, or a moment ago. `signal` ends what is under way for all who wait for it. */
  read(name: string, signal: AbortSignal): Promise<NamespaceRead> {
    const kept = this.#kept.get(name);
    return kept !== undefined && this.#runtime.now() < kept.until
      ? kept.reading
      : this.readNow(name, signal);
  }

  readNow(name: string, signal: AbortSignal): Promise<NamespaceRead> {
    const reading = this.#ask(name, signal);
    this.#kept.delete(name);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < keptMax) break;
      this.#kept.delete(oldest);
    }
    const kept = { until: after(this.#runtime.now(), keptMs), reading };
    this.#kept.set(name, kept);
    // What went wrong is asked again at once.
    const drop = (): void => {
      if (this.#kept.get(name) === kept) this.#kept.delete(name);
    };
    reading.then(({ kind }) => {
      if (kind === "unread") drop();
    }, drop);
    return reading;
  }

  async #ask(name: string, signal: AbortSignal): Promise<NamespaceRead> {
    const asked = this.#runtime.now();
    const call = { api: this.#api, resource: namespaceResource, signal, deadlineMs: readMs };
    const found = await get(call, { name });
    if (found.kind !== "done") return { kind: "unread", problem: reasonText(found) };
    const { labels, annotations } = found.value.metadata;
    const facts = { name, labels: textMapOf(labels), annotations: textMapOf(annotations) };
    return { kind: "read", facts, asked };
  }
}
