/** All operations of this version, under their ids. */
import { listDeadlocks } from "./deadlocks.ts";
import { forceRelease } from "./forcing.ts";
import { acquireLockSet } from "./lock-sets.ts";
import { acquireLock, getGrant, releaseGrant, releaseHolder, renewGrant } from "./locks.ts";
import { getLock, listLocks } from "./looking.ts";
import type { InputOf } from "./operation.ts";
import { getOpenapi, getSession, listResources } from "./status.ts";
import { watchGrant, watchLock } from "./watching.ts";

export const operations = {
  acquireLock,
  acquireLockSet,
  getGrant,
  renewGrant,
  releaseGrant,
  releaseHolder,
  watchGrant,
  getLock,
  listLocks,
  listDeadlocks,
  watchLock,
  forceRelease,
  listResources,
  getSession,
  getOpenapi,
} as const;

export type OperationId = keyof typeof operations;
/** What the handler of an operation is called with. */
export type Input<Id extends OperationId> = InputOf<(typeof operations)[Id]>;
