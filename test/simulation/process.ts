/**
 * One life of a simulated sidecar: a kernel and an owner of the spec tree, as the real process joins them, on the real group
 * commit over an uncertain link. Clients ask it as they would over a socket: a question takes time and waits while the
 * process is stopped; a killed process answers nobody; an answer can find its client gone.
 */
import { Kernel } from "#sidecar/kernel.ts";
import type { DeadlockWait } from "#core/lock/deadlocks.ts";
import type { GrantEvent } from "#core/lock/events.ts";
import type {
  AcquireRequest,
  Acquired,
  ForceReleased,
  ForceRequest,
  GrantView,
} from "#core/lock/views.ts";
import { Refusal } from "#core/refusal.ts";
import { after } from "#core/runtime.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import { SpecOwner, type Document } from "#sidecar/resources/owner.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import { UncertainLink } from "#test/support/etcd-model/uncertain-link.ts";
import type { Chance } from "#test/support/world/chance.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import type { World } from "#test/support/world/world.ts";
import type { EtcdModel } from "#test/support/etcd-model/server.ts";
import type { Weather } from "#test/support/etcd-model/weather.ts";
import { guardedRoot } from "./etcd-record.ts";
import type { Attempt, GuardedWrite, History, Question } from "./history.ts";
import { StoreTap } from "./store-tap.ts";

export const namespace = "default";

/** As locks of every mode can be held. */
export const forOneself = { mode: "exclusive", permits: 1 } as const;

function pathOf({ pool, name }: { readonly pool: string; readonly name: string }): string {
  return `${pool}/${name}`;
}

/** What a client hears. */
export type Answer<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "refused"; readonly code: string; readonly facts: Refusal["facts"] }
  /** The connection ended: killed, or the client itself went. */
  | { readonly kind: "cut" };

export interface Asked<T> {
  readonly answer: Promise<Answer<T>>;
  /** The client closes its connection. */
  readonly leave: () => void;
}

export interface ProcessParts {
  readonly world: World;
  readonly server: EtcdModel;
  readonly history: History;
  readonly pod: string;
  readonly life: number;
  readonly sessionTtlMs: number;
  readonly weather: Weather;
  readonly skewed: boolean;
  readonly documents: readonly Document[];
  /** Told of each answer that says that a grant is held, at the moment at which it is said. */
  readonly claimed: (process: Process, view: GrantView, attempt: Attempt | undefined) => void;
  /** A release was answered as done. */
  readonly released: (grantId: string) => void;
}

/** On the way between a client and its sidecar on the same machine. */
const hopMs = { min: 0, max: 2 };
const drainMs = 2_000;
/** Deadlines are told in whole milliseconds. */
const roundingMs = 1;

export class Process {
  readonly name: string;
  readonly pod: string;
  readonly runtime: VirtualRuntime;
  readonly monotonicRate: number;
  readonly link: UncertainLink;
  readonly tap: StoreTap;
  readonly kernel: Kernel;
  readonly owner: SpecOwner;
  readonly #parts: ProcessParts;
  readonly #hops: Chance;
  readonly #open = new Set<() => void>();
  #stoppedMs = 0;
  #stoppedSinceMs: number | undefined;
  #resumedMs = 0;
  #wokeMs = 0;
  #draining = false;
  /** The latest deadline that the session has told, on the process's clock. */
  #deadline = { session: "", at: 0 };

