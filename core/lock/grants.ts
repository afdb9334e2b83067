/**
 * The grants of this process by id and by request, and for a minute or two those that are over: a release that is repeated, or
 * a request whose answer was lost and is asked again, must be answered as the first time.
 *
 * Those that are over lie in two generations. A minute after the younger one was begun, or when it is full, the older one is
 * dropped whole and the younger takes its place: nothing is kept or done for the end of each.
 */
import type { Epoch, Instant, Runtime } from "../runtime.ts";
import { after } from "../runtime.ts";
import type { Key } from "../store.ts";
import type { Session } from "../session/session.ts";
import type { Grant } from "./grant.ts";
import type { LockName } from "./keys.ts";
import type { GrantEnd } from "./views.ts";

const generationMs = 60_000;
/** Beyond it a generation makes place for the next before its minute is over. */
const generationMax = 65_536;

export interface EndedGrant {
  readonly why: GrantEnd;
  readonly at: Epoch;
  readonly session: Session;
  /** Its place in etcd. */
  readonly key: Key;
}

/** A requestId counts for one lock: a job may use its own id for every lock that it takes. Neither holds control bytes. */
function requestOf({ pool, name }: LockName, requestId: string): string {
  return `${pool}/${name}\u0000${requestId}`;
}

class Generation {
  readonly byId = new Map<string, EndedGrant>();
  readonly idByRequest = new Map<string, string>();
}

export class Grants {
  readonly #runtime: Runtime;
  readonly #live = new Map<string, Grant>();
  readonly #liveIdByRequest = new Map<string, string>();
  #younger = new Generation();
  #older = new Generation();
  #youngerUntil: Instant;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#youngerUntil = after(runtime.now(), generationMs);
  }

  get size(): number {
    return this.#live.size;
  }

  [Symbol.iterator](): IterableIterator<Grant> {
    return this.#live.values();
  }

  add(grant: Grant): void {
    const { id, lock, request } = grant.terms;
    this.#live.set(id, grant);
    if (request.requestId !== undefined)
      this.#liveIdByRequest.set(requestOf(lock, request.requestId), id);
  }

  live(id: string): Grant | undefined {
    const grant = this.#live.get(id);
    return grant?.isLive() === true ? grant : undefined;
  }

  /** Also one whose end was not yet noted with {@link ended}. */
  any(id: string): Grant | undefined {
    return this.#live.get(id);
  }

  over(id: string): EndedGrant | undefined {
    this.#turnOver();
    return this.#younger.byId.get(id) ?? this.#older.byId.get(id);
  }

  /** The id of the grant that this request was given last, live or over for a minute at least. */
  forRequest(lock: LockName, requestId: string): string | undefined {
    this.#turnOver();
    const request = requestOf(lock, requestId);
    return (
      this.#liveIdByRequest.get(request) ??
      this.#younger.idByRequest.get(request) ??
      this.#older.idByRequest.get(request)
    );
  }

  ended(grant: Grant, key: Key): void {
    const { id, lock, session } = grant.terms;
    const { requestId } = grant.terms.request;
    const { end } = grant;
    if (!this.#live.delete(id) || end === undefined) return;
    const request = requestId === undefined ? undefined : requestOf(lock, requestId);
    if (request !== undefined && this.#liveIdByRequest.get(request) === id)
      this.#liveIdByRequest.delete(request);
    // Its caller was never told: asked again, the request is a new one.
    if (end.why === "undelivered") return;
    this.#turnOver();
    this.#younger.byId.set(id, { why: end.why, at: end.at, session, key });
    if (request !== undefined) this.#younger.idByRequest.set(request, id);
  }

  #turnOver(): void {
    const now = this.#runtime.now();
    if (now < this.#youngerUntil && this.#younger.byId.size < generationMax) return;
    const bothAreOver = now >= after(this.#youngerUntil, generationMs);
    this.#older = bothAreOver ? new Generation() : this.#younger;
    this.#younger = new Generation();
    this.#youngerUntil = after(now, generationMs);
  }
}
