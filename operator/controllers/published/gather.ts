/** All that is known about one name, in one piece: what Kubernetes has, what etcd has, what the sidecars say. */
import type { SidecarReport } from "#core/spec/report.ts";
import type { BackendView } from "../../conditions/backend-reachable.ts";
import type { StoredCondition } from "../../conditions/condition.ts";
import type { Api } from "../../kube/api.ts";
import { get } from "../../kube/calls.ts";
import { isRefused, valueOf } from "../../kube/errors.ts";
import {
  isNewer,
  nameOfKey,
  namespaceResource,
  type KubeObject,
  type ObjectKey,
} from "../../kube/objects.ts";
import type { SpecRecords } from "../../spec-tree/records.ts";
import type { Gathered } from "./decide.ts";
import type { Memory } from "./memory.ts";
import type { Objects } from "./objects.ts";

export interface Sources {
  readonly api: Api;
  readonly objects: Objects;
  readonly records: Pick<SpecRecords, "get">;
  readonly backend: () => BackendView;
  readonly reports: (namespace: string) => readonly SidecarReport[] | "unknown";
  readonly conditionsOf: (object: KubeObject) => readonly StoredCondition[];
  readonly memory: Memory;
}

/** What the API server said when it was asked; undefined: it was not. */
export type Asked = { readonly object: KubeObject | undefined } | undefined;

export function gather(sources: Sources, key: ObjectKey, asked?: Asked): Gathered {
  const { objects, records, backend, reports, conditionsOf, memory } = sources;
  const { namespace = "", name } = nameOfKey(key);
  const { kind } = objects;
  const object = asked === undefined ? objects.get(key) : later(asked.object, objects.get(key));
  const record = records.get({ namespace, kind: kind.resource.kind, name });
  return {
    kind,
    name: { namespace, name },
    object,
    confirmed: asked !== undefined,
    conditions: object === undefined ? [] : conditionsOf(object),
    record,
    backend: backend(),
    reports: reports(namespace),
    memory: memory.of(key, record),
  };
}

/** Throws where it does not say. */
export async function ask(sources: Sources, key: ObjectKey, signal: AbortSignal): Promise<Asked> {
  const { api, objects } = sources;
  const name = nameOfKey(key);
  const found = await get({ api, resource: objects.kind.resource, signal }, name);
  if (isRefused(found, "notFound")) return { object: undefined };
  // With a namespace its roles go, and among them the one that let us ask.
  if (isRefused(found, "forbidden")) {
    const namespace = { name: name.namespace ?? "" };
    const there = await get({ api, resource: namespaceResource, signal }, namespace);
    if (isRefused(there, "notFound")) return { object: undefined };
  }
  return { object: valueOf(`reading ${key}`, found) };
}

/** A watch may have told of something newer than the answer by now. */
function later(asked: KubeObject | undefined, told: KubeObject | undefined) {
  if (asked === undefined || told === undefined) return asked;
  const isTold = isNewer(told.metadata.resourceVersion, asked.metadata.resourceVersion) === true;
  return isTold ? told : asked;
}
