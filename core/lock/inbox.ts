/**
 * A session's inbox: one watch for all that others have to say to it. A note that was read is deleted. Notes that a watch
 * cannot tell any more cost fairness until their senders look again, and a request to release until it is made again.
 */
import type { Runtime } from "../runtime.ts";
import type { Store } from "../store.ts";
import { aboutOf } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import { deleteNote } from "./notes.ts";

export interface InboxParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly session: Session;
  /** Told of each note: what it is about. */
  readonly noted: (about: string) => void;
}

/** Until the session ends. One whose inbox cannot be read is ended. */
export async function readInbox(parts: InboxParts, signal: AbortSignal): Promise<void> {
  try {
    await followInbox(parts, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    parts.runtime.log.warn("the inbox cannot be read", { error });
    parts.session.end("its inbox cannot be read");
  }
}

async function followInbox(
  { store, session, noted }: InboxParts,
  signal: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([signal, session.ended]);
  let from = session.epoch;
  while (!either.aborted) {
    for await (const changes of store.watch(session.inbox, from, either)) {
      if (changes.kind === "gap") from = (changes.compacted + 1n) as typeof from;
      else if (changes.kind === "changes") {
        const notes = changes.events.flatMap((event) => (event.kind === "put" ? [event.now] : []));
        for (const { key } of notes) {
          const about = aboutOf(key, session.inbox);
          if (about !== undefined) noted(about);
        }
        await Promise.all(notes.map((note) => deleteNote(store, note)));
      }
    }
  }
  signal.throwIfAborted();
}