  constructor(parts: ProcessParts) {
    const { world, server, history, pod, life, skewed } = parts;
    this.#parts = parts;
    this.pod = pod;
    this.name = `${pod}.${String(life)}`;
    this.#hops = world.chanceFor(`hops/${this.name}`);
    const clocks = world.chanceFor(`clocks/${this.name}`);
    this.monotonicRate = skewed ? clocks.between({ min: 0.99, max: 1.01 }) : 1;
    this.runtime = world.runtime(this.name, {
      monotonicRate: this.monotonicRate,
      wallRate: skewed ? clocks.between({ min: 0.99, max: 1.01 }) : 1,
      wallOffsetMs: skewed ? clocks.between({ min: -500, max: 500 }) : 0,
    });
    const { runtime } = this;
    this.link = new UncertainLink(server, runtime, parts.weather);
    // As shipped, two batches are seldom under way with the few callers that there are here.
    const batching = world.chanceFor(`batches/${this.name}`).happens(0.5) ? {} : { besideMin: 1 };
    this.tap = new StoreTap(new ModelStore(this.link, (port) => new GroupCommit(port, batching)), {
      namespace,
      process: this.name,
      violated: (rule, what) => {
        history.violated(rule, what, world.nowMs);
      },
      nowMs: () => world.nowMs,
      beaten: () => {
        this.#heedDeadline();
      },
    });
    const onBug = (name: string, error: unknown) => {
      history.violated("assert", `${this.name}: ${name}: ${String(error)}`, world.nowMs);
      this.kill();
    };
    this.kernel = Kernel.start({
      runtime,
      store: this.tap,
      // As under an operator: one more writer under the session's lease.
      options: {
        ...{ namespace, pod, sessionTtlMs: parts.sessionTtlMs, isAdmin: true },
        report: { version: "0" },
      },
      onBug,
      onAnew: () => {
        this.owner.begunAnew();
      },
    });
    const { store, specs, lineage } = this.kernel;
    this.owner = SpecOwner.start({
      runtime,
      store,
      namespace,
      mirror: specs,
      lineage,
      sessionTtlMs: parts.sessionTtlMs,
      onFatal: onBug,
    });
    this.owner.publish(parts.documents);
  }

  get isUp(): boolean {
    return this.runtime.state === "running" && !this.#draining;
  }

  get isKilled(): boolean {
    return this.runtime.state === "killed";
  }

  /** For how long it has run: the time in which it was stopped left out. */
  get ranMs(): number {
    const { nowMs } = this.#parts.world;
    const stopped = this.#stoppedSinceMs === undefined ? 0 : nowMs - this.#stoppedSinceMs;
    return nowMs - this.#stoppedMs - stopped;
  }

  /** Neither stopped nor killed since then. */
  readonly hasRunSince = (sinceMs: number): boolean =>
    this.isUp && this.#stoppedSinceMs === undefined && this.#resumedMs <= sinceMs;

  /** Its machine has not been suspended since then. */
  readonly hasBeenAwakeSince = (sinceMs: number): boolean => this.#wokeMs <= sinceMs;

  stop(how: "pause" | "suspend"): void {
    this.#stoppedSinceMs = this.#parts.world.nowMs;
    if (how === "suspend") this.#wokeMs = Infinity;
    this.runtime[how]();
  }

