/** What an event stream of a wait and of a grant tells, event by event. */
import { choice, duration, integer, object, text, timestamp } from "../fields.ts";
import type { StreamEvents } from "./operation.ts";
import { problemSchema } from "./problem-body.ts";

const countMax = Number.MAX_SAFE_INTEGER;
const lock = text({ about: "Pool and name: orders/42.", form: "plain", bytesMax: 1_024 });
const grantId = text({ about: "The grant.", form: "plain", bytesMax: 128 });
const by = text({ about: "The pod that asks for it.", form: "plain", bytesMax: 256 });
const deadline = timestamp({
  about:
    "That moment by the sidecar's wall clock: an event may be read late, and this stays what it is.",
});
const inFrom = (what: string) =>
  duration({ about: `${what}, counted from when it was said.`, min: "0s", max: "8760h" });

/** Why a grant is over, as `lost` and a problem `grant_lost` say it. */
const reasons = {
  expired: "its ttl ended without a renewal",
  maxHold: "it was held for as long as the pool allows",
  revoked: "somebody asked for the lock, and the grace was over",
  broken: "somebody took the lock by force, whatever was guaranteed",
  slow: "nobody read the stream that it lived by",
  sessionLost: "the sidecar's session with etcd ended",
  drained: "the sidecar shuts down",
  undelivered: "its answer could not be delivered, so it was given back",
};

/** The last event where something else than the subject of the stream ends it. */
export const problemEvent = {
  problem: {
    about:
      "The stream ends, and why: the wait is over, the sidecar shuts down, or it was not read.",
    body: problemSchema,
  },
} as const satisfies StreamEvents;

export const waitEvents = {
  waiting: {
    about: "Where the caller stands; again when that has changed, at most once a second.",
    body: object({
      title: "Waiting",
      about: "A place in a lock's queue.",
      fields: {
        lock,
        place: integer({
          about:
            "1: the next to be served. As last seen: callers behind another sidecar may be told late.",
          min: 1,
          max: countMax,
        }),
      },
    }),
  },
} as const satisfies StreamEvents;

export const grantEvents = {
  jeopardy: {
    about:
      "The sidecar does not hear from etcd. The grant ends at the deadline, unless `recovered` comes before.",
    body: object({
      title: "Jeopardy",
      about: "A grant that is about to end.",
      fields: { grantId, deadlineIn: inFrom("How long the grant lasts at most"), deadline },
    }),
  },
  recovered: {
    about: "Etcd was heard again: the jeopardy is over.",
    body: object({
      title: "Recovered",
      about: "A grant that was in jeopardy.",
      fields: { grantId },
    }),
  },
  revokeRequested: {
    about:
      "Somebody asks for the lock. Release it: at the deadline the grant ends with `lost`, whatever renews it.",
    body: object({
      title: "RevokeRequested",
      about: "A grant that somebody asks for.",
      fields: { grantId, by, grace: inFrom("How long the grant lasts at most"), deadline },
    }),
  },
  lost: {
    about:
      "The grant is over, and nobody else was granted the lock before this was said. The last.",
    body: object({
      title: "Lost",
      about: "A grant that is over, and was not released.",
      fields: {
        grantId,
        reason: choice({ about: "Why.", values: reasons }),
        since: timestamp({ about: "When." }),
        guaranteedFor: inFrom("For how long nobody else is granted the lock"),
      },
    }),
  },
  released: {
    about: "The lock was given back. The last.",
    body: object({
      title: "GaveBack",
      about: "A grant that was released.",
      fields: { grantId, since: timestamp({ about: "When." }) },
    }),
  },
} as const satisfies StreamEvents;
