/**
 * The grants of this process by id and by request, and for a minute or two those that are over: a release that is repeated, or
 * a request whose answer was lost and is asked again, must be answered as the first time.
 *
 * A grant is over here when it is known what became of its place, or that this is not known.
 *
 * Those that are over lie in two generations. A minute after the younger one was begun, or when it is full, the older one is
 * dropped whole and the younger takes its place: nothing is kept or done for the end of each. Of most nothing is to be told
 * but that they were released: those are bits.
 */
import type { Epoch, Instant, Runtime } from "../runtime.ts";
import { after } from "../runtime.ts";
import type { Key } from "../store.ts";
import type { Session } from "../session/session.ts";
import { askedAs, askedFor, checkSameAsked } from "./asked.ts";
import type { Freed, Grant, GrantKeeper } from "./grant.ts";
import type { LockName } from "./keys.ts";
import type { Losses } from "./losses.ts";
import { Released } from "./released.ts";
import type { AcquireRequest, GrantEnd } from "./views.ts";

const generationMs = 60_000;
/**
 * Beyond it a generation makes place for the next before its minute is over: so what is remembered is bounded, and a minute is
 * kept up to a thousand ends a second of grants with ids. Who asks again later still is granted anew what was given back before.
 */
const generationMax = 65_536;

export interface LeftPlace {
  readonly session: Session;
  /** Of a set more than one. */
  readonly keys: readonly Key[];
}

export interface EndedGrant {
  readonly why: GrantEnd;
  /** Undefined: not kept. */
  readonly at: Epoch | undefined;
  /** Its place in etcd, where the removal of that was not confirmed. */
  readonly left: LeftPlace | undefined;
}

const justReleased: EndedGrant = { why: "released", at: undefined, left: undefined };

interface Requested {
  readonly id: string;
  /** What was asked for. */
  readonly what: string;
}

class Generation {
  readonly byId = new Map<string, EndedGrant>();
  readonly requests = new Map<string, Requested>();
  #released: { readonly session: Session; readonly numbers: Released } | undefined;

  /** Whether a bit was enough. */
  addReleased({ session, number }: Grant["terms"]): boolean {
    this.#released ??= { session, numbers: new Released(number - outOfOrderMax) };
    return this.#released.session === session && this.#released.numbers.add(number);
  }

  find(id: string): EndedGrant | undefined {
    const there = this.byId.get(id);
    if (there !== undefined || this.#released === undefined) return there;
    const [, session, number] = firstOnItsPlace.exec(id) ?? [];
    const { session: mine, numbers } = this.#released;
    return session === mine.id && numbers.has(Number(number)) ? justReleased : undefined;
  }
}

const firstOnItsPlace = /^([0-9a-f]+)-(\d{10})-0$/;
/** How much later than others with a smaller number the first that ended may have been made. */
const outOfOrderMax = 65_536;

export class Grants implements GrantKeeper {
  readonly #runtime: Runtime;
  readonly #losses: Losses;
  readonly #live = new Map<string, Grant>();
  readonly #liveRequests = new Map<string, Requested>();
  #younger = new Generation();
  #older = new Generation();
  #youngerUntil: Instant;

  constructor(runtime: Runtime, losses: Losses) {
    this.#runtime = runtime;
    this.#losses = losses;
    this.#youngerUntil = after(runtime.now(), generationMs);
  }

  get size(): number {
    return this.#live.size;
  }

  [Symbol.iterator](): IterableIterator<Grant> {
    return this.#live.values();
  }

  add(grant: Grant): void {
    const { id, request } = grant.terms;
    this.#live.set(id, grant);
    for (const lock of locksOf(grant)) this.#losses.granted(lock);
    const asked = askedAs(request);
    if (asked !== undefined) this.#liveRequests.set(asked, { id, what: askedFor(request) });
  }

  live(id: string): Grant | undefined {
    const grant = this.#live.get(id);
    return grant?.isLive() === true ? grant : undefined;
  }

  /** Also one that is over for its caller. */
  any(id: string): Grant | undefined {
    return this.#live.get(id);
  }

  over(id: string): EndedGrant | undefined {
    this.#turnOver();
    return this.#younger.find(id) ?? this.#older.find(id);
  }

  /**
   * The id of the grant that this request was given last, where it is live or not forgotten yet.
   * @throws Refusal its id was given to one that asked for something else
   */
  forRequest(request: AcquireRequest): string | undefined {
    const asked = askedAs(request);
    if (asked === undefined) return undefined;
    this.#turnOver();
    const before =
      this.#liveRequests.get(asked) ??
      this.#younger.requests.get(asked) ??
      this.#older.requests.get(asked);
    if (before !== undefined) checkSameAsked(request, before.what);
    return before?.id;
  }

  overForCaller(grant: Grant): void {
    const { terms, end } = grant;
    if (terms.onLoss !== "Unready" || end === undefined) return;
    for (const { pool, name } of locksOf(grant))
      this.#losses.over({ pool, name, holder: terms.holder, why: end.why, at: end.at });
  }

  ended(grant: Grant, freed: Freed): void {
    const { id, session, keys, handovers, request } = grant.terms;
    const { end } = grant;
    if (!this.#live.delete(id) || end === undefined) return;
    const asked = askedAs(request);
    if (asked !== undefined && this.#liveRequests.get(asked)?.id === id)
      this.#liveRequests.delete(asked);
    // Its caller was never told: asked again, the request is a new one.
    if (end.why === "undelivered") return;
    this.#turnOver();
    const younger = this.#younger;
    const isPlain = end.why === "released" && freed === "released" && handovers === 0;
    if (isPlain && asked === undefined && younger.addReleased(grant.terms)) return;
    const left = freed === "unknown" ? { session, keys } : undefined;
    younger.byId.set(id, { why: end.why, at: end.at, left });
    if (asked !== undefined) younger.requests.set(asked, { id, what: askedFor(request) });
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

function locksOf({ terms: { lock, request } }: Grant): readonly LockName[] {
  return request.locks ?? [lock];
}
