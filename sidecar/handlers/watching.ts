/**
 * Waits, grants and locks as event streams.
 *
 * An acquire is answered plainly as long as nothing was said: a problem has its status then. With `hold: connection` the stream
 * is what the grant lives by: the caller's closing of it is the release, and while it waits, its leaving. Where *we* close it,
 * because nobody reads it, the grant is over for its caller, and the lock is free when what was stated has run out.
 */
import { formatDuration } from "#api/fields/duration.ts";
import type { GrantEvent, GrantObserver, WaitObserver } from "#core/lock/events.ts";
import type { LockName } from "#core/lock/keys.ts";
import type { Acquired, AcquireRequest, GrantView } from "#core/lock/views.ts";
import { Bug, Refusal } from "#core/refusal.ts";
import { CallerGone, type Call } from "#host/http/exchange.ts";
import type { Reply } from "#host/http/reply.ts";
import type { Handlers } from "./handlers.ts";
import type { SeenEvent } from "../lock-onlooker.ts";
import { grantBody, heldBody, lostBody, moment, notGranted } from "./locks.ts";
import { refusedOf } from "./refusals.ts";
import type { EventStream, Streams } from "./streams.ts";

/** What is used here of core's locks. */
export interface WatchingApi {
  acquire(
    request: AcquireRequest,
    caller: AbortSignal | undefined,
    observer?: WaitObserver,
  ): Promise<Acquired>;
  grant(grantId: string): Promise<GrantView>;
  undelivered(grantId: string): void;
  follow(grantId: string, observer: GrantObserver): (() => void) | undefined;
  streamClosed(grantId: string, why: "released" | "slow"): void;
}

/** And of what is seen of them. */
export interface OnlookingApi {
  observe(lock: LockName, told: (event: SeenEvent) => void): () => void;
}

export interface WatchingParts {
  readonly locks: WatchingApi;
  readonly views: OnlookingApi;
  readonly streams: Streams;
  /** A request failed after its stream had begun; an invariant may be broken. */
  readonly failed: (operation: string, error: unknown) => void;
}

export function watchingHandlers(parts: WatchingParts): Pick<Handlers, "watchGrant" | "watchLock"> {
  const { locks, views, streams } = parts;
  return {
    watchGrant: async ({ grantId }) => {
      const grant = await locks.grant(grantId);
      const stream = streams.begin();
      stream.say("granted", grantBody(grant));
      follow(parts, grantId, stream);
      return stream.reply;
    },
    watchLock: ({ pool, name }) => {
      const stream = streams.begin();
      const told = (event: SeenEvent): void => {
        sayLock(stream, `${pool}/${name}`, event);
      };
      try {
        stream.onClosed = views.observe({ pool, name }, told);
      } catch (error) {
        stream.end();
        throw error;
      }
      return stream.reply;
    },
  };
}

/** Throws Refusal; what comes after the stream has begun is said there. */
export async function acquireAsStream(
  parts: WatchingParts,
  request: AcquireRequest,
  call: Call,
): Promise<Reply> {
  const { locks, streams } = parts;
  const stream = streams.begin();
  const lock = `${request.pool}/${request.name}`;
  const waiting = (place: number): void => {
    stream.say("waiting", { lock, place });
  };
  const answered = acquiring(locks, request, { caller: call.caller, waiting });
  const first = await Promise.race([answered, stream.begun]);
  if (first === "begun") {
    void answered.then((answer) => {
      goOn(parts, stream, { request, answer });
    });
    return stream.reply;
  }
  if (first.kind === "granted") {
    granted(parts, stream, first.grant);
    return stream.reply;
  }
  stream.end();
  if (first.kind === "failed") throw first.error;
  return notGranted(request, first);
}

type Answer = Acquired | { readonly kind: "failed"; readonly error: unknown };

interface Listener {
  readonly caller: AbortSignal;
  readonly waiting: (place: number) => void;
}

