/** Streams that one joins: what becomes of a grant, and who holds a lock. */
import { list, object, text } from "../fields.ts";
import { grantEvents, problemEvent } from "./events.ts";
import { anyGrant, grantId, name, pool } from "./locks.ts";
import { heldBy, lostShown } from "./looking.ts";
import type { InputOf, Operation } from "./operation.ts";

const lock = text({ about: "Pool and name: orders/42.", form: "plain", bytesMax: 1_024 });
const holdersOf = (title: string, about: string, itemsMin: number) =>
  object({
    title,
    about,
    fields: {
      lock,
      holders: list({
        about: "Of a Mutex one; else all that hold the lock, in order.",
        items: heldBy,
        itemsMin,
        itemsMax: 100_000,
      }),
      lost: lostShown,
    },
  });

export const watchGrant = {
  id: "watchGrant",
  method: "GET",
  path: "/v1/grants/{grantId}/events",
  about:
    "Tells what becomes of a grant, as a stream, beginning with the grant as it is. To close it ends nothing, whatever the grant lives by.",
  pathFields: { grantId },
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: {
    200: {
      about: "A stream of events.",
      events: {
        granted: { about: "The grant as it is. The first.", body: anyGrant },
        ...grantEvents,
        ...problemEvent,
      },
    },
  },
  problems: ["grant_not_found", "grant_lost", "backend_unreachable"],
} as const satisfies Operation;

export const watchLock = {
  id: "watchLock",
  method: "GET",
  path: "/v1/locks/{pool}/{name}/events",
  about:
    "Tells who holds a lock, as a stream: first as it is, then each change. That is what followers of a leader need.",
  pathFields: { pool, name },
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: {
    200: {
      about: "A stream of events.",
      events: {
        holder: {
          about: "Who holds the lock now.",
          body: holdersOf("Holders", "Those who hold a lock.", 1),
        },
        vacant: {
          about:
            "Nobody holds the lock. It may be kept all the same: for one that was lost (`lost`), by a set that waits for other locks, or by a pod that used it last; a GET of the lock tells.",
          body: object({
            title: "Vacant",
            about: "A lock that nobody holds.",
            fields: { lock, lost: lostShown },
          }),
        },
        unseen: {
          about:
            "Etcd does not answer: what was told last may be over. `holder` or `vacant` follows when it does.",
          body: object({
            title: "Unseen",
            about: "A lock of which nothing is known now.",
            fields: { lock },
          }),
        },
        ...problemEvent,
      },
    },
  },
  problems: ["pool_not_found", "sidecar_too_old"],
} as const satisfies Operation;

export type WatchGrantInput = InputOf<typeof watchGrant>;
export type WatchLockInput = InputOf<typeof watchLock>;
