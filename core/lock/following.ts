/**
 * The contenders of one lock as a watch tells them: a copy, one for all in this process who look on: observers, callers that
 * hear of their place in the queue, waiters for a permit (whichever before them goes may let them in). It says what is to be
 * seen, and never who may be granted: whoever is to be granted looks for himself.
 *
 *   (first comes) ─▶ reading ─▶ following ──(gap, or no answer)────────▶ reading again
 *                       ▲           └──(half a minute, or in doubt)──────────┘        (last goes, nobody comes) ─▶ ended
 *
 * It goes on for a moment without anybody: who passes on a lock that others want, too, soon stands in its queue again, and
 * would begin a watch, and read, each time.
 *
 * No watch is trusted for longer than that: then all is read anew, once for all who look on. It is in doubt when the session
 * does not hear from etcd. Writes nothing.
 */
import { after, sleep, type Timer } from "../runtime.ts";
import { fromNow, noRevision, type Change, type Key, type Revision } from "../store.ts";
import type { Tasks } from "../tasks.ts";
import { readContender, type Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { look } from "./look.ts";
import type { StepParts } from "./step-parts.ts";
import { inOrder } from "./order.ts";

const pauseMs = 500;
const readEveryMs = 30_000;
/** Longer than a pod holds a lock, as a rule, that others want (spec.handover.maxHold). */
const lingerMs = 2_000;
/** More than these end with their last onlooker. */
const lingeringMax = 1_000;
/** What was written is told of soon after, or nobody counts on it. */
const shownWithinMs = 250;

export interface Copy {
  /** As of when. */
  readonly at: Revision;
  /** In order: etcd tells them as they come, and a key that is made again comes anew. */
  readonly contenders: ReadonlyMap<Key, Contender>;
}

/** Told in one step with what the watch tells; must not throw. */
export interface Onlooker {
  /** `gone`: what went since it was told last; undefined: all was read anew. */
  seen(copy: Copy, gone: readonly Key[] | undefined): void;
  /** Etcd does not answer: what was seen may be over. */
  unseen(): void;
}

export interface FollowingParts extends StepParts {
  readonly tasks: Tasks;
}

class Following {
  readonly onlookers = new Set<Onlooker>();
  readonly #parts: FollowingParts;
  readonly #lock: Lock;
  readonly #ending = new AbortController();
  #trusted = new AbortController();
  /** Undefined: not read. */
  #contenders: Map<Key, Contender> | undefined;
  #at: Revision = noRevision;
  /** When the one that was told of last was made. */
  #newest: Revision = noRevision;
  #lingering: Timer | undefined;

  constructor(parts: FollowingParts, lock: Lock) {
    this.#parts = parts;
    this.#lock = lock;
    parts.tasks.run(`following ${lock.path}`, (signal) =>
      this.#follow(AbortSignal.any([signal, this.#ending.signal])),
    );
  }

  get copy(): Copy | undefined {
    const [contenders, at] = [this.#contenders, this.#at];
    return contenders === undefined ? undefined : { contenders, at };
  }

  /** All is read anew. */
  doubt(): void {
    this.#trusted.abort(trustedNoMore);
  }

  end(): void {
    this.#ending.abort(nobodyLooksOn);
  }

  get lingers(): boolean {
    return this.#lingering !== undefined;
  }

  /** Nobody looks on: it may end then. */
  linger(end: () => void): void {
    const { runtime } = this.#parts;
    this.#lingering = runtime.timer(after(runtime.now(), lingerMs), end);
  }

  /** Somebody looks on again, or it ends. */
  lingerNoMore(): void {
    this.#lingering?.cancel();
    this.#lingering = undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    try {
      while (!signal.aborted) {
        const how = await this.#followOnce(signal);
        if (how === "readAnew") continue;
        this.#contenders = undefined;
        if (how === "unseen") for (const onlooker of [...this.onlookers]) onlooker.unseen();
        await sleep(runtime, pauseMs * (0.5 + runtime.random()), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.lingerNoMore();
    }
  }

  /** As long as a watch is trusted. At its end all was read anew, or not all that happened is known. */
  async #followOnce(signal: AbortSignal): Promise<"readAnew" | "gap" | "unseen"> {
    const { runtime, store } = this.#parts;
    const { key, end } = this.#lock.contenders;
    const trusted = (this.#trusted = new AbortController());
    const inMs = readEveryMs * (0.75 + runtime.random() / 2);
    const timer = runtime.timer(after(runtime.now(), inMs), () => {
      this.doubt();
    });
    let hasRead = false;
    try {
      const either = AbortSignal.any([signal, trusted.signal]);
      for await (const changes of store.watch({ key, end }, fromNow, either)) {
        if (changes.kind === "gap") return "gap";
        if (!hasRead && !(await this.#read(signal))) return "unseen";
        hasRead = true;
        const gone = changes.kind === "changes" ? this.#take(changes.events) : undefined;
        if (changes.at.revision > this.#at) this.#at = changes.at.revision;
        if (gone !== undefined) this.#tell(gone);
      }
    } finally {
      timer.cancel();
    }
    signal.throwIfAborted();
    return (await this.#read(signal)) ? "readAnew" : "unseen";
  }

  /** Everything that stands, and the pool's record. False: no answer. */
  async #read(signal: AbortSignal): Promise<boolean> {
    const seen = await look(this.#parts, { lock: this.#lock }, signal);
    if (seen === undefined) return false;
    this.#contenders = byKey(seen.contenders);
    this.#at = seen.revision;
    this.#tell(undefined);
    return true;
  }

  /** What the read did not show yet. Returns what of it went. */
  #take(events: readonly Change[]): Key[] {
    const gone: Key[] = [];
    for (const event of events) {
      if (event.kind === "put") {
        if (event.now.modRevision > this.#at) this.#put(readContender(event.now));
      } else if (event.revision > this.#at) {
        this.#contenders?.delete(event.key);
        gone.push(event.key);
      }
    }
    return gone;
  }

  /** Those made in one write are told as they were put, and stand as their keys do. */
  #put(contender: Contender): void {
    const all = this.#contenders;
    if (all === undefined) return;
    const isNew = !all.has(contender.key);
    all.set(contender.key, contender);
    if (!isNew) return;
    const { createRevision } = contender;
    if (createRevision === this.#newest) this.#contenders = byKey(inOrder([...all.values()]));
    this.#newest = createRevision;
  }

  #tell(gone: readonly Key[] | undefined): void {
    const { copy } = this;
    if (copy === undefined) return;
    for (const onlooker of [...this.onlookers]) onlooker.seen(copy, gone);
  }
}

/** All that is followed in this process. */
export class Followings {
  readonly #parts: FollowingParts;
  readonly #byPath = new Map<string, Following>();
  #lingering = 0;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#byPath.size;
  }

  /** Etcd may not be heard any more. */
  doubt(): void {
    for (const following of this.#byPath.values()) following.doubt();
  }

  copyOf({ path }: Lock): Copy | undefined {
    return this.#byPath.get(path)?.copy;
  }

  /**
   * The copy, once it shows that revision. Undefined: nobody follows the lock, or the watch does not come to tell of it soon.
   * @throws the signal's reason
   */
  async showing(lock: Lock, at: Revision, signal: AbortSignal): Promise<Copy | undefined> {
    const there = this.copyOf(lock);
    if (there === undefined || there.at >= at) return there;
    const { runtime } = this.#parts;
    const shown = Promise.withResolvers<Copy | undefined>();
    const onlooker: Onlooker = {
      seen: (copy) => {
        if (copy.at >= at) shown.resolve(copy);
      },
      unseen: () => {
        shown.resolve(undefined);
      },
    };
    this.add(lock, onlooker);
    const waiting = new AbortController();
    const either = AbortSignal.any([signal, waiting.signal]);
    try {
      const late = sleep(runtime, shownWithinMs, either).then(() => undefined);
      return await Promise.race([shown.promise, late]);
    } finally {
      waiting.abort(nobodyLooksOn);
      this.remove(lock, onlooker);
    }
  }

  /** Whoever comes to others is told at once, in this step, what they know. */
  add(lock: Lock, onlooker: Onlooker): void {
    const { tasks } = this.#parts;
    if (tasks.signal.aborted) return;
    let following = this.#byPath.get(lock.path);
    if (following === undefined) {
      following = new Following(this.#parts, lock);
      this.#byPath.set(lock.path, following);
    }
    if (following.lingers) this.#lingering -= 1;
    following.lingerNoMore();
    following.onlookers.add(onlooker);
    const { copy } = following;
    if (copy !== undefined) onlooker.seen(copy, undefined);
  }

  remove({ path }: Lock, onlooker: Onlooker): void {
    const following = this.#byPath.get(path);
    if (following === undefined || !following.onlookers.delete(onlooker)) return;
    if (following.onlookers.size > 0) return;
    const end = (): void => {
      this.#byPath.delete(path);
      following.end();
    };
    const { tasks } = this.#parts;
    const mayLinger = !tasks.signal.aborted && this.#lingering < lingeringMax;
    if (following.copy === undefined || !mayLinger) end();
    else {
      this.#lingering += 1;
      following.linger(() => {
        this.#lingering -= 1;
        end();
      });
    }
  }
}

function byKey(contenders: readonly Contender[]): Map<Key, Contender> {
  return new Map(contenders.map((each) => [each.key, each]));
}

const trustedNoMore = new Error("the watch is trusted no longer");
const nobodyLooksOn = new Error("nobody looks on any more");