  resume(): void {
    if (this.#stoppedSinceMs === undefined || this.isKilled) return;
    this.#resumedMs = this.#parts.world.nowMs;
    if (this.#wokeMs === Infinity) this.#wokeMs = this.#resumedMs;
    this.#stoppedMs += this.#resumedMs - this.#stoppedSinceMs;
    this.#stoppedSinceMs = undefined;
    this.runtime.resume();
  }

  kill(): void {
    for (const attempt of this.#parts.history.attempts)
      if (attempt.process === this.name) attempt.outcome ??= "died";
    for (const question of this.#parts.history.questions)
      if (question.process === this.name && question.answeredMs === undefined) question.died = true;
    this.runtime.kill();
    this.link.heal();
    for (const end of [...this.#open]) end();
  }

  /** SIGTERM: gone within its time, whatever etcd does. */
  async drain(): Promise<void> {
    this.#draining = true;
    const { runtime, kernel, owner } = this;
    const never = new AbortController().signal;
    await kernel.drain({
      ...{ signal: never, deadline: after(runtime.now(), drainMs), callersEnded: false },
    });
    await owner.close();
    await kernel.close();
  }

  acquire(request: AcquireRequest, undeliverable = false): Asked<Acquired> {
    const controller = new AbortController();
    let attempt: Attempt | undefined;
    const asked = this.#ask<Acquired>(() => {
      const met = (attempt = this.#arrived(request));
      // As the HTTP handler does it: a try is not told that its caller goes.
      const heard = request.waitMs > 0 ? controller.signal : undefined;
      const work = this.kernel.locks.acquire(request, heard);
      return work.then(
        (acquired) => this.#acquired(met, acquired, undeliverable || controller.signal.aborted),
        (error: unknown) => {
          this.#notAcquired(met, error, controller.signal.aborted);
          throw error;
        },
      );
    });
    const leave = () => {
      asked.leave();
      this.#toProcess(() => {
        if (attempt !== undefined && attempt.outcome === undefined)
          attempt.leftStep = this.#parts.world.steps;
        controller.abort(new Error("the client went away"));
      });
    };
    return { answer: asked.answer, leave };
  }

  look(grantId: string): Promise<Answer<GrantView>> {
    return this.#claiming(`look at ${grantId}`, () => this.kernel.locks.grant(grantId));
  }

  renew(grantId: string, ttlMs?: number): Promise<Answer<GrantView>> {
    return this.#claiming(`renewal of ${grantId}`, () => this.kernel.locks.renew(grantId, ttlMs));
  }

  release(grantId: string): Promise<Answer<"released" | "unknown">> {
    return this.#question(`release of ${grantId}`, async () => {
      const freed = await this.kernel.locks.release(grantId);
      if (freed === "released") this.#parts.released(grantId);
      return freed;
    });
  }

  /** Writes into what the grant's lock guards. */
  async writeGuarded({ grantId, pool, name }: GrantView): Promise<GuardedWrite> {
    const { history, world } = this.#parts;
    const id = `${grantId}#${String(history.guarded.size)}`;
    const write: GuardedWrite = {
      ...{ id, grantId, process: this.name, askedMs: world.nowMs, effects: [] },
    };
    history.guarded.set(id, write);
    const put = {
      kind: "putDurable",
      key: `${guardedRoot}${pool}/${name}`,
      value: Buffer.from(id),
    } as const;
    const answer = await this.#question(`guarded write ${id}`, () =>
      this.kernel.locks.writeGuarded(grantId, { when: [], then: [put], otherwise: [] }),
    );
    if (answer.kind === "answered") write.answer = answer.value.kind;
    else if (answer.kind === "refused") write.answer = "lost";
    return write;
  }

