/** Locks and grants over HTTP: each operation asks core one thing and shows what became of it. */
import { formatDuration } from "#api/fields/duration.ts";
import type { ForceReleased as ForcedBody, ForceReleaseInput } from "#api/operations/forcing.ts";
import type { Deadlocks as DeadlocksBody } from "#api/operations/deadlocks.ts";
import type { AcquireSetInput } from "#api/operations/lock-sets.ts";
import type { AcquireInput, Grant, SetGrant } from "#api/operations/locks.ts";
import type {
  LockHolder,
  LockView as LockBody,
  LostHolder as LostBody,
  PoolView as PoolBody,
} from "#api/operations/looking.ts";
import type {
  Acquired,
  AcquireRequest,
  ForceReleased,
  ForceRequest,
  GrantView,
  HolderView,
  LockDemand,
} from "#core/lock/views.ts";
import type { Deadlock } from "#core/lock/deadlocks.ts";
import type { WaitObserver } from "#core/lock/events.ts";
import { assert, Refusal } from "#core/refusal.ts";
import type { Epoch } from "#core/runtime.ts";
import type { Call } from "#host/http/exchange.ts";
import { json, noContent, problem, text, type Reply } from "#host/http/reply.ts";
import type { ListPool, LockView, LostView, PoolView } from "../lock-views.ts";
import type { Handlers } from "./handlers.ts";

/** What is used here of core's locks. */
export interface LocksApi {
  /** Throws Refusal; rejects with the signal's reason when `caller` aborts. Who only tries needs none. */
  acquire(
    request: AcquireRequest,
    caller: AbortSignal | undefined,
    observer?: WaitObserver,
  ): Promise<Acquired>;
  /** The answer could not be handed to the caller: the grant is given back. */
  undelivered(grantId: string): void;
  grant(grantId: string): Promise<GrantView>;
  renew(grantId: string, ttlMs?: number): Promise<GrantView>;
  release(grantId: string): Promise<"released" | "unknown">;
  releaseByHolder(
    holder: string,
  ): Promise<{ readonly released: number; readonly freed: "released" | "unknown" }>;
  forceRelease(request: ForceRequest, caller: AbortSignal): Promise<ForceReleased>;
  deadlocks(): Promise<readonly Deadlock[]>;
}

/** And of what is seen of them. */
export interface LockViewsApi {
  look(pool: string, name: string): Promise<LockView>;
  list(query: ListPool): Promise<PoolView>;
}

type LockOperations =
  | "acquireLock"
  | "acquireLockSet"
  | "getGrant"
  | "renewGrant"
  | "releaseGrant"
  | "releaseHolder"
  | "getLock"
  | "listLocks"
  | "forceRelease"
  | "listDeadlocks";

/** `asStream`: answers an acquire whose caller wants a stream. */
export function lockHandlers(
  locks: LocksApi,
  views: LockViewsApi,
  asStream: (request: AcquireRequest, call: Call) => Promise<Reply>,
): Pick<Handlers, LockOperations> {
  const answer = (request: AcquireRequest, call: Call): Promise<Reply> => {
    if (call.form === "events") return asStream(request, call);
    if (request.hold === "connection") throw needsStream();
    return acquire(locks, request, call);
  };
  return {
    acquireLock: (input, call) => answer(requestOf(input), call),
    acquireLockSet: (input, call) => answer(setRequestOf(input), call),
    getGrant: async ({ grantId }) => json(200, grantBody(await locks.grant(grantId))),
    renewGrant: async ({ grantId, ttlMs }) =>
      json(200, grantBody(await locks.renew(grantId, ttlMs))),
    releaseGrant: async ({ grantId }) => {
      const outcome = await locks.release(grantId);
      switch (outcome) {
        case "released":
          return noContent;
        case "unknown":
          return unknownRelease;
        default:
          return outcome satisfies never;
      }
    },
    releaseHolder: async ({ holder }) => {
      const { released, freed } = await locks.releaseByHolder(holder);
      return freed === "unknown" ? unknownRelease : json(200, { released });
    },
    getLock: async ({ pool, name }) => json(200, lockBody(await views.look(pool, name))),
    listLocks: async (input) => json(200, poolBody(await views.list(input))),
    forceRelease: async (input, call) => {
      const { fence, ...request } = input;
      const wanted = fence === undefined ? request : { ...request, fence: BigInt(fence) };
      return json(200, forcedBody(input, await locks.forceRelease(wanted, call.caller)));
    },
    listDeadlocks: async () => json(200, deadlocksBody(await locks.deadlocks())),
  };
}

function needsStream(): Refusal {
  return new Refusal(
    "malformed",
    "hold: 'connection' lives by the event stream that it is granted on. Send Accept: text/event-stream (curl -N), or hold by ttl.",
    { field: "hold" },
  );
}

async function acquire(locks: LocksApi, request: AcquireRequest, call: Call): Promise<Reply> {
  // A try is answered soon; where its caller has gone by then, the answer is undelivered and the grant given back.
  const acquired = await locks.acquire(request, request.waitMs > 0 ? call.caller : undefined);
  switch (acquired.kind) {
    case "granted": {
      const { grant } = acquired;
      const undelivered = () => {
        locks.undelivered(grant.grantId);
      };
      if (call.form === "text") return text(200, `${grant.grantId} ${grant.fence}\n`, undelivered);
      return json(200, grantBody(grant), undelivered);
    }
    case "held":
    case "unknown":
      return notGranted(request, acquired);
    default:
      return acquired satisfies never;
  }
}

function setRequestOf({ locks, ...input }: AcquireSetInput): AcquireRequest {
  const [first] = locks;
  assert(first !== undefined, "a set without locks was read");
  return { ...requestOf({ ...input, ...first }), locks };
}

