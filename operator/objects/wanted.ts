/**
 * Objects as they ought to be, and whether one that stands is so. Each is applied with a mark of what was said: so what a
 * newer operator says no more is taken away, and what stands as it ought to is never written.
 */
import { createHash } from "node:crypto";
import { group } from "#api/names.ts";
import { canonicalJson, objectOf } from "#core/json.ts";
import type { Applied } from "../kube/apply.ts";
import { recordOf } from "../kube/errors.ts";
import type { KubeObject, Resource } from "../kube/objects.ts";

export interface Wanted {
  readonly resource: Resource;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `spec`, `data` and what else stands beside the metadata: all that we say of it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const markAnnotation = `${group}/applied`;
const markChars = 32;

/** A short text that is another one for another value. */
export function markOf(value: object): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, markChars);
}

export function appliedOf(wanted: Wanted, namespace: string): Applied {
  const { name, labels, fields } = wanted;
  return {
    object: { namespace, name },
    labels,
    annotations: { [markAnnotation]: markOf({ labels, fields }) },
    fields,
  };
}

/** Whether nothing is to be written. What others added, and what the server filled in, is theirs. */
export function stands(object: KubeObject, { labels, fields }: Wanted): boolean {
  const { annotations = {}, labels: there = {} } = object.metadata;
  return (
    annotations[markAnnotation] === markOf({ labels, fields }) &&
    covers(there, labels) &&
    covers(object, fields)
  );
}

/** Whether all that is in `said` is in `there`; items that have names may stand beside others. */
function covers(there: unknown, said: unknown): boolean {
  if (Array.isArray(said)) return Array.isArray(there) && coversList(there, said);
  const fields = objectOf(said);
  if (fields === undefined) return there === said;
  const found = recordOf(there);
  return (
    objectOf(there) !== undefined &&
    Object.entries(fields).every(([name, value]) => covers(found[name], value))
  );
}

function coversList(there: readonly unknown[], said: readonly unknown[]): boolean {
  const nameOf = (item: unknown): unknown => recordOf(item)["name"];
  const named = said.length > 0 && said.every((item) => nameOf(item) !== undefined);
  if (!named)
    return there.length === said.length && said.every((item, at) => covers(there[at], item));
  return said.every((item) =>
    covers(
      there.find((one) => nameOf(one) === nameOf(item)),
      item,
    ),
  );
}
