/**
 * One of several processes leads: the one whose name stands in a Lease, for as long as it renews it.
 *
 * | state       | entered by                                        | left by                                          |
 * | ----------- | ------------------------------------------------- | ------------------------------------------------ |
 * | `following` | the start; the end of a term                      | a write with our name is answered → `leading`    |
 * | `leading`   | the Lease was free, or not renewed for its duration | not renewed within `renewMs`, somebody else's name, close → `following` |
 *
 * All times are by this process's own monotonic clock; the times in the Lease are for people.
 * - A leader counts from when it *sent* the last answered renewal: it leads for `renewMs` (10 s) after that.
 * - A follower counts from when it *received* what it saw: a Lease that did not change for its duration (15 s) since may be
 *   taken. So the old leader has known for 5 s that it leads no more before anybody else can begin, however long a message
 *   takes, as long as clocks run at about the same rate.
 * - A process that was paused asks {@link Term.holds} before it acts and hears no, though no timer has fired yet. What it was
 *   just sending carries a resourceVersion or is an apply that says what ought to be: a deposed leader changes nothing.
 *   (A clock that stands still while a machine sleeps leaves only this.)
 *
 * Every write carries the version that was read, so of two that take the Lease one is refused. An answer that was lost, and
 * a conflict, are settled by reading again; nothing is concluded from our own name in what was read: a term begins, and
 * goes on, only with the answer to a write.
 */
import { after, sleep, type Instant, type Runtime, type Timer } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Gauge } from "#host/metrics.ts";
import type { Api } from "./api.ts";
import { create, get, replace, type Call } from "./calls.ts";
import { isRefused, reasonText, type KubeOutcome } from "./errors.ts";
import { firstSpec, held, leases, readLease, released, type LeaseTerm } from "./lease.ts";
import type { KubeMetrics } from "./metrics.ts";
import type { KubeObject, ObjectName } from "./objects.ts";

export interface ElectionParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly lease: ObjectName & { readonly namespace: string };
  /** Unlike that of any other process, a former life of this pod among them. */
  readonly identity: string;
  /** Absent: 15 s, 10 s and 2 s, as everywhere in Kubernetes. */
  readonly times?: ElectionTimes;
  readonly onFailure: (name: string, error: unknown) => void;
}

export interface ElectionTimes {
  /** For how long nobody else may take the Lease. */
  readonly leaseMs: number;
  /** For how long the leader leads without an answer; well below `leaseMs`. */
  readonly renewMs: number;
  /** Between two tries. */
  readonly retryMs: number;
}

const timesDefault: ElectionTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };
/** Followers come at different times: up to so much later, as a share of `retryMs`. */
const followerJitter = 1.2;
/** The release is tried so often; after that the Lease runs out by itself. */
const releasesMax = 3;

/** From when this process began to lead until it leads no more. */
export interface Term {
  /** Aborts when the term ends. */
  readonly signal: AbortSignal;
  /** Whether it still leads, by its own clock: to be asked before each act. Once it says no, it says so for ever. */
  holds(): boolean;
}

/** The abort's reason of a term. */
export class TermEnded extends Error {
  override readonly name = "TermEnded";
}

export class Election implements AsyncDisposable {
  readonly #parts: ElectionParts;
  readonly #times: ElectionTimes;
  readonly #leads: Gauge;
  readonly #tasks: Tasks;
  /** As it was last read or written. */
  #lease: KubeObject | undefined;
  #seen: { readonly mark: string; readonly at: Instant } | undefined;
  #term: LedTerm | undefined;
  /** Who waits for the next term. */
  #waiting: ((term: Term) => void)[] = [];
  #given: Term | undefined;
  /** Whether our name was ever sent. */
  #wrote = false;
  #closed: Promise<void> | undefined;

  private constructor(parts: ElectionParts) {
    this.#parts = parts;
    this.#times = parts.times ?? timesDefault;
    this.#leads = parts.metrics.leads(parts.lease.name);
    this.#tasks = new Tasks(parts.onFailure);
  }

  static start(parts: ElectionParts): Election {
    const election = new Election(parts);
    election.#leads.set(0);
    election.#tasks.run(`election ${parts.lease.name}`, (signal) => election.#run(signal));
    return election;
  }

  leads(): boolean {
    return this.#term?.holds() ?? false;
  }

  /** Whose name was last seen in the Lease; empty: nobody's. */
  holder(): string {
    return this.#lease === undefined ? "" : readLease(this.#lease).holder;
  }

