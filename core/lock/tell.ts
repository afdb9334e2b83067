/** What others are told of a lock that this process waits for or holds: in the contender's value, and in a 423. */
import type { Runtime } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import type { Callers } from "./callers.ts";
import type { Contender, ContenderValue } from "./contender.ts";
import { fenceOf } from "./fence.ts";
import type { Grant } from "./grant.ts";
import type { HolderView } from "./views.ts";

export interface Told {
  readonly runtime: Runtime;
  readonly pod: string;
  readonly session: Session;
  readonly callers: Callers;
  /** The grant that stands; undefined: the place still waits. */
  readonly grant: Grant | undefined;
  readonly base: bigint;
  readonly handovers: number;
  /** The place is only being taken now. */
  readonly isNew: boolean;
}

export function contenderValue(told: Told): ContenderValue {
  const { runtime, pod, session, callers, grant, base, handovers, isNew } = told;
  const request = grant?.terms.request ?? callers.first?.request;
  return {
    session: session.id,
    pod,
    mode: "exclusive",
    permits: 1,
    since: grant?.acquiredAt ?? callers.first?.since ?? runtime.wallNow(),
    holder: request?.holder ?? pod,
    metadata: request?.metadata ?? {},
    requestId: request?.requestId,
    base,
    handovers,
    localWaiters: Math.max(0, callers.size - (grant === undefined ? 1 : 0)),
    trying: isNew && callers.onlyTry,
  };
}

export function holderOf(contender: Contender): HolderView {
  const { holder, pod, since, metadata, localWaiters, base, createRevision, handovers } = contender;
  const fence = fenceOf(base, createRevision, handovers).toString();
  return { holder, pod, since, metadata, localWaiters, fence };
}

export function localHolder(grant: Grant, pod: string, localWaiters: number): HolderView {
  const { holder, fence, request } = grant.terms;
  return {
    holder,
    pod,
    since: grant.acquiredAt,
    fence: fence.toString(),
    metadata: request.metadata ?? {},
    localWaiters,
  };
}
