/** The resources of one kind in all namespaces that are served, as watches keep them. */
import { Collection, selectionsOf, type CollectionParts } from "../../kube/collection.ts";
import type { PublishedKind } from "./kinds.ts";

export interface ObjectsParts extends Omit<CollectionParts, "selections" | "resyncMs"> {
  readonly kind: PublishedKind;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
}

/** All are told again about so often: it mends what nobody thought of. */
const resyncMs = 600_000;

export class Objects extends Collection {
  readonly kind: PublishedKind;

  private constructor({ kind, namespaces, ...parts }: ObjectsParts) {
    const { resource } = kind;
    const selections = selectionsOf(resource, namespaces);
    super({ ...parts, selections, resyncMs });
    this.kind = kind;
  }

  /** The base's `start` takes any selections. */
  static follow(parts: ObjectsParts): Objects {
    return new Objects(parts);
  }
}
