/** Several locks at once: what an application asks. It is answered with one grant of them all (locks.ts). */
import { list, object, text } from "../fields.ts";
import { grantEvents, problemEvent } from "./events.ts";
import { acquireLock, locksMax, pool, setGrant } from "./locks.ts";
import type { InputOf, Operation } from "./operation.ts";

export const acquireLockSet = {
  id: "acquireLockSet",
  method: "POST",
  path: "/v1/lock-sets/acquire",
  about:
    "Takes several locks, all or none, also of several pools, waiting for them at most so long. Whatever order callers name them in, sets never wait for each other in a circle.",
  pathFields: {},
  fieldsIn: "body",
  fields: {
    locks: list({
      about: "The locks, each once.",
      itemsMin: 1,
      itemsMax: locksMax,
      tooMany: { code: "too_many_locks", limit: "locksPerRequest" },
      items: object({
        about: "One lock, and how to hold it.",
        fields: {
          pool,
          name: text({
            about: "The lock: any UTF-8 of 1 to 512 bytes without control characters.",
            form: "lockName",
          }),
          mode: acquireLock.fields.mode,
          permits: acquireLock.fields.permits,
        },
      }),
    }),
    wait: acquireLock.fields.wait,
    ttl: acquireLock.fields.ttl,
    hold: acquireLock.fields.hold,
    requestId: acquireLock.fields.requestId,
    holder: acquireLock.fields.holder,
    owner: acquireLock.fields.owner,
    metadata: acquireLock.fields.metadata,
  },
  rules: acquireLock.rules,
  replies: {
    200: {
      about: "All the locks are held by the caller.",
      body: setGrant,
      text: acquireLock.replies[200].text,
      events: {
        granted: { about: "All the locks are held by the caller.", body: setGrant },
        ...grantEvents,
        ...problemEvent,
      },
    },
  },
  problems: [...acquireLock.problems, "too_many_locks"],
} as const satisfies Operation;

export type AcquireSetInput = InputOf<typeof acquireLockSet>;
