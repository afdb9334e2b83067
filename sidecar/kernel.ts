/**
 * One sidecar's core, composed: sessions, the spec tree's mirror, locks. The same in a process on a real etcd and, several
 * at a time, in the simulation.
 */
import { sleep, type LogFields, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Store } from "#core/store.ts";
import { Locks, type DrainWait } from "#core/lock/locks.ts";
import { anewKey } from "#core/session/keys.ts";
import { Lineage, TracedStore, type Anew } from "#core/session/lineage.ts";
import { Sessions } from "#core/session/sessions.ts";
import type { ResourceRecord } from "#core/spec/records.ts";
import { LockViews } from "./lock-views.ts";
import { Reporter, type About } from "./report.ts";
import { SpecMirror } from "./resources/mirror.ts";
import { encodeJson } from "#core/json.ts";

const anewPauseMs = 500;

export interface KernelOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly sessionTtlMs: number;
  /** Whether this pod may force a release where `admin` is Annotated; absent: no. */
  readonly isAdmin?: boolean;
  /** What the operator is told of this process; absent: there is none who would read it. */
  readonly report?: About | undefined;
}

export interface KernelParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly options: KernelOptions;
  /** What an earlier life of this process knew of the resources. */
  readonly remembered?: readonly ResourceRecord[] | undefined;
  /** A broken invariant: the process must end. */
  readonly onBug: (name: string, error: unknown) => void;
  /** Etcd was seen to begin anew; told besides what core does about it. */
  readonly onAnew?: () => void;
}

export class Kernel {
  readonly store: Store;
  readonly lineage: Lineage;
  readonly sessions: Sessions;
  readonly specs: SpecMirror;
  readonly locks: Locks;
  readonly views: LockViews;
  readonly #reporter: Reporter | undefined;
  readonly #parts: KernelParts;
  readonly #tasks: Tasks;

  /** Never fails because etcd is down: it keeps trying. */
  static start(parts: KernelParts): Kernel {
    return new Kernel(parts);
  }

  private constructor(parts: KernelParts) {
    const { runtime, options, onBug } = parts;
    this.#parts = parts;
    this.#tasks = new Tasks((name, error) => {
      onBug(name, error);
    });
    const { namespace, pod, sessionTtlMs } = options;
    this.lineage = new Lineage((anew) => {
      this.#begunAnew(show(anew));
    });
    const store = new TracedStore(parts.store, this.lineage);
    this.store = store;
    this.sessions = Sessions.start({
      runtime,
      store,
      namespace,
      pod,
      ttlMs: sessionTtlMs,
      onBug,
      onNew: () => {
        this.specs.forget();
      },
    });
    this.specs = SpecMirror.start({
      runtime,
      store,
      namespace,
      onBug,
      onBaseFell: () => {
        this.#begunAnew({ sign: "the fence base is below one seen before" });
      },
      remembered: parts.remembered,
    });
    this.locks = Locks.start({
      runtime,
      store,
      sessions: this.sessions,
      mirror: this.specs,
      namespace,
      pod,
      isAdmin: options.isAdmin ?? false,
      onBug,
    });
    this.views = new LockViews({
      ...{ runtime, store, namespace, pod, specs: this.specs, tasks: this.#tasks },
      standersOf: (lock) => this.locks.standersOf(lock),
      marksOf: (pool) => this.locks.marksOf(pool),
      observe: (lock, observer) => this.locks.observe(lock, observer),
    });
    if (options.report !== undefined) this.#reporter = this.#report(options.report);
  }

  /** Ends waits and lets go of what promises nothing, while the session goes on. Returns whether something is still held. */
  letGo(wait: DrainWait): Promise<boolean> {
    return this.locks.drain(wait);
  }

  /**
   * Ends waits, lets go of what promises nothing; the lease goes too where no guarantee is left running. Returns whether all
   * is let go of.
   */
  async drain(wait: DrainWait): Promise<boolean> {
    const stillHeld = await this.locks.drain(wait);
    this.locks.leave();
    await this.sessions.stop(!stillHeld, wait);
    return !stillHeld;
  }

  async close(): Promise<void> {
    await this.#reporter?.close();
    await this.locks.close();
    await this.specs.close();
    await this.sessions.close();
    await this.#tasks.close();
  }

  #report(about: About): Reporter {
    const { runtime, onBug, options } = this.#parts;
    const { store, sessions, specs, locks } = this;
    const { namespace, pod } = options;
    const core = { store, sessions, specs, locks };
    return Reporter.start({ ...core, runtime, namespace, pod, about, onBug });
  }

  #begunAnew(sign: LogFields): void {
    const { runtime, onAnew } = this.#parts;
    runtime.log.error("etcd began anew: it is not as it was seen before", sign);
    this.sessions.endCurrent("etcd began anew");
    this.specs.forget();
    if (!this.#tasks.signal.aborted)
      this.#tasks.run("telling that etcd began anew", (signal) => this.#tellAnew(signal));
    onAnew?.();
  }

  /**
   * Stops all grants of the namespace until the owner of the spec tree has raised the fence base and deleted the key; our
   * own from now on, for the key may be long in coming: an etcd whose space is used up takes none.
   */
  async #tellAnew(signal: AbortSignal): Promise<void> {
    const { runtime, options } = this.#parts;
    const key = anewKey(options.namespace);
    const told = this.specs.holdGrants();
    for (;;) {
      const outcome = await this.store.write({
        given: [],
        when: [],
        then: [{ kind: "putDurable", key, value: encodeJson({ pod: options.pod }) }],
        otherwise: [],
      });
      if (outcome.kind === "done") break;
      await sleep(runtime, anewPauseMs, signal);
    }
    told();
  }
}

function show({ was, is }: Anew): LogFields {
  return {
    was: { ...was, revision: was.revision.toString() },
    is: { ...is, revision: is.revision.toString() },
  };
}
