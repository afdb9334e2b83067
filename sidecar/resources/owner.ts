/**
 * The owner of the spec tree in standalone mode: one more small operator. It raises the fence base (base.ts), and publishes
 * the documents of its files.
 *
 * A document is published when its file *changed* or its record is missing, never to repair: two sidecars with two files do
 * not fight. What is in force is the record; a file that differs is named. At its start a sidecar cannot have seen a change;
 * there a file counts as changed that is newer than the record's publication. A record is deleted only by who saw its
 * document go. Every write compares the record that it was judged by; a lost answer is settled by reading again, since
 * publishing the same twice changes nothing.
 *
 * What it owes the base, and `anew` in the namespace's data, is told in core/spec/duty.ts.
 */
import type { DistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { after, sleep, type Epoch, type Instant, type Runtime } from "#core/runtime.ts";
import { noRevision, type KeyValue, type Store } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { anewKey } from "#core/session/keys.ts";
import type { Lineage } from "#core/session/lineage.ts";
import { canonicalJson, decodeJson, numberOf } from "#core/json.ts";
import { raiseBase } from "#core/spec/base.ts";
import {
  clearingAnew,
  judgeBase,
  oldGuaranteesAreOver,
  strangeInstallation,
} from "#core/spec/duty.ts";
import { installationKey, recordKey } from "#core/spec/keys.ts";
import { encodeRecord, readRecord } from "#core/spec/records.ts";
import type { SpecMirror } from "./mirror.ts";

export const standaloneOwner = "standalone";
const answerMs = 5_000;
const pauseMs = 500;
const documentsMax = 10_000;

export interface Document {
  readonly kind: "DistributedLock";
  readonly name: string;
  readonly spec: DistributedLockSpec;
  /** When its file was last changed; absent: not known, and taken as older than any record. */
  readonly changedAt?: Epoch | undefined;
}

export interface OwnerStatus {
  /** Why nothing is published at all. */
  readonly refused?: string | undefined;
  /** Documents that are not what is in force. */
  readonly differing: readonly {
    readonly kind: string;
    readonly name: string;
    readonly reason: string;
  }[];
}

export interface OwnerParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  readonly mirror: SpecMirror;
  readonly lineage: Lineage;
  /** Of all sessions here: no guarantee runs longer. */
  readonly sessionTtlMs: number;
  /** The tree belongs to somebody else, or an invariant broke: the process must end. */
  readonly onFatal: (name: string, error: unknown) => void;
}

/** What this process last did about a document, so that it can tell a change from a difference. */
interface Published {
  readonly text: string;
  readonly differs?: string | undefined;
}

export class SpecOwner {
  readonly #parts: OwnerParts;
  readonly #tasks: Tasks;
  readonly #published = new Map<string, Published>();
  #wanted: ReadonlyMap<string, Document> | undefined;
  #wake: (() => void) | undefined;
  #dirty = false;
  #baseIsDue = true;
  /** How often etcd was told to have begun anew: a base that was raised meanwhile says nothing of the last beginning. */
  #beginnings = 0;
  /** Since when it is known that etcd began anew, while this process ran. */
  #anewSince: Instant | undefined;
  #refused: string | undefined;

  static start(parts: OwnerParts): SpecOwner {
    return new SpecOwner(parts);
  }