  /** The term that runs and was not given out yet, or the next one. Rejects with the signal's reason. */
  nextTerm(signal: AbortSignal): Promise<Term> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const take = (term: Term): void => {
        signal.removeEventListener("abort", leave);
        resolve(term);
      };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== take);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(take);
      this.#giveOut();
    });
  }

  /** Ends the term and gives the Lease back. Whoever acts under the term must have stopped before. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    await this.#tasks.close();
    this.#endTerm("this process ends");
    // A write that was under way may have put our name there, or will: it is looked for, too.
    if (this.#wrote) await this.#release();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      await this.#try(signal);
      const { retryMs } = this.#times;
      const laterMs = this.leads() ? 0 : retryMs * followerJitter * runtime.random();
      await sleep(runtime, retryMs + laterMs, signal);
    }
  }

  /** One try to lead, or to go on leading. */
  async #try(signal: AbortSignal): Promise<void> {
    if (this.leads() && this.#lease !== undefined) {
      if (await this.#write(this.#lease, signal)) return;
    }
    const found = await get(this.#call(signal), this.#parts.lease);
    if (found.kind === "done") {
      this.#see(found.value);
      if (this.#isFree(found.value)) await this.#write(found.value, signal);
    } else if (isRefused(found, "notFound")) await this.#create(signal);
    else this.#tell("the Lease cannot be read", found);
  }

  /** Whether our name was answered for. */
  async #write(lease: KubeObject, signal: AbortSignal): Promise<boolean> {
    const sentAt = this.#parts.runtime.now();
    this.#wrote = true;
    return this.#took(await replace(this.#call(signal), held(lease, this.#wish())), sentAt);
  }

  async #create(signal: AbortSignal): Promise<void> {
    this.#endTerm("the Lease is gone");
    const sentAt = this.#parts.runtime.now();
    this.#wrote = true;
    const made = await create(this.#call(signal), {
      apiVersion: "coordination.k8s.io/v1",
      kind: leases.kind,
      metadata: { ...this.#parts.lease },
      spec: firstSpec(this.#wish()),
    });
    this.#took(made, sentAt);
  }

  #took(outcome: KubeOutcome<KubeObject>, sentAt: Instant): boolean {
    if (outcome.kind !== "done") {
      if (!isRefused(outcome, "conflict") && !isRefused(outcome, "alreadyExists"))
        this.#tell("the Lease cannot be written", outcome);
      return false;
    }
    this.#see(outcome.value);
    this.#extend(after(sentAt, this.#times.renewMs));
    return true;
  }

  /** A call may take half of what a leader has: then there is time for another. */
  #call(signal: AbortSignal): Call {
    const deadlineMs = this.#times.renewMs / 2;
    return { api: this.#parts.api, resource: leases, signal, deadlineMs };
  }

  #wish(): LeaseTerm {
    const { identity, runtime } = this.#parts;
    return { identity, durationMs: this.#times.leaseMs, nowMs: runtime.wallNow() };
  }

  #see(lease: KubeObject): void {
    const { identity, runtime } = this.#parts;
    const { holder, mark } = readLease(lease);
    if (this.#seen?.mark !== mark) this.#seen = { mark, at: runtime.now() };
    const before = this.holder();
    this.#lease = lease;
    if (holder !== identity) this.#endTerm(`the Lease is held by '${holder}'`);
    if (holder !== before) runtime.log.info("a leader was seen", { ...this.#about(), holder });
  }

  #isFree(lease: KubeObject): boolean {
    const { holder, durationMs } = readLease(lease);
    if (holder === "" || holder === this.#parts.identity) return true;
    const seenAt = this.#seen?.at ?? this.#parts.runtime.now();
    return this.#parts.runtime.now() >= after(seenAt, durationMs);
  }

  #extend(until: Instant): void {
    const { runtime } = this.#parts;
    // An answer that came after its time: the Lease is ours, and the next try may begin a term.
    if (runtime.now() >= until) return;
    if (this.#term?.extend(until)) return;
    this.#term = new LedTerm(runtime, until, (reason) => {
      this.#leads.set(0);
      runtime.log.warn("this process leads no more", { ...this.#about(), reason });
    });
    this.#leads.set(1);
    runtime.log.info("this process leads", this.#about());
    this.#giveOut();
  }

  #giveOut(): void {
    const term = this.#term;
    if (term === undefined || term === this.#given || !term.holds()) return;
    const take = this.#waiting.shift();
    if (take === undefined) return;
    this.#given = term;
    take(term);
  }

  #endTerm(reason: string): void {
    this.#term?.end(reason);
    this.#term = undefined;
  }

  async #release(): Promise<void> {
    const { runtime, lease, identity } = this.#parts;
    const call = this.#call(new AbortController().signal);
    for (let tries = 0; tries < releasesMax; tries++) {
      const found = await get(call, lease);
      if (found.kind === "done") {
        if (readLease(found.value).holder !== identity) return;
        const given = await replace(call, released(found.value, runtime.wallNow()));
        if (given.kind === "done") return;
        if (!isRefused(given, "conflict")) this.#tell("the Lease cannot be given back", given);
      } else if (isRefused(found, "notFound")) return;
    }
  }

  #tell(message: string, outcome: Exclude<KubeOutcome<unknown>, { kind: "done" }>): void {
    this.#parts.runtime.log.warn(message, { ...this.#about(), problem: reasonText(outcome) });
  }

  #about() {
    const { lease, identity } = this.#parts;
    return { lease: `${lease.namespace}/${lease.name}`, identity };
  }
}

class LedTerm implements Term {
  readonly #runtime: Runtime;
  readonly #ended: (reason: string) => void;
  readonly #controller = new AbortController();
  #until: Instant;
  #timer: Timer;

  constructor(runtime: Runtime, until: Instant, ended: (reason: string) => void) {
    this.#runtime = runtime;
    this.#ended = ended;
    this.#until = until;
    this.#timer = this.#set();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  holds(): boolean {
    if (!this.signal.aborted && this.#runtime.now() >= this.#until)
      this.end("the Lease was not renewed in time");
    return !this.signal.aborted;
  }

  /** False: it has ended. */
  extend(until: Instant): boolean {
    if (!this.holds()) return false;
    this.#until = until;
    this.#timer.cancel();
    this.#timer = this.#set();
    return true;
  }

  /** Idempotent. */
  end(reason: string): void {
    this.#timer.cancel();
    if (this.signal.aborted) return;
    this.#ended(reason);
    this.#controller.abort(new TermEnded(reason));
  }

  #set(): Timer {
    return this.#runtime.timer(this.#until, () => void this.holds());
  }
}
