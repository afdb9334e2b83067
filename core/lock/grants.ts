/**
 * The grants of this process by id and by request, and for a minute those that are over: a release that is repeated, or a
 * request whose answer was lost and is asked again, must be answered as the first time.
 */
import type { Epoch, Instant, Runtime } from "../runtime.ts";
import { after } from "../runtime.ts";
import type { Key } from "../store.ts";
import type { Session } from "../session/session.ts";
import type { Grant } from "./grant.ts";
import type { LockName } from "./keys.ts";
import type { GrantEnd } from "./views.ts";

const rememberMs = 60_000;
/** Beyond it the oldest are forgotten before their minute is over. */
const rememberedMax = 65_536;
/** So many ids of the forgotten lie before those of the remembered at most. */
const compactAt = 16_384;

export interface EndedGrant {
  readonly why: GrantEnd;
  readonly at: Epoch;
  readonly session: Session;
  /** Its place in etcd. */
  readonly key: Key;
  readonly request: string | undefined;
  readonly forgetAt: Instant;
}

/** A requestId counts for one lock: a job may use its own id for every lock that it takes. Neither holds control bytes. */
export function requestOf({ pool, name }: LockName, requestId: string): string {
  return `${pool}/${name}\u0000${requestId}`;
}

export class Grants {
  readonly #runtime: Runtime;
  readonly #live = new Map<string, Grant>();
  readonly #ended = new Map<string, EndedGrant>();
  /** Their ids, oldest first, from `#oldest` on. (A Map that is emptied from the front looks for its front ever longer.) */
  #order: string[] = [];
  #oldest = 0;
  readonly #byRequest = new Map<string, string>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
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
      this.#byRequest.set(requestOf(lock, request.requestId), id);
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
    this.#forget();
    return this.#ended.get(id);
  }

  /** The id of the grant that this request was given, live or over within a minute. */
  forRequest(lock: LockName, requestId: string): string | undefined {
    return this.#byRequest.get(requestOf(lock, requestId));
  }

  ended(grant: Grant, key: Key): void {
    const { id, lock, session } = grant.terms;
    const { requestId } = grant.terms.request;
    const { end } = grant;
    if (!this.#live.delete(id) || end === undefined) return;
    const request = requestId === undefined ? undefined : requestOf(lock, requestId);
    if (end.why === "undelivered") {
      // Its caller was never told: asked again, the request is a new one.
      if (request !== undefined && this.#byRequest.get(request) === id)
        this.#byRequest.delete(request);
      return;
    }
    const forgetAt = after(this.#runtime.now(), rememberMs);
    this.#ended.set(id, { why: end.why, at: end.at, session, key, request, forgetAt });
    this.#order.push(id);
    this.#forget();
  }

  #forget(): void {
    const now = this.#runtime.now();
    for (; ; this.#oldest++) {
      const id = this.#order[this.#oldest];
      const over = id === undefined ? undefined : this.#ended.get(id);
      if (id === undefined || over === undefined) break;
      if (over.forgetAt > now && this.#ended.size <= rememberedMax) break;
      this.#ended.delete(id);
      const { request } = over;
      if (request !== undefined && this.#byRequest.get(request) === id)
        this.#byRequest.delete(request);
    }
    if (this.#oldest < compactAt) return;
    this.#order = this.#order.slice(this.#oldest);
    this.#oldest = 0;
  }
}
