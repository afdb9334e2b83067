/**
 * Server-side apply: a controller says which fields it wants, under its one field manager; the server keeps what others
 * own, and takes away what the controller no longer says.
 *
 * An apply may be sent twice, also by a process that leads no more: it says what ought to be, and the next leader says it
 * again. Where `uid` is given, an object that was made anew under the same name is not touched (`conflict`).
 */
import { objectCall, type Call } from "./calls.ts";
import type { KubeOutcome } from "./errors.ts";
import { apiVersionOf, objectPath, type KubeObject, type ObjectName } from "./objects.ts";

/** JSON is YAML, and all servers know this name. */
const applyPatch = "application/apply-patch+yaml";

/** What is wanted: the fields that the controller owns, and no others. */
export interface Applied {
  readonly object: ObjectName;
  /** Only of this very object; absent: of whichever has the name, which is made where there is none. */
  readonly uid?: string;
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
  return patch(call, applied, { fieldManager });
}

/** Only `status` of the fields counts. The object must exist; refused with `notFound` else. */
export function applyStatus(
  call: Call,
  fieldManager: string,
  applied: Applied & { readonly uid: string },
): Promise<KubeOutcome<KubeObject>> {
  return patch(call, applied, { fieldManager, subresource: "status" });
}

function patch(
  call: Call,
  applied: Applied,
  { fieldManager, subresource }: { fieldManager: string; subresource?: string },
): Promise<KubeOutcome<KubeObject>> {
  const { object, uid, labels, annotations, ownerReferences, fields } = applied;
  const metadata = {
    ...object,
    ...(uid !== undefined && { uid }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(ownerReferences !== undefined && { ownerReferences }),
  };
  return objectCall(call, "PATCH", {
    path: objectPath(call.resource, object, subresource),
    // What we apply is ours: a person who edited such a field is overruled, as by every controller.
    query: { fieldManager, force: "true" },
    contentType: applyPatch,
    repeatable: true,
    body: {
      apiVersion: apiVersionOf(call.resource),
      kind: call.resource.kind,
      metadata,
      ...fields,
    },
  });
}
