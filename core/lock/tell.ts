/** What others are told of a lock that this process waits for or holds: in the contender's value, and in a 423. */
import type { Instant, Runtime } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import type { Callers } from "./callers.ts";
import type { Contender, ContenderValue } from "./contender.ts";
import { fenceOf } from "./fence.ts";
import type { Grant } from "./grant.ts";
import type { Demand } from "./order.ts";
import type { HolderView } from "./views.ts";

export interface Told {
  readonly runtime: Runtime;
  readonly pod: string;
  readonly session: Session;
  readonly callers: Callers;
  readonly demand: Demand;
  /** The grants that stand; none: the place still waits. */
  readonly grants: readonly Grant[];
  readonly base: bigint;
  readonly handovers: number;
  readonly isOwn: boolean;
  /** It holds the lock, and nobody uses it. */
  readonly idle?: boolean;
  /** The place is only being taken now. */
  readonly isNew: boolean;
}

export function contenderValue(told: Told): ContenderValue {
  const { runtime, pod, session, callers, demand, grants, base, handovers, isOwn, isNew } = told;
  const [grant] = grants;
  const request = grant?.terms.request ?? callers.first?.request;
  return {
    session: session.id,
    pod,
    mode: demand.mode,
    permits: demand.permits,
    since: grant?.acquiredAt ?? callers.first?.since ?? runtime.wallNow(),
    holder: request?.holder ?? pod,
    metadata: request?.metadata ?? {},
    requestId: request?.requestId,
    owner: request?.owner,
    base,
    handovers: grant?.terms.handovers ?? handovers,
    isOwn,
    joined: grants.map(({ terms }) => terms.handovers),
    localWaiters: Math.max(0, callers.size - (grant === undefined ? 1 : 0)),
    idle: told.idle === true,
    trying: isNew && callers.onlyTry,
  };
}

/** What is told of one that may still wait. */
export function shown(contender: Contender): HolderView {
  const { holder, pod, mode, permits, since, metadata, localWaiters } = contender;
  return { holder, pod, mode, permits, since, metadata, localWaiters };
}

/** `until`: it was lost, and keeps its place for so long (marks.ts). */
export function holderOf(contender: Contender & { readonly until?: Instant }): HolderView {
  const { createRevision, joined, until } = contender;
  const lost = until === undefined ? {} : { isLost: true };
  return {
    ...shown(contender),
    ...lost,
    ...(joined.length > 1 ? { localHolders: joined.length } : {}),
    fence: fenceOf(contender, createRevision).toString(),
  };
}

export function localHolder(grant: Grant, pod: string, localWaiters: number): HolderView {
  const { holder, fence, request } = grant.terms;
  return {
    holder,
    pod,
    mode: request.mode,
    permits: request.permits,
    since: grant.acquiredAt,
    fence: fence.toString(),
    metadata: request.metadata ?? {},
    localWaiters,
  };
}