function requestOf(input: AcquireInput): AcquireRequest {
  const { pool, name, mode, permits, waitMs, ttlMs, hold, requestId, holder, owner, metadata } =
    input;
  return { pool, name, mode, permits, waitMs, ttlMs, hold, requestId, holder, owner, metadata };
}

export function notGranted(
  request: AcquireRequest,
  acquired: Exclude<Acquired, { kind: "granted" }>,
): Reply {
  return acquired.kind === "held" ? held(request, acquired) : unknownAcquire(request.requestId);
}

export function grantBody(grant: GrantView): Grant | SetGrant {
  const { grantId, fence } = grant;
  const times = grantTimes(grant);
  if (grant.locks === undefined) return { grantId, ...lockDemandBody(grant), fence, ...times };
  return {
    grantId,
    locks: grant.locks.map((each) => ({ ...lockDemandBody(each), fence })),
    fence,
    ...times,
  };
}

function lockDemandBody({ pool, name, mode, permits }: LockDemand) {
  return { lock: `${pool}/${name}`, mode, permits };
}

/** What every grant tells. */
function grantTimes(grant: GrantView) {
  return {
    hold: grant.hold,
    ...(grant.ttlMs === undefined ? {} : { ttl: formatDuration(grant.ttlMs) }),
    ...(grant.expiresInMs === undefined ? {} : { expiresIn: formatDuration(grant.expiresInMs) }),
    guaranteedFor: formatDuration(grant.guaranteedForMs),
    acquiredAt: moment(grant.acquiredAt),
    holder: grant.holder,
  };
}

function held(
  request: AcquireRequest,
  { holder, waiting, ...at }: Acquired & { kind: "held" },
): Reply {
  const { pool, name } = at.lock ?? request;
  const lock = `${pool}/${name}`;
  const since =
    holder === undefined
      ? ""
      : ` by '${holder.holder}' in pod '${holder.pod}' since ${moment(holder.since)}`;
  const what =
    holder?.isLost === true
      ? `was held${since}, who was lost: nobody is granted it before the pool's delay is over (spec.lockDelay)`
      : `is held${since}`;
  return problem({
    code: "lock_held",
    detail: `The lock '${lock}' ${what}, and ${String(waiting)} wait for it. Wait longer, or try again later.`,
    facts: {
      lock,
      ...(holder === undefined
        ? {}
        : { holder: holder.holder, pod: holder.pod, since: moment(holder.since) }),
      waiting,
    },
  });
}

function unknownAcquire(requestId: string | undefined): Reply {
  const again =
    requestId === undefined
      ? "Read the lock; next time send a requestId, with which the request can be repeated."
      : "Repeat the request with the same requestId.";
  const facts = requestId === undefined ? {} : { requestId };
  return problem({
    code: "outcome_unknown",
    detail: `etcd did not say whether the place in the queue was taken. ${again}`,
    facts,
  });
}

const unknownRelease = problem({
  code: "outcome_unknown",
  detail:
    "etcd did not say whether the lock was released. The sidecar goes on releasing it; repeat the request to learn when it is done.",
});

function holderBody(holder: HolderView): Omit<LockHolder, "fence"> {
  const { metadata, localHolders } = holder;
  return {
    holder: holder.holder,
    pod: holder.pod,
    mode: holder.mode,
    permits: holder.permits,
    since: moment(holder.since),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(localHolders === undefined ? {} : { localHolders }),
    localWaiters: holder.localWaiters,
  };
}

function lockBody({ pool, name, holders, waiters, ...rest }: LockView): LockBody {
  const { reserved, idle, lost } = rest;
  return {
    lock: `${pool}/${name}`,
    holders: holders.map(heldBody),
    waiters: waiters.map(holderBody),
    ...(reserved.length === 0 ? {} : { reserved: reserved.map(holderBody) }),
    ...(idle.length === 0 ? {} : { idle: idle.map(holderBody) }),
    ...(lost.length === 0 ? {} : { lost: lost.map(lostBody) }),
  };
}

export function lostBody(holder: LostView): LostBody {
  return { ...heldBody(holder), until: moment(holder.until) };
}

function forcedBody(
  { pool, name }: ForceReleaseInput,
  { outcome, holders }: ForceReleased,
): ForcedBody {
  return {
    lock: `${pool}/${name}`,
    outcome,
    holders: holders.map(heldBody),
    ...(outcome === "broken" ? { warning: onlyTheFence } : {}),
  };
}

const onlyTheFence =
  "What was guaranteed to the holder is void: it may still believe that it holds the lock. Only the fence protects what the lock guards.";

export function heldBody(holder: HolderView): LockHolder {
  return { ...holderBody(holder), fence: holder.fence ?? "0" };
}

function poolBody({ pool, totals, locks, ...rest }: PoolView): PoolBody {
  const next = rest.continue === undefined ? {} : { continue: rest.continue };
  const { names, held: locked, waiting, oldestWaitSince: oldest } = totals;
  const since = oldest === undefined ? {} : { oldestWaitSince: moment(oldest) };
  const shown = { names, held: locked, waiting, ...since };
  return { pool, totals: shown, locks: locks.map(lockBody), ...next };
}

function deadlocksBody(deadlocks: readonly Deadlock[]): DeadlocksBody {
  return {
    deadlocks: deadlocks.map(({ waits }) => ({
      waits: waits.map((wait) => ({ ...wait, since: moment(wait.since) })),
    })),
  };
}

/** Under load many moments are the same millisecond, and to write one costs as much as the rest of an answer. */
let lastMoment: { readonly epoch: Epoch; readonly text: string } | undefined;

export function moment(epoch: Epoch): string {
  if (lastMoment?.epoch !== epoch) lastMoment = { epoch, text: new Date(epoch).toISOString() };
  return lastMoment.text;
}
