/** The objects of one resource as watches keep them: of all namespaces, or of some, each by a reflector of its own. */
import type { KubeObject, ObjectKey } from "./objects.ts";
import { Reflector, type Origin, type ReflectorParts } from "./reflector.ts";
import type { Selection } from "./selection.ts";
import type { Change } from "./store.ts";

export interface CollectionParts extends Omit<ReflectorParts, "selection" | "told" | "indexes"> {
  /** None of them selects what another does. */
  readonly selections: readonly Selection[];
}

export type Listener = (change: Change, origin: Origin) => void;

const byNamespace = "namespace";

export class Collection implements AsyncDisposable {
  readonly #reflectors: readonly Reflector[];
  readonly #listeners = new Set<Listener>();

  protected constructor({ selections, ...parts }: CollectionParts) {
    this.#reflectors = selections.map((selection) =>
      Reflector.start({
        ...parts,
        selection,
        indexes: { [byNamespace]: (object) => [object.metadata.namespace ?? ""] },
        told: (change, origin) => {
          for (const listener of this.#listeners) listener(change, origin);
        },
      }),
    );
  }

  static start(parts: CollectionParts): Collection {
    return new Collection(parts);
  }

  /** Until it is disposed of, every change is told. */
  listen(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  hasSynced(): boolean {
    return this.#reflectors.every((reflector) => reflector.hasSynced());
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.synced(signal)));
  }

  /** Why what is known may be old; undefined: watches keep it up. */
  problem(): string | undefined {
    for (const reflector of this.#reflectors) {
      const problem = reflector.problem();
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  get(key: ObjectKey): KubeObject | undefined {
    for (const { store } of this.#reflectors) {
      const found = store.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  all(): KubeObject[] {
    return this.#reflectors.flatMap(({ store }) => [...store.all()]);
  }

  of(namespace: string): readonly KubeObject[] {
    return this.#reflectors.flatMap(({ store }) => store.indexed(byNamespace, namespace));
  }

  /** Those that have any. */
  namespaces(): Set<string> {
    return new Set(this.all().map(({ metadata }) => metadata.namespace ?? ""));
  }

  async close(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
