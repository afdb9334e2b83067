/**
 * What the leader owes the spec tree as a whole: the installation's record with the fence base, raised at the beginning of
 * each term and whenever etcd is not what it was (core/spec/duty.ts). A tree that is somebody else's is left alone.
 *
 * It looks every two seconds, and so is also the one that knows whether etcd answers.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import type { Outcome } from "#core/outcome.ts";
import { anewKey } from "#core/session/keys.ts";
import { raiseBase } from "#core/spec/base.ts";
import {
  clearingAnew,
  judgeBase,
  oldGuaranteesAreOver,
  strangeInstallation,
  type BaseDuty,
} from "#core/spec/duty.ts";
import { installationKey } from "#core/spec/keys.ts";
import { readInstallation } from "#core/spec/records.ts";
import type { Fact, KeyValue, Revision, Snapshot, Store } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import type { BackendView } from "../conditions/backend-reachable.ts";

/** What a process keeps of etcd over all its terms. */
export interface Ancestry {
  /** The highest revision that was ever seen. */
  highest(): Revision;
  /** Of all bases that were ever seen. */
  highestBase: bigint;
}

export interface TreeOwnerParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly ancestry: Ancestry;
  /** What is written into the installation's record. */
  readonly owner: string;
  /** Of all sidecars' sessions: no guarantee runs longer. */
  readonly sessionTtlMs: number;
  /** Whose `anew` is looked for. */
  readonly namespaces: () => Iterable<string>;
  /** Why etcd does not answer, in the client's words. */
  readonly etcdProblem: () => string | undefined;
  /** What is known of etcd, or whether anything may be published, is not what it was. */
  readonly changed: () => void;
  /** Whether this process may write now. */
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

const lookEveryMs = 2_000;
const retryMs = 500;
const answerMs = 3_000;
/** Of etcd: operations in one transaction. */
const rangesMax = 128;

export class TreeOwner implements AsyncDisposable {
  readonly #parts: TreeOwnerParts;
  readonly #tasks: Tasks;
  #backend: BackendView = { kind: "connecting" };
  #owned: Fact | undefined;
  #baseIsDue = true;
  /** How often etcd was seen to have begun anew: a base that was raised meanwhile says nothing of the last beginning. */
  #beginnings = 0;
  #anewSince: Instant | undefined;

  private constructor(parts: TreeOwnerParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
  }

  static start(parts: TreeOwnerParts): TreeOwner {
    const owner = new TreeOwner(parts);
    owner.#tasks.run("owning the spec tree", (signal) => owner.#run(signal));
    return owner;
  }

  get backend(): BackendView {
    return this.#backend;
  }

  /** What every write to the tree is given. Undefined: nothing may be written now. */
  get owned(): Fact | undefined {
    return this.#owned;
  }

