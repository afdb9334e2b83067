/**
 * One watch: what the server tells of a selection after a resource version, until it ends.
 *
 * The server is asked to end it after `timeoutMs`, and to send bookmarks (versions reached, without an object), so that
 * a watch that is made anew later begins where this one was and not where its last object was. A line that is no
 * event, an event that is no object: the stream cannot be trusted any more, and ends as `malformed`.
 */
import { textOf } from "#core/json.ts";
import type { Api, ByteStream } from "./api.ts";
import {
  done,
  outcomeOfStatusObject,
  recordOf,
  type KubeOutcome,
  type KubeRefused,
  type KubeUnknown,
} from "./errors.ts";
import { linesOf } from "./lines.ts";
import { readObject, type KubeObject } from "./objects.ts";
import { selectionRequest, type Selection } from "./selection.ts";

export type WatchEvent =
  | { readonly type: "added" | "modified" | "deleted"; readonly object: KubeObject }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  /** The server ends the watch; what is sent after it does not count. */
  | { readonly type: "error"; readonly outcome: KubeRefused | KubeUnknown }
  | { readonly type: "malformed"; readonly message: string };

export interface WatchParts {
  readonly api: Api;
  readonly selection: Selection;
  /** Events after this version. */
  readonly from: string;
  readonly timeoutMs: number;
}

/**
 * The events, to be read by the caller: who stops reading gives the connection up. They throw where it breaks, and the
 * signal's reason when that aborts, as this does.
 */
export async function watch(
  { api, selection, from, timeoutMs }: WatchParts,
  signal: AbortSignal,
): Promise<KubeOutcome<AsyncIterable<WatchEvent>>> {
  const request = selectionRequest(selection, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: from,
    timeoutSeconds: Math.ceil(timeoutMs / 1_000).toString(),
  });
  const opened = await api.stream(request, signal);
  if (opened.kind !== "done") return opened;
  return done(eventsOf(opened.value, selection));
}

async function* eventsOf(stream: ByteStream, selection: Selection): AsyncGenerator<WatchEvent> {
  for await (const line of linesOf(stream.chunks)) yield eventOf(line, selection);
}

const types = { ADDED: "added", MODIFIED: "modified", DELETED: "deleted" } as const;

function eventOf(line: string, { resource }: Selection): WatchEvent {
  const event = recordOf(parsed(line));
  const type = textOf(event["type"]) ?? "";
  if (type === "ERROR") return { type: "error", outcome: outcomeOfStatusObject(event["object"]) };
  if (type === "BOOKMARK") {
    const metadata = recordOf(recordOf(event["object"])["metadata"]);
    const resourceVersion = textOf(metadata["resourceVersion"]) ?? "";
    if (resourceVersion === "") return malformed("a bookmark without a version");
    return { type: "bookmark", resourceVersion };
  }
  if (!Object.hasOwn(types, type))
    return malformed(`a line that is no event: ${line.slice(0, 100)}`);
  const object = readObject(event["object"], resource);
  if (object === undefined) return malformed(`${type} of what has no name, uid or version`);
  return { type: types[type as keyof typeof types], object };
}

function malformed(message: string): WatchEvent {
  return { type: "malformed", message };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
