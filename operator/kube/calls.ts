/** Single objects, read and written whole. Every write of what exists names the version, or the uid, that it is meant for. */
import type { Api, ApiRequest, Method } from "./api.ts";
import { done, isRefused, refused, unknown, type KubeOutcome } from "./errors.ts";
import {
  collectionPath,
  objectPath,
  readObject,
  type KubeObject,
  type ObjectName,
  type Resource,
} from "./objects.ts";

export interface Call {
  readonly api: Api;
  readonly resource: Resource;
  readonly signal: AbortSignal;
  /** See {@link ApiRequest}. */
  readonly deadlineMs?: number;
}

/** An object as it is sent: the server fills in the rest. */
export interface SentObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export function get(call: Call, name: ObjectName): Promise<KubeOutcome<KubeObject>> {
  return objectCall(call, "GET", { path: objectPath(call.resource, name) });
}

/** Refused with `alreadyExists` where the name is taken: by us, where an answer was lost. */
export function create(call: Call, object: SentObject): Promise<KubeOutcome<KubeObject>> {
  const path = collectionPath(call.resource, object.metadata.namespace);
  return objectCall(call, "POST", { path, body: object });
}

/** Writes the whole object over the version in it; refused with `conflict` where another stands there by now. */
export function replace(call: Call, object: KubeObject): Promise<KubeOutcome<KubeObject>> {
  const path = objectPath(call.resource, object.metadata);
  return objectCall(call, "PUT", { path, body: object });
}

/**
 * Deletes the object that has this uid. `gone`: it is not there, or another has its name by now. Its dependents are
 * deleted in the background. Once more does no harm, so a lost answer is asked for again.
 */
export async function remove(
  call: Call,
  { metadata }: KubeObject,
): Promise<KubeOutcome<"removed" | "gone">> {
  const { api, resource, signal } = call;
  const answer = await api.request(
    {
      method: "DELETE",
      path: objectPath(resource, metadata),
      body: {
        apiVersion: "v1",
        kind: "DeleteOptions",
        preconditions: { uid: metadata.uid },
        propagationPolicy: "Background",
      },
      repeatable: true,
      ...deadlineOf(call),
    },
    signal,
  );
  if (answer.kind === "done") return done("removed");
  const gone = isRefused(answer, "notFound") || isRefused(answer, "conflict");
  return gone ? done("gone") : answer;
}

/** One request whose answer is the object. */
export async function objectCall(
  call: Call,
  method: Method,
  request: Omit<ApiRequest, "method">,
): Promise<KubeOutcome<KubeObject>> {
  const { api, resource, signal } = call;
  if (resource.namespaced && !request.path.includes("/namespaces/"))
    return refused("notSent", `an object of ${resource.kind} is in a namespace; none is named`);
  const answer = await api.request({ method, ...deadlineOf(call), ...request }, signal);
  if (answer.kind !== "done") return answer;
  const object = readObject(answer.value, resource);
  return object === undefined
    ? unknown({ code: "failed", status: 200, message: "the answer is no object of the resource" })
    : done(object);
}

function deadlineOf({ deadlineMs }: Call): { deadlineMs?: number } {
  return deadlineMs === undefined ? {} : { deadlineMs };
}