  /** The process has seen that etcd began anew. */
  begunAnew(): void {
    this.#anewSince ??= this.#parts.runtime.now();
    this.#baseIsDue = true;
    this.#beginnings += 1;
    this.#owned = undefined;
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      const isSettled = await this.#settle(signal);
      await sleep(runtime, isSettled ? lookEveryMs : retryMs, signal);
    }
  }

  /** False: something is left for the next look. */
  async #settle(signal: AbortSignal): Promise<boolean> {
    const beginnings = this.#beginnings;
    const seen = await this.#look(signal);
    signal.throwIfAborted();
    if (seen.kind !== "done") {
      const problem =
        this.#parts.etcdProblem() ?? (seen.reason.code === "stale" ? "stale" : seen.reason.message);
      this.#say({ kind: "unreachable", problem });
      return false;
    }
    const { runtime, owner, ancestry, sessionTtlMs } = this.#parts;
    const { there, anew } = seen.value;
    const { cluster } = seen.at;
    const isAnew = anew.length > 0;
    const { highestBase } = ancestry;
    const duty = judgeBase({ there, owner, cluster, highestBase, anew: isAnew });
    if (duty.kind === "foreign") {
      this.#refuse(duty);
      return true;
    }
    this.#say({ kind: "reachable" });
    const base = readInstallation(there)?.base ?? 0n;
    if (base > ancestry.highestBase) ancestry.highestBase = base;
    if (isAnew) this.#anewSince ??= runtime.now();
    if (!oldGuaranteesAreOver(this.#anewSince, { now: runtime.now(), sessionTtlMs })) return false;
    if (duty.kind === "stands" && !this.#baseIsDue && this.#isOurs(there)) return true;
    return this.#raise({ ...seen.value, cluster, beginnings });
  }

  async #look(signal: AbortSignal): Promise<Outcome<Look>> {
    const { runtime, store, namespaces } = this.#parts;
    const keys = [installationKey, ...[...namespaces()].map(anewKey)];
    const anew: KeyValue[] = [];
    for (let from = 0; ; from += rangesMax) {
      const part = keys.slice(from, from + rangesMax).map((key) => ({ key }));
      const wait = { signal, deadline: after(runtime.now(), answerMs) };
      const read: Outcome<Snapshot> = await store.read(part, wait);
      if (read.kind !== "done") return read;
      anew.push(...read.value.ranges.flatMap(({ keys: [found] }) => found ?? []));
      if (from + rangesMax < keys.length) continue;
      const there = anew.find(({ key }) => key === installationKey);
      const rest = anew.filter(({ key }) => key !== installationKey);
      return { ...read, value: { there, anew: rest, revision: read.value.revision } };
    }
  }

  /** `beginnings`: as many as there were when the look was begun. */
  async #raise({
    there,
    anew,
    cluster,
    revision,
    beginnings,
  }: Look & { readonly cluster: string; readonly beginnings: number }): Promise<boolean> {
    const { runtime, store, owner, ancestry, mayAct } = this.#parts;
    this.#owned = undefined;
    if (!mayAct()) return false;
    const raise = raiseBase(there, owner, {
      ...{ cluster, revision, highest: ancestry.highest() },
      ...{ highestBase: ancestry.highestBase, wallNow: runtime.wallNow() },
    });
    const outcome = await store.write(raise.write);
    if (outcome.kind !== "done" || !outcome.value.held) {
      runtime.log.warn("the fence base could not be raised; it is tried again", {
        reason: outcome.kind === "done" ? "it was changed meanwhile" : outcome.reason,
      });
      return false;
    }
    ancestry.highestBase = raise.installation.base;
    runtime.log.info("the fence base is raised", { base: raise.installation.base.toString() });
    for (const key of anew) {
      if ((await store.write(clearingAnew(key))).kind !== "done") return false;
    }
    if (beginnings !== this.#beginnings) return false;
    this.#baseIsDue = false;
    this.#anewSince = undefined;
    this.#own(outcome.at.revision);
    return true;
  }

  /** Nobody has raised the base since we did. Else another leads, or led: what it left is only taken over by a raise. */
  #isOurs(there: KeyValue | undefined): boolean {
    return this.#owned?.kind === "modified" && this.#owned.revision === there?.modRevision;
  }

  #own(revision: Revision): void {
    this.#owned = { kind: "modified", key: installationKey, revision };
    this.#parts.changed();
  }

  #refuse({ owner }: Extract<BaseDuty, { kind: "foreign" }>): void {
    this.#owned = undefined;
    const message =
      owner === undefined
        ? `${strangeInstallation}; name another etcd in this installation's Backend 'default', or use a newer operator`
        : `this etcd's spec tree belongs to '${owner}', and this installation is '${this.#parts.owner}': name another etcd in its Backend 'default'; or, where the other is gone for good, delete the key ${installationKey}`;
    this.#say({ kind: "foreign", message });
  }

  #say(backend: BackendView): void {
    const before = this.#backend;
    this.#backend = backend;
    if (before.kind === backend.kind) return;
    const { log } = this.#parts.runtime;
    if (backend.kind === "foreign") log.error(backend.message);
    else if (backend.kind === "unreachable") log.warn("etcd does not answer", { ...backend });
    else log.info("etcd answers");
    this.#parts.changed();
  }
}

interface Look {
  /** What stands in the installation's key. */
  readonly there: KeyValue | undefined;
  readonly anew: readonly KeyValue[];
  readonly revision: Revision;
}
