/** The callers of one cohort that wait, first come first, and those of them that can be asked for again by requestId. */
import type { Runtime } from "../runtime.ts";
import { Caller, type Verdict } from "./caller.ts";
import type { Acquired, AcquireRequest } from "./views.ts";

export interface CallersParts {
  readonly runtime: Runtime;
  /** How a wait that ends now would end; undefined: not known yet. */
  readonly verdict: () => Verdict | undefined;
  /** A caller went away by itself. */
  readonly abandoned: () => void;
  /** One went without a grant. */
  readonly left: () => void;
}

export class Callers {
  readonly #parts: CallersParts;
  readonly #waiting = new Set<Caller>();
  readonly #byRequest = new Map<string, Caller>();

  constructor(parts: CallersParts) {
    this.#parts = parts;
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

  /** The one that asks the same, and still waits. */
  repeated(request: AcquireRequest): Caller | undefined {
    return request.requestId === undefined ? undefined : this.#byRequest.get(request.requestId);
  }

  add(request: AcquireRequest, signal: AbortSignal): Promise<Acquired> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { runtime, verdict } = this.#parts;
    const caller = new Caller({
      runtime,
      request,
      verdict,
      left: (left, how) => {
        this.remove(left);
        if (how === "abandoned") this.#parts.abandoned();
        this.#parts.left();
      },
    });
    this.#waiting.add(caller);
    if (request.requestId !== undefined) this.#byRequest.set(request.requestId, caller);
    return caller.listen(request.waitMs, signal);
  }

  /** Out of the queue, without an answer. */
  remove(caller: Caller): void {
    this.#waiting.delete(caller);
    const { requestId } = caller.request;
    if (requestId !== undefined && this.#byRequest.get(requestId) === caller) {
      this.#byRequest.delete(requestId);
    }
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