  /** The caller closes the stream that the grant lives by. */
  hangUp(grantId: string): Promise<Answer<undefined>> {
    return this.#question(`closing of the stream of ${grantId}`, () => {
      this.kernel.locks.streamClosed(grantId, "released");
      return Promise.resolve(undefined);
    });
  }

  forceRelease(request: ForceRequest): Promise<Answer<ForceReleased>> {
    return this.#question(`forced release of ${request.pool}/${request.name}`, () =>
      this.kernel.locks.forceRelease(request),
    );
  }

  releaseByHolder(holder: string): Promise<Answer<unknown>> {
    const { history, world } = this.#parts;
    // What is given to it while the question is on its way is released, too.
    const letGo = () => {
      history.letGo(world.nowMs, (grant) => grant.holder === holder && grant.process === this.name);
    };
    letGo();
    return this.#question(`release of all that ${holder} holds`, () => {
      letGo();
      return this.kernel.locks.releaseByHolder(holder);
    });
  }

  view(pool: string, name: string): Promise<Answer<unknown>> {
    return this.#question(`look at ${pool}/${name}`, () => this.kernel.views.look(pool, name));
  }

  #claiming(what: string, work: () => Promise<GrantView>): Promise<Answer<GrantView>> {
    return this.#question(what, async () => {
      const view = await work();
      this.#parts.claimed(this, view, undefined);
      return view;
    });
  }

  #question<T>(what: string, work: () => Promise<T>): Promise<Answer<T>> {
    return this.#ask(async () => {
      const { world, history } = this.#parts;
      const { name: process, ranMs: askedRunMs } = this;
      const question: Question = { what, process, askedMs: world.nowMs, askedRunMs };
      history.questions.push(question);
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Refusal))
          history.violated("answers", `${what} at ${process} threw ${String(error)}`, world.nowMs);
        throw error;
      } finally {
        question.answeredMs = world.nowMs;
        question.answeredRunMs = this.ranMs;
      }
    }).answer;
  }

  #arrived(request: AcquireRequest): Attempt {
    const { world, history } = this.#parts;
    const attempt: Attempt = {
      id: history.attempts.length,
      process: this.name,
      lock: (request.locks ?? [request]).map(pathOf).join(" and "),
      locks: request.locks?.map(pathOf),
      hasOwnPlace: this.#hasOwnPlace(request),
      waitMs: request.waitMs,
      requestId: request.requestId,
      owner: request.owner,
      arrivedMs: world.nowMs,
      arrivedStep: world.steps,
      arrivedRunMs: this.ranMs,
    };
    history.attempts.push(attempt);
    return attempt;
  }

  #hasOwnPlace({ pool, mode, locks, owner }: AcquireRequest): boolean {
    const spec = this.kernel.specs.record("DistributedLock", pool)?.lock;
    const stands = locks !== undefined || owner !== undefined;
    return stands || mode === "shared" || spec?.mode === "Semaphore";
  }

  #acquired(attempt: Attempt, acquired: Acquired, undeliverable: boolean): Acquired {
    this.#settle(attempt);
    attempt.outcome = acquired.kind;
    if (acquired.kind !== "granted") return acquired;
    attempt.grantId = acquired.grant.grantId;
    this.#parts.claimed(this, acquired.grant, attempt);
    this.#listen(acquired.grant.grantId);
    if (undeliverable) {
      this.kernel.locks.undelivered(acquired.grant.grantId);
      for (const grant of this.#parts.history.grantsOf(acquired.grant.grantId)) grant.claims.pop();
      throw new Error("its socket was closed");
    }
    return acquired;
  }

  /** As a stream does that is read as it comes. */
  #listen(grantId: string): void {
    const { history, world } = this.#parts;
    const told = ({ kind }: GrantEvent): void => {
      if (kind !== "lost" && kind !== "released") return;
      for (const grant of history.grantsOf(grantId)) grant.toldMs ??= world.nowMs;
    };
    this.kernel.locks.follow(grantId, { told });
  }

  #notAcquired(attempt: Attempt, error: unknown, left: boolean): void {
    if (attempt.outcome !== undefined) return;
    this.#settle(attempt);
    attempt.outcome = error instanceof Refusal ? "refused" : "left";
    if (error instanceof Refusal) {
      attempt.code = error.code;
      if (error.code === "deadlock")
        attempt.circle = error.facts["waits"] as readonly DeadlockWait[];
    } else if (!left) {
      const { world, history } = this.#parts;
      history.violated("answers", `an acquire at ${this.name} threw ${String(error)}`, world.nowMs);
    }
  }

  #settle(attempt: Attempt): void {
    const { world } = this.#parts;
    attempt.settledMs = world.nowMs;
    attempt.settledStep = world.steps;
    attempt.settledRunMs = this.ranMs;
    attempt.session = this.kernel.sessions.status().session;
  }

  #ask<T>(work: () => Promise<T>): Asked<T> {
    const { promise, resolve } = Promise.withResolvers<Answer<T>>();
    const end = () => {
      this.#open.delete(end);
      resolve({ kind: "cut" });
    };
    this.#open.add(end);
    const hear = (answer: Answer<T>) => {
      this.#hop(() => {
        this.#open.delete(end);
        resolve(answer);
      });
    };
    this.#toProcess(() => {
      work().then(
        (value) => {
          hear({ kind: "answered", value });
        },
        (error: unknown) => {
          if (error instanceof Refusal)
            hear({ kind: "refused", code: error.code, facts: error.facts });
          else hear({ kind: "cut" });
        },
      );
    });
    if (this.isKilled) end();
    return { answer: promise, leave: end };
  }

  /** What was promised by a deadline binds: it never goes back. */
  #heedDeadline(): void {
    const { history, world } = this.#parts;
    const { session = "", deadlineInMs = 0 } = this.kernel.sessions.status();
    const at = this.runtime.now() + deadlineInMs;
    const before = this.#deadline;
    if (session === before.session && at < before.at - roundingMs)
      history.violated(
        "deadline",
        `the deadline of session ${session} went back by ${String(before.at - at)} ms`,
        world.nowMs,
      );
    if (session !== before.session || at > before.at) this.#deadline = { session, at };
  }

  #toProcess(run: () => void): void {
    this.#hop(() => {
      this.runtime.deliver(run);
    });
  }

  #hop(run: () => void): void {
    this.#parts.world.in(this.#hops.between(hopMs), run);
  }
}
