/** The callers of one cohort that wait, first come first. */
import type { Runtime } from "../runtime.ts";
import { Caller, type CallerQueue, type Leaving, type Listening, type Verdict } from "./caller.ts";
import type { Acquired, AcquireRequest } from "./views.ts";

/** Whose callers they are. */
export interface CallersOwner {
  /** How a wait that ends now would end; undefined: not known yet. */
  verdict(): Verdict | undefined;
  /** One went without a grant. */
  callerLeft(how: Leaving): void;
}

export class Callers implements CallerQueue {
  readonly #runtime: Runtime;
  readonly #owner: CallersOwner;
  readonly #waiting = new Set<Caller>();

  constructor(runtime: Runtime, owner: CallersOwner) {
    this.#runtime = runtime;
    this.#owner = owner;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get first(): Caller | undefined {
    for (const caller of this.#waiting) return caller;
    return undefined;
  }

  /** Whether nobody is here who has time left. */
  get onlyTry(): boolean {
    return this.count() === 0;
  }

  /** How many wait: who only tries does not. */
  count(): number {
    let waiting = 0;
    for (const { trying } of this.#waiting) if (!trying) waiting += 1;
    return waiting;
  }

  [Symbol.iterator](): IterableIterator<Caller> {
    return this.#waiting.values();
  }

  /** The one that asks the same (by its requestId), and still waits. */
  repeated({ requestId }: AcquireRequest): Caller | undefined {
    if (requestId === undefined) return undefined;
    for (const caller of this.#waiting) if (caller.request.requestId === requestId) return caller;
    return undefined;
  }

  add(request: AcquireRequest, listening: Listening): Promise<Acquired> {
    const { caller: signal } = listening;
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const caller = new Caller(this.#runtime, request, this);
    this.#waiting.add(caller);
    const answer = caller.listen(request.waitMs, listening);
    if (this.verdict() !== undefined) caller.waits();
    return answer;
  }

  verdict(): Verdict | undefined {
    return this.#owner.verdict();
  }

  left(caller: Caller, how: Leaving): void {
    this.remove(caller);
    this.#owner.callerLeft(how);
  }

  /** Out of the queue, without an answer. */
  remove(caller: Caller): void {
    this.#waiting.delete(caller);
  }

  end(caller: Caller, verdict: Verdict): void {
    this.remove(caller);
    caller.end(verdict);
  }

  endAll(verdict: Verdict): void {
    for (const caller of [...this.#waiting]) this.end(caller, verdict);
  }

  endOverdue(verdict: Verdict): void {
    for (const caller of [...this.#waiting]) caller.endOverdue(verdict);
  }
}
