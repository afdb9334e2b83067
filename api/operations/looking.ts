/** Locks as whoever looks sees them: one, and a pool page by page. */
import { integer, list, object, text, timestamp, type ValueOf } from "../fields.ts";
import {
  countMax,
  fence,
  holder,
  lock,
  metadataShown,
  mode,
  name,
  permits,
  pod,
  pool,
} from "./locks.ts";
import type { Operation } from "./operation.ts";

export const heldBy = object({
  title: "Holder",
  about: "One that holds the lock.",
  fields: {
    holder,
    pod,
    mode,
    permits,
    since: timestamp({ about: "When it was granted." }),
    fence,
    metadata: metadataShown,
    localHolders: integer({
      about:
        "How many readers of its pod hold the lock together, of whom this is one, as last told. Absent: it alone. (The sidecar of that pod lists each.)",
      min: 2,
      max: countMax,
      optional: true,
    }),
    localWaiters: integer({
      about: "How many callers wait behind it in its own pod, as last told.",
      min: 0,
      max: countMax,
    }),
  },
});

const waitedForBy = object({
  title: "Waiter",
  about: "One that waits. Callers behind another sidecar stand behind one place.",
  fields: {
    holder,
    pod,
    mode,
    permits,
    since: timestamp({ about: "Since when it waits." }),
    metadata: metadataShown,
    localWaiters: integer({
      about: "How many more callers wait behind it in its own pod, as last told.",
      min: 0,
      max: countMax,
    }),
  },
});

const lostHolder = object({
  title: "LostHolder",
  about:
    "One that held the lock and was lost, whose place is kept for the pool's lockDelay: as it was written when that place was first granted on. Of callers of one pod who then passed the lock on among themselves it names the first.",
  fields: {
    ...heldBy.fields,
    until: timestamp({
      about:
        "Until when this sidecar grants the lock to nobody whom that one would have kept out. Each sidecar counts the delay from when it first saw the loss, so another may be a little earlier or later.",
    }),
  },
});

export const lostShown = list({
  about:
    "Holders that were lost, and for whose sake the next waits (spec.lockDelay). Absent: none, or the delay is over.",
  optional: true,
  items: lostHolder,
  itemsMax: 100_000,
});

const lockView = object({
  title: "Lock",
  about: "Who holds a lock and who waits for it, in order.",
  fields: {
    lock,
    holders: list({
      about:
        "Empty: nobody holds it. It is free unless `lost`, `reserved` or `idle` tells otherwise.",
      items: heldBy,
      itemsMax: 100_000,
    }),
    waiters: list({ about: "The next one first.", items: waitedForBy, itemsMax: 100_000 }),
    reserved: list({
      about:
        "Sets whose turn has come here, and who wait for other locks: nobody else can have this one meanwhile. Absent: none.",
      optional: true,
      items: waitedForBy,
      itemsMax: 100_000,
    }),
    idle: list({
      about:
        "Pods that keep the lock though nobody there uses it (spec.stickyFor): each gives it up when somebody asks. Absent: none does.",
      optional: true,
      items: waitedForBy,
      itemsMax: 100_000,
    }),
    lost: lostShown,
  },
});

const poolView = object({
  title: "LockPool",
  about:
    "The locks of a pool that are held or waited for, or kept for a holder that was lost, in the order of their names.",
  fields: {
    pool: text({ about: "The DistributedLock.", form: "subdomain" }),
    totals: object({
      title: "LockTotals",
      about: "Of the whole pool, whatever the prefix.",
      fields: {
        names: integer({
          about: "Locks that are in use, as this tells them.",
          min: 0,
          max: countMax,
        }),
        held: integer({
          about: "Grants that are held; of a Mutex, as many as locks.",
          min: 0,
          max: countMax,
        }),
        waiting: integer({ about: "Callers that wait.", min: 0, max: countMax }),
        oldestWaitSince: timestamp({ about: "Absent: nobody waits.", optional: true }),
      },
    }),
    locks: list({ about: "This page.", items: lockView, itemsMax: 1_000 }),
    continue: text({
      about: "Give it with the next request to read on. Absent: this was the last page.",
      optional: true,
      form: "plain",
      bytesMax: 2_048,
    }),
  },
});

export type LockView = ValueOf<typeof lockView>;
export type LockHolder = ValueOf<typeof heldBy>;
export type LostHolder = ValueOf<typeof lostHolder>;
export type PoolView = ValueOf<typeof poolView>;

export const getLock = {
  id: "getLock",
  method: "GET",
  path: "/v1/locks/{pool}/{name}",
  about:
    "Tells who holds a lock and who waits for it; and, while a lockDelay keeps it from them, who was lost and until when.",
  pathFields: { pool, name },
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 200: { about: "The lock as it stands; a free one has no holders.", body: lockView } },
  problems: ["pool_not_found", "backend_unreachable", "backend_refused", "sidecar_too_old"],
} as const satisfies Operation;

export const listLocks = {
  id: "listLocks",
  method: "GET",
  path: "/v1/locks/{pool}",
  about: "Tells which locks of a pool are held or waited for, page by page, and the pool's totals.",
  pathFields: { pool },
  fieldsIn: "query",
  fields: {
    prefix: text({
      about: "Only locks whose name starts so.",
      optional: true,
      form: "plain",
      bytesMax: 512,
    }),
    limit: integer({ about: "Locks a page.", default: 100, min: 1, max: 1_000 }),
    continue: text({
      about: "As the page before was answered with.",
      optional: true,
      form: "plain",
      bytesMin: 1,
      bytesMax: 2_048,
    }),
  },
  rules: [],
  replies: { 200: { about: "One page.", body: poolView } },
  problems: ["pool_not_found", "backend_unreachable", "backend_refused", "sidecar_too_old"],
} as const satisfies Operation;
