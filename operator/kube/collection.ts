/** The objects of one resource as watches keep them: of all namespaces, or of some, each by a reflector of its own. */
import type { KubeObject, ObjectKey, Resource } from "./objects.ts";
import { Reflector, type Origin, type ReflectorParts } from "./reflector.ts";
import type { Selection } from "./selection.ts";
import type { Change } from "./store.ts";

/**
 * A namespace that is followed by its name may not be there, or no more. Then nobody can have granted anything in it, and
 * all is forbidden: that must not keep the others from being served. So `mayBeForbidden`: what is forbidden counts as
 * empty until it is not. What is concluded from that has to be confirmed.
 */
export type Selected = Selection & { readonly mayBeForbidden?: true };

export interface CollectionParts extends Omit<
  ReflectorParts,
  "selection" | "told" | "indexes" | "forbiddenIsEmpty"
> {
  /** None of them selects what another does. */
  readonly selections: readonly Selected[];
}

/** `namespaces`: undefined: all. */
export function selectionsOf(
  resource: Resource,
  namespaces: readonly string[] | undefined,
): readonly Selected[] {
  if (namespaces === undefined) return [{ resource }];
  return namespaces.map((namespace) => ({ resource, namespace, mayBeForbidden: true }));
}

export type Listener = (change: Change, origin: Origin) => void;

const byNamespace = "namespace";

export class Collection implements AsyncDisposable {
  readonly #reflectors: readonly Reflector[];
  readonly #listeners = new Set<Listener>();

  protected constructor({ selections, ...parts }: CollectionParts) {
    this.#reflectors = selections.map(({ mayBeForbidden = false, ...selection }) =>
      Reflector.start({
        ...parts,
        selection,
        forbiddenIsEmpty: mayBeForbidden,
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
