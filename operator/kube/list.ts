/**
 * All objects of a selection, read page by page, as they were at one resource version.
 *
 * No resource version is asked for: the server answers with what is true now (from its cache, where that is known to be
 * fresh), so a list never goes back in time, whichever of several API servers answers. A page whose token has expired
 * (the rest of the list at that version is gone) begins the list anew; when that happens again, it is read in one piece.
 */
import { textOf } from "#core/json.ts";
import type { Api } from "./api.ts";
import { done, isRefused, recordOf, refused, unknown, type KubeOutcome } from "./errors.ts";
import { readObject, type KubeObject } from "./objects.ts";
import { selectionRequest, type Selection } from "./selection.ts";

const pageObjects = 500;
/** A list that is paged anew so often is then read in one piece. */
const startsMax = 2;
/** Far above what an operator can serve; it bounds memory where a selector is wrong. */
export const objectsMax = 250_000;

export interface Listed {
  readonly objects: readonly KubeObject[];
  readonly resourceVersion: string;
}

export interface ListParts {
  readonly api: Api;
  readonly selection: Selection;
  /** What of each object is kept. */
  readonly transform: (object: KubeObject) => KubeObject;
}

/** Throws the signal's reason when that aborts. */
export async function list(parts: ListParts, signal: AbortSignal): Promise<KubeOutcome<Listed>> {
  for (let start = 1; ; start++) {
    const paged = start <= startsMax;
    const listed = await listOnce(parts, paged, signal);
    if (!paged || !isRefused(listed, "expired")) return listed;
  }
}

async function listOnce(
  parts: ListParts,
  paged: boolean,
  signal: AbortSignal,
): Promise<KubeOutcome<Listed>> {
  const objects: KubeObject[] = [];
  let token: string | undefined;
  for (;;) {
    const page = await readPage(parts, paged ? { limit: pageObjects, token } : {}, signal);
    if (page.kind !== "done") return page;
    for (const object of page.value.objects) objects.push(object);
    if (objects.length > objectsMax)
      return refused("tooLarge", `there are more than ${objectsMax} objects`);
    token = page.value.token;
    if (token === undefined) return done({ objects, resourceVersion: page.value.resourceVersion });
  }
}

interface Page extends Listed {
  /** Of the next page; undefined: this was the last. */
  readonly token: string | undefined;
}

async function readPage(
  { api, selection, transform }: ListParts,
  { limit, token }: { readonly limit?: number; readonly token?: string | undefined },
  signal: AbortSignal,
): Promise<KubeOutcome<Page>> {
  const query = { limit: limit?.toString(), continue: token };
  const answer = await api.request(selectionRequest(selection, query), signal);
  if (answer.kind !== "done") return answer;
  const body = recordOf(answer.value);
  const metadata = recordOf(body["metadata"]);
  const resourceVersion = textOf(metadata["resourceVersion"]) ?? "";
  const items: unknown = body["items"] ?? [];
  if (!Array.isArray(items) || resourceVersion === "") return unreadable("the answer is no list");
  const objects: KubeObject[] = [];
  for (const item of items) {
    const object = readObject(item, selection.resource);
    if (object === undefined) return unreadable("the list has an item without name or version");
    objects.push(transform(object));
  }
  const next = textOf(metadata["continue"]) ?? "";
  return done({ objects, resourceVersion, token: next === "" ? undefined : next });
}

function unreadable(message: string) {
  return unknown({ code: "failed", status: 200, message });
}
