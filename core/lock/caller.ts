/**
 * One logical request for a lock, in a cohort's queue. Usually one HTTP request listens to it; a request that is repeated
 * with its requestId while the first still waits listens to the same one.
 *
 * A listener's wait ends with the caller's verdict at that moment; where there is none yet (a write is under way) it is
 * *overdue* and takes the next one. A try is overdue from the start.
 */
import { after, type Epoch, type Runtime, type Timer } from "../runtime.ts";
import type { WaitObserver } from "./events.ts";
import type { Acquired, AcquireRequest, GrantView } from "./views.ts";

/** Who asks, besides what is asked. */
export interface Listening {
  /** Aborts when the caller goes away. Undefined: a grant that then comes too late is told undelivered. */
  readonly caller?: AbortSignal | undefined;
  /** Told of the place in the queue. */
  readonly observer?: WaitObserver | undefined;
  /** Told, perhaps more than once, that it is not served at once. */
  readonly waits?: () => void;
}

export type Verdict = Acquired | Error;

interface Listener {
  readonly resolve: (acquired: Acquired) => void;
  readonly reject: (error: unknown) => void;
  readonly listening: Listening;
  toldPlace: number;
  /** Ends to listen for the caller's going. */
  unlisten: (() => void) | undefined;
  timer: Timer | undefined;
  overdue: boolean;
}

/** How a caller went: by itself, or with an answer. */
export type Leaving = "abandoned" | "ended";

/** The queue that it stands in. */
export interface CallerQueue {
  /** How a wait that ends now would end; undefined: not known yet. */
  verdict(): Verdict | undefined;
  /** Its last listener went. */
  left(caller: Caller, how: Leaving): void;
}

export class Caller {
  readonly request: AcquireRequest;
  readonly since: Epoch;
  readonly #runtime: Runtime;
  readonly #queue: CallerQueue;
  readonly #listeners: Listener[] = [];

  constructor(runtime: Runtime, request: AcquireRequest, queue: CallerQueue) {
    this.#runtime = runtime;
    this.#queue = queue;
    this.request = request;
    this.since = runtime.wallNow();
  }

  /** Nobody of its listeners has time left: it goes at the next verdict. */
  get trying(): boolean {
    for (const { overdue } of this.#listeners) if (!overdue) return false;
    return true;
  }

  /** @throws the signal's reason when it aborts; whatever the verdict is, where that is an error */
  listen(waitMs: number, listening: Listening): Promise<Acquired> {
    const { caller: signal } = listening;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const listener: Listener = {
        resolve,
        reject,
        listening,
        toldPlace: 0,
        unlisten: undefined,
        timer: undefined,
        overdue: waitMs <= 0,
      };
      this.#listeners.push(listener);
      if (signal !== undefined) this.#listenTo(signal, listener);
      if (waitMs > 0) {
        listener.timer = this.#runtime.timer(after(this.#runtime.now(), waitMs), () => {
          this.#waited(listener);
        });
      }
    });
  }

  /** It is not served at once. */
  waits(): void {
    for (const { listening, overdue } of this.#listeners) if (!overdue) listening.waits?.();
  }

  /** It is the so-manieth to be served. */
  stands(place: number): void {
    for (const listener of this.#listeners) {
      if (listener.toldPlace === place || listener.overdue) continue;
      listener.toldPlace = place;
      listener.listening.observer?.waiting(place);
    }
  }

  /** Its turn came: all that listen are answered. */
  grant(deliver: () => GrantView): void {
    for (const listener of this.#listeners.splice(0)) {
      this.#remove(listener);
      listener.resolve({ kind: "granted", grant: deliver() });
    }
  }

  /** Everyone hears the same, whether its wait is over or not. */
  end(verdict: Verdict): void {
    for (const listener of this.#listeners.splice(0)) this.#settle(listener, verdict);
  }

  /** Those whose wait is over hear the verdict. */
  endOverdue(verdict: Verdict): void {
    for (const listener of [...this.#listeners])
      if (listener.overdue) this.#settle(listener, verdict);
    this.waits();
    this.#leaveIfAlone("ended");
  }

  #listenTo(signal: AbortSignal, listener: Listener): void {
    const gone = (): void => {
      this.#remove(listener);
      listener.reject(signal.reason);
      this.#leaveIfAlone("abandoned");
    };
    signal.addEventListener("abort", gone, { once: true });
    listener.unlisten = () => {
      signal.removeEventListener("abort", gone);
    };
  }

  #waited(listener: Listener): void {
    listener.overdue = true;
    const verdict = this.#queue.verdict();
    if (verdict === undefined) return;
    this.#settle(listener, verdict);
    this.#leaveIfAlone("ended");
  }

  #settle(listener: Listener, verdict: Verdict): void {
    this.#remove(listener);
    if (verdict instanceof Error) listener.reject(verdict);
    else listener.resolve(verdict);
  }

  #remove(listener: Listener): void {
    listener.timer?.cancel();
    listener.unlisten?.();
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  #leaveIfAlone(how: Leaving): void {
    if (this.#listeners.length === 0) this.#queue.left(this, how);
  }
}
