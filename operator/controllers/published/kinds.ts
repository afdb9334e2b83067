/** The kinds that are published to etcd's spec tree as they are written: all that their one controller knows of each. */
import { group, version } from "#api/names.ts";
import { distributedLock, parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";
import type { ResourceKind, SpecRead } from "#api/resources/kind.ts";
import { poolRange } from "#core/lock/keys.ts";
import type { Resource } from "../../kube/objects.ts";

export interface PublishedKind {
  readonly resource: Resource;
  /** The least protocol level that may serve what is published. */
  readonly level: number;
  readonly read: (spec: unknown, path: string) => SpecRead<unknown>;
  /** Of a spec: what can never change while anything in {@link inUse} stands. */
  readonly fixed: (spec: unknown) => string;
  /** Keys that stand while the resource is used, and go when they are let go. */
  readonly inUse: (of: { readonly namespace: string; readonly name: string }) => {
    readonly key: string;
    readonly end: string;
  };
}

export const publishedKinds: readonly PublishedKind[] = [
  {
    resource: resourceOf(distributedLock),
    level: 1,
    read: parseDistributedLockSpec,
    fixed: (spec) => fieldText(spec, "mode"),
    inUse: ({ namespace, name }) => poolRange(namespace, name),
  },
];

function resourceOf({ kind, plural }: Pick<ResourceKind, "kind" | "plural">): Resource {
  return { group, version, kind, plural, namespaced: true };
}

function fieldText(spec: unknown, field: string): string {
  const fields = typeof spec === "object" && spec !== null ? { ...spec } : {};
  return JSON.stringify((fields as Readonly<Record<string, unknown>>)[field]) ?? "";
}