/** Never rejects. */
async function acquiring(
  locks: WatchingApi,
  request: AcquireRequest,
  { caller, waiting }: Listener,
): Promise<Answer> {
  try {
    return await locks.acquire(request, caller, { waiting });
  } catch (error) {
    return { kind: "failed", error };
  }
}

/** The answer came after the stream had begun. */
function goOn(
  parts: WatchingParts,
  stream: EventStream,
  { request, answer }: { readonly request: AcquireRequest; readonly answer: Answer },
): void {
  switch (answer.kind) {
    case "granted":
      granted(parts, stream, answer.grant);
      return;
    case "held":
    case "unknown": {
      const { body } = notGranted(request, answer);
      stream.sayText("problem", body?.text ?? "");
      stream.end();
      return;
    }
    case "failed":
      failed(parts, stream, answer.error);
      return;
    default:
      answer satisfies never;
  }
}

function failed(parts: WatchingParts, stream: EventStream, error: unknown): void {
  if (error instanceof CallerGone) return;
  if (error instanceof Refusal) {
    stream.refuse(refusedOf(error));
    return;
  }
  stream.refuse({ code: "internal", detail: "The sidecar failed; its log says why." });
  parts.failed("acquireLock", error);
}

/** Said, and followed until its end. A stream that was closed meanwhile gives it back. */
function granted(parts: WatchingParts, stream: EventStream, grant: GrantView): void {
  const { locks } = parts;
  const { grantId } = grant;
  if (stream.isOver) {
    locks.undelivered(grantId);
    return;
  }
  let isTaken = false;
  stream.say("granted", grantBody(grant), () => {
    isTaken = true;
  });
  const unfollow = follow(parts, grantId, stream);
  stream.onClosed = (closed) => {
    if (grant.hold === "connection") {
      if (closed === "gone") unfollow();
      locks.streamClosed(grantId, closed === "gone" ? "released" : "slow");
    } else if (closed === "gone" && !isTaken) locks.undelivered(grantId);
    unfollow();
  };
}

/** Says what becomes of the grant; the stream ends with it. */
function follow({ locks }: WatchingParts, grantId: string, stream: EventStream): () => void {
  const told = (event: GrantEvent): void => {
    sayGrant(stream, grantId, event);
  };
  const unfollow = locks.follow(grantId, { told });
  if (unfollow === undefined) throw new Bug(`grant '${grantId}' was given, and is not known`);
  stream.onClosed = unfollow;
  return unfollow;
}

function sayGrant(stream: EventStream, grantId: string, event: GrantEvent): void {
  const { kind } = event;
  switch (kind) {
    case "jeopardy": {
      const { inMs, deadline } = event;
      const deadlineIn = formatDuration(inMs);
      stream.say(kind, { grantId, deadlineIn, deadline: moment(deadline) });
      return;
    }
    case "recovered":
      stream.say(kind, { grantId });
      return;
    case "revokeRequested": {
      const { inMs, deadline, by } = event;
      stream.say(kind, { grantId, by, grace: formatDuration(inMs), deadline: moment(deadline) });
      return;
    }
    case "lost": {
      const { why: reason, at, guaranteedForMs } = event;
      const guaranteedFor = formatDuration(guaranteedForMs);
      stream.say(kind, { grantId, reason, since: moment(at), guaranteedFor });
      stream.end();
      return;
    }
    case "released":
      stream.say(kind, { grantId, since: moment(event.at) });
      stream.end();
      return;
    default:
      event satisfies never;
  }
}

function sayLock(stream: EventStream, lock: string, event: SeenEvent): void {
  if (event.kind === "unseen") {
    stream.say("unseen", { lock });
    return;
  }
  const lost = event.lost.length === 0 ? {} : { lost: event.lost.map(lostBody) };
  if (event.kind === "vacant") stream.say("vacant", { lock, ...lost });
  else stream.say("holder", { lock, holders: event.holders.map(heldBody), ...lost });
}
