/** Taking a lock from its holder. */
import { boolean, choice, duration, list, object, text, type ValueOf } from "../fields.ts";
import { name, pool } from "./locks.ts";
import { heldBy } from "./looking.ts";
import type { InputOf, Operation } from "./operation.ts";

const forced = object({
  title: "ForceReleased",
  about: "What became of a forced release.",
  fields: {
    lock: text({ about: "Pool and name: orders/42.", form: "plain", bytesMax: 1_024 }),
    outcome: choice({
      about: "What happened.",
      values: {
        vacant:
          "nobody held the lock, or nobody under that fence. A set that waits for other locks, and only reserves this one, is no holder",
        requested:
          "the holder's sidecar was asked; when the grace is over the grant ends, and the lock is free when what was stated for it has run out. A sidecar that does not answer keeps it until its session ends",
        released: "the lock is free of that holder",
        broken: "its place was deleted: from now on only the fence protects what it guarded",
      },
    }),
    holders: list({
      about:
        "Who held the lock. Empty with `broken`: a set had reserved it, and was not known to be granted it.",
      items: heldBy,
      itemsMax: 100_000,
    }),
    warning: text({
      about: "With `broken`: what protects now.",
      optional: true,
      form: "prose",
    }),
  },
});

export const forceRelease = {
  id: "forceRelease",
  method: "POST",
  path: "/v1/locks/{pool}/{name}/force-release",
  about:
    "Takes a lock from its holder: asks for it, and ends the grant after a grace. For pods that the pool's `admin` lets.",
  pathFields: { pool, name },
  fieldsIn: "body",
  fields: {
    grace: duration({
      about: "How long the holder has to release the lock by itself.",
      default: "0s",
      min: "0s",
      max: "24h",
    }),
    fence: text({
      about: "Only the holder with this fence. Absent: whoever holds the lock.",
      optional: true,
      form: "decimal",
    }),
    wait: duration({
      about: "How long to wait for the lock to be free of that holder, before this is answered.",
      default: "0s",
      min: "0s",
      max: "10m",
    }),
    breakGuarantee: boolean({
      about:
        "Deletes the holder's place, or the one by which a set reserves the lock, at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the fence protects. For a sidecar that does not answer, where the end of its session cannot be waited for.",
      default: false,
    }),
  },
  rules: [
    {
      field: "grace",
      holds: (input) => input["breakGuarantee"] !== true || input["graceMs"] === 0,
      reason: "is for a holder that is asked, and breakGuarantee asks nobody",
      fix: "leave one of them out",
    },
  ],
  replies: { 200: { about: "What happened.", body: forced } },
  problems: [
    "pool_not_found",
    "not_admin",
    "session_lost",
    "backend_unreachable",
    "backend_refused",
    "backend_full",
    "outcome_unknown",
    "sidecar_too_old",
  ],
} as const satisfies Operation;

export type ForceReleaseInput = InputOf<typeof forceRelease>;
export type ForceReleased = ValueOf<typeof forced>;
