/** The resources of one kind in all namespaces that are served, as watches keep them. */
import type { Runtime } from "#core/runtime.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { nameOfKey, type KubeObject, type ObjectKey } from "../../kube/objects.ts";
import { Reflector, type Origin } from "../../kube/reflector.ts";
import type { Change } from "../../kube/store.ts";
import type { PublishedKind } from "./kinds.ts";

export interface ObjectsParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly kind: PublishedKind;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly onFailure: (name: string, error: unknown) => void;
}

export type Listener = (change: Change, origin: Origin) => void;

/** All are told again about so often: it mends what nobody thought of. */
const resyncMs = 600_000;
const byNamespace = "namespace";

export class Objects implements AsyncDisposable {
  readonly kind: PublishedKind;
  readonly #reflectors = new Map<string, Reflector>();
  readonly #listeners = new Set<Listener>();

  private constructor(kind: PublishedKind) {
    this.kind = kind;
  }

  static start({ namespaces, kind, ...parts }: ObjectsParts): Objects {
    const objects = new Objects(kind);
    for (const namespace of namespaces ?? [undefined]) {
      const reflector = Reflector.start({
        ...parts,
        selection: { resource: kind.resource, ...(namespace === undefined ? {} : { namespace }) },
        indexes: { [byNamespace]: (object) => [object.metadata.namespace ?? ""] },
        resyncMs,
        told: (change, origin) => {
          for (const listener of objects.#listeners) listener(change, origin);
        },
      });
      objects.#reflectors.set(namespace ?? "", reflector);
    }
    return objects;
  }

  /** Until it is disposed of, every change is told. */
  listen(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  hasSynced(): boolean {
    return [...this.#reflectors.values()].every((reflector) => reflector.hasSynced());
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.synced(signal)));
  }

  /** Why what is known may be old; undefined: watches keep it up. */
  problem(): string | undefined {
    for (const reflector of this.#reflectors.values()) {
      const problem = reflector.problem();
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  all(): KubeObject[] {
    return [...this.#reflectors.values()].flatMap(({ store }) => [...store.all()]);
  }

  get(key: ObjectKey): KubeObject | undefined {
    const { namespace = "" } = nameOfKey(key);
    const reflector = this.#reflectors.get(namespace) ?? this.#reflectors.get("");
    return reflector?.store.get(key);
  }

  namespaces(): Set<string> {
    return new Set(this.all().map(({ metadata }) => metadata.namespace ?? ""));
  }

  of(namespace: string): readonly KubeObject[] {
    const reflector = this.#reflectors.get(namespace) ?? this.#reflectors.get("");
    return reflector?.store.indexed(byNamespace, namespace) ?? [];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
