/**
 * Server-side apply: a controller says which fields it wants, under its one field manager; the server keeps what others
 * own, and takes away what the controller no longer says.
 *
 * An apply may be sent twice, also by a process that leads no more: it says what ought to be, and the next leader says it
 * again. A status is a judgement of one version of an object, so it names that version: after an edit, or on an object
 * made anew under the same name, it is refused, and the object is judged again. (A uid alone would not do: measured, the
 * server takes the status of an object that has another one.)
 */
import { objectCall, type Call } from "./calls.ts";
import type { KubeOutcome } from "./errors.ts";
import { apiVersionOf, objectPath, type KubeObject, type ObjectName } from "./objects.ts";

/** JSON is YAML, and all servers know this name. */
const applyPatch = "application/apply-patch+yaml";

/** What is wanted: the fields that the controller owns, and no others. */
export interface Applied {
  readonly object: ObjectName;
  /**
   * Only of this very object, else refused: `invalid` where another has its name, `conflict` where none has. Absent: of
   * whichever has the name, and it is made where there is none.
   */
  readonly uid?: string;
  /** Only over this version, else refused with `conflict`. Absent: over any. */
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly object[];
  /** `spec`, `data` and what else stands beside the metadata. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** `fieldManager`: one for each controller, and the same for ever: fields of a former name would be nobody's to remove. */
export function apply(
  call: Call,
  fieldManager: string,
  applied: Applied,
): Promise<KubeOutcome<KubeObject>> {
  const { object, uid, resourceVersion, labels, annotations, ownerReferences, fields } = applied;
  const metadata = {
    ...object,
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(ownerReferences !== undefined && { ownerReferences }),
  };
  return objectCall(call, "PATCH", {
    ...patchOf(call, object, fieldManager),
    body: bodyOf(call, metadata, fields),
  });
}

export interface AppliedStatus {
  /** As it was read and judged. */
  readonly of: KubeObject;
  readonly status: Readonly<Record<string, unknown>>;
}

/**
 * Refused with `conflict` where the object is another version by now, with `notFound` where it is gone. Where the answer
 * is lost it is `unknown`: sent again, it would be refused for its own first success.
 */
export function applyStatus(
  call: Call,
  fieldManager: string,
  { of, status }: AppliedStatus,
): Promise<KubeOutcome<KubeObject>> {
  const { name, namespace, resourceVersion } = of.metadata;
  const object = { name, ...(namespace !== undefined && { namespace }) };
  return objectCall(call, "PATCH", {
    ...patchOf(call, object, fieldManager),
    path: objectPath(call.resource, object, "status"),
    repeatable: false,
    body: bodyOf(call, { ...object, resourceVersion }, { status }),
  });
}

function patchOf(call: Call, object: ObjectName, fieldManager: string) {
  return {
    path: objectPath(call.resource, object),
    // What we apply is ours: a person who edited such a field is overruled, as by every controller.
    query: { fieldManager, force: "true" },
    contentType: applyPatch,
    repeatable: true,
  };
}

function bodyOf({ resource }: Call, metadata: object, fields: Readonly<Record<string, unknown>>) {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...fields };
}