  private constructor(parts: OwnerParts) {
    this.#parts = parts;
    parts.mirror.distrustBase();
    this.#tasks = new Tasks((name, error) => {
      parts.onFatal(`owner of the spec tree: ${name}`, error);
    });
    this.#tasks.run("working", (signal) => this.#run(signal));
  }

  /** The whole set of documents that the files hold now; the latest set wins. */
  publish(documents: readonly Document[]): void {
    if (documents.length > documentsMax) {
      this.#parts.runtime.log.error("too many documents; the set is not published", {
        documentsMax,
      });
      return;
    }
    this.#wanted = new Map(
      documents.map((document) => [
        recordKey(this.#parts.namespace, document.kind, document.name),
        document,
      ]),
    );
    this.#dirty = true;
    this.#wake?.();
  }

  /** Etcd began anew: the base is to be raised, and everything published again. */
  begunAnew(): void {
    this.#parts.mirror.distrustBase();
    this.#anewSince ??= this.#parts.runtime.now();
    this.#baseIsDue = true;
    this.#beginnings += 1;
    this.#dirty = true;
    this.#wake?.();
  }

  status(): OwnerStatus {
    const differing = [...this.#published].flatMap(([key, { differs }]) => {
      const document = this.#wanted?.get(key);
      return differs === undefined || document === undefined
        ? []
        : [{ kind: document.kind, name: document.name, reason: differs }];
    });
    return { refused: this.#refused, differing };
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { runtime, mirror } = this.#parts;
    for (;;) {
      this.#dirty = false;
      const { version } = mirror;
      const settled = await this.#settle(signal);
      if (this.#refused !== undefined) throw new Error(this.#refused);
      if (!settled) await sleep(runtime, pauseMs * (0.5 + runtime.random()), signal);
      else if (!this.#dirty && version === mirror.version)
        await this.#somethingToDo(mirror, signal);
    }
  }

  async #somethingToDo(mirror: SpecMirror, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const either = AbortSignal.any([signal, waiting.signal]);
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([woken, mirror.nextChange(either)]);
    this.#wake = undefined;
    waiting.abort(new Error("no longer waited for"));
    signal.throwIfAborted();
  }

  /** One pass over all that may be due. False: something is left for the next. */
  async #settle(signal: AbortSignal): Promise<boolean> {
    if (!(await this.#settleBase(signal))) return false;
    const wanted = this.#wanted;
    if (wanted === undefined) return true;
    await this.#parts.mirror.ready;
    let settled = true;
    for (const [key, document] of wanted) {
      settled = (await this.#settleDocument(key, document, signal)) && settled;
      signal.throwIfAborted();
    }
    for (const key of [...this.#published.keys()]) {
      if (!wanted.has(key)) settled = (await this.#retract(key, signal)) && settled;
      signal.throwIfAborted();
    }
    return settled;
  }

  async #settleBase(signal: AbortSignal): Promise<boolean> {
    const { runtime, store, namespace, lineage, mirror, sessionTtlMs } = this.#parts;
    const wait = { signal, deadline: after(runtime.now(), answerMs) };
    const beginnings = this.#beginnings;
    const read = await store.read([{ key: installationKey }, { key: anewKey(namespace) }], wait);
    signal.throwIfAborted();
    if (read.kind !== "done") return false;
    const there = read.value.ranges[0]?.keys[0];
    const anew = read.value.ranges[1]?.keys[0];
    const duty = judgeBase({
      there,
      owner: standaloneOwner,
      cluster: read.at.cluster,
      highestBase: mirror.highestBase,
      anew: anew !== undefined,
    });
    if (duty.kind === "foreign") {
      this.#refused = refusalOf(duty.owner);
      return false;
    }
    if (anew !== undefined) this.#anewSince ??= runtime.now();
    if (!oldGuaranteesAreOver(this.#anewSince, { now: runtime.now(), sessionTtlMs })) return false;
    if (!this.#baseIsDue && duty.kind === "stands") return true;
    const { revision } = read.value;
    const raise = raiseBase(there, standaloneOwner, {
      cluster: read.at.cluster,
      revision,
      highest: lineage.highest,
      highestBase: mirror.highestBase,
      wallNow: runtime.wallNow(),
    });
    const outcome = await store.write(raise.write);
    if (outcome.kind !== "done" || !outcome.value.held) return false;
    if (beginnings !== this.#beginnings) return false;
    const { revision: modRevision } = outcome.at;
    mirror.trustBase({ ...raise.installation, modRevision });
    runtime.log.info("the fence base is raised", { base: raise.installation.base.toString() });
    if (anew !== undefined && !(await this.#clearAnew(anew))) return false;
    if (beginnings !== this.#beginnings) return false;
    this.#baseIsDue = false;
    this.#anewSince = undefined;
    return true;
  }

  async #clearAnew(anew: KeyValue): Promise<boolean> {
    return (await this.#parts.store.write(clearingAnew(anew))).kind === "done";
  }

  async #settleDocument(key: string, document: Document, signal: AbortSignal): Promise<boolean> {
    const { runtime, store } = this.#parts;
    const text = canonicalJson(document.spec);
    const before = this.#published.get(key);
    const known = this.#parts.mirror.record(document.kind, document.name);
    if (before?.text === text && known !== undefined) {
      const same = known.lock !== undefined && canonicalJson(known.lock) === text;
      if (same !== (before.differs === undefined))
        this.#note(key, document, same ? undefined : differsFromRecord);
      return true;
    }
    const read = await store.read([{ key }], { signal, deadline: after(runtime.now(), answerMs) });
    signal.throwIfAborted();
    if (read.kind !== "done") return false;
    const there = read.value.ranges[0]?.keys[0];
    const record =
      there === undefined ? undefined : readRecord(there, document.kind, document.name);
    if (record?.lock !== undefined && canonicalJson(record.lock) === text) {
      this.#note(key, document, undefined);
      return true;
    }
    const changed = before !== undefined ? before.text !== text : isNewer(document, there);
    if (there !== undefined && !changed) {
      this.#note(key, document, differsFromRecord);
      return true;
    }
    const mode = (record?.spec as { mode?: unknown } | undefined)?.mode;
    if (record !== undefined && typeof mode === "string" && mode !== document.spec.mode) {
      this.#note(
        key,
        document,
        `its mode is ${document.spec.mode}, the record's is ${mode}: a pool's mode cannot change`,
      );
      return true;
    }
    return this.#put(key, document, there);
  }

  async #put(key: string, document: Document, there: KeyValue | undefined): Promise<boolean> {
    const { runtime, store } = this.#parts;
    const record =
      there === undefined ? undefined : readRecord(there, document.kind, document.name);
    const value = encodeRecord({
      uid: record?.uid ?? runtime.randomId(16),
      generation: (record?.generation ?? 0) + 1,
      level: 1,
      spec: document.spec,
      publishedAt: runtime.wallNow(),
    });
    const outcome = await store.write({
      given: [],
      when: [{ kind: "modified", key, revision: there?.modRevision ?? noRevision }],
      then: [{ kind: "putDurable", key, value }],
      otherwise: [],
    });
    if (outcome.kind !== "done" || !outcome.value.held) return false;
    this.#note(key, document, undefined);
    runtime.log.info("published", { kind: document.kind, name: document.name });
    return true;
  }

  async #retract(key: string, signal: AbortSignal): Promise<boolean> {
    const { runtime, store } = this.#parts;
    if (this.#published.get(key)?.differs === undefined) {
      const read = await store.read([{ key }], {
        signal,
        deadline: after(runtime.now(), answerMs),
      });
      signal.throwIfAborted();
      if (read.kind !== "done") return false;
      const there = read.value.ranges[0]?.keys[0];
      if (there !== undefined) {
        const when = [{ kind: "modified", key, revision: there.modRevision } as const];
        const outcome = await store.write({
          given: [],
          when,
          then: [{ kind: "delete", key }],
          otherwise: [],
        });
        if (outcome.kind !== "done" || !outcome.value.held) return false;
        runtime.log.info("retracted: its document is gone", { key });
      }
    }
    this.#published.delete(key);
    return true;
  }

  #note(key: string, document: Document, differs: string | undefined): void {
    const before = this.#published.get(key);
    this.#published.set(key, { text: canonicalJson(document.spec), differs });
    if (differs !== undefined && before?.differs !== differs) {
      this.#parts.runtime.log.warn("a file differs from what is in force", {
        kind: document.kind,
        name: document.name,
        reason: differs,
      });
    }
  }
}

const differsFromRecord =
  "the record in etcd is another, and is in force; edit this file to publish it";

function isNewer(document: Document, record: KeyValue | undefined): boolean {
  if (record === undefined || document.changedAt === undefined) return record === undefined;
  const publishedAt = numberOf(decodeJson(record.value)?.["publishedAt"]);
  return publishedAt !== undefined && document.changedAt > publishedAt;
}

function refusalOf(owner: string | undefined): string {
  if (owner === undefined) return `${strangeInstallation}; use another etcd, or a newer sidecar`;
  return `this etcd's resources belong to '${owner}', not to standalone sidecars: use another etcd, or run the sidecar without HOLDFAST_RESOURCES`;
}
