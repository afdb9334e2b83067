/**
 * Tells the operator what this sidecar is, what it has taken in and what its callers hold and wait for: one value under
 * the session's lease (core/spec/report.ts). Only where an operator wrote the resources: in standalone mode nobody reads
 * it, and the sidecar's own API says the same.
 *
 * Written for each new session, soon after a record changed (applied, or problems: that is what a change of a resource is
 * counted as programmed by), and else when sums changed: at most every 15 s, and after a quiet time within a second, for a
 * first holder or waiter is what people look for. `applied` alone is no reason: every write of
 * anybody moves it on, this one too, and while no record changed the older one is as good.
 *
 * Each write is the whole value and is given the session's epoch, so:
 *   done      that stands there;
 *   refused   nothing was written: again, at once where only the epoch moved, else (etcd is full) with the next sums;
 *   lost      it may be written, now or later, also over a later one: written again at once, and once more when no
 *             request as old as the lost one can be under way. No epoch is raised: nothing is decided by this value.
 * The key is known to the session's audit from before the first write, and goes with the lease.
 */
import { protocolLevel } from "#api/names.ts";
import type { Cohort } from "#core/lock/cohort.ts";
import { after, sleep, type Epoch, type Instant, type Runtime } from "#core/runtime.ts";
import type { Session } from "#core/session/session.ts";
import type { Sessions } from "#core/session/sessions.ts";
import { distributedLockKind, type ResourceRecord } from "#core/spec/records.ts";
import { encodeReport, reportKey, type ResourceReport } from "#core/spec/report.ts";
import { noRevision, type Revision, type Store } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { untilChange } from "./until-change.ts";

/** Sums are told no oftener, and at most a third later. */
export const sumsEveryMs = 15_000;
const laterMax = 1 / 3;
/** After that, whether they changed is looked at so often. */
const lookEveryMs = 1_000;
/** A change of a record is told after so long, for another often comes with it; jittered, for all sidecars hear at once. */
const gatherMs = { min: 50, max: 450 };
/** Between two writes. A large value pays for its size: a sidecar writes no more than so much. */
const pauseMinMs = 500;
const bytesPerMs = 32;
/** Of the listed resources. Far below what etcd takes, for it rides in batches of 512 KiB. */
export const listBytesMax = 262_144;

export interface About {
  readonly version: string;
  readonly node?: string | undefined;
}

/** The copy of the spec tree, as far as it is told of. */
export interface Applied {
  readonly version: number;
  readonly appliedRevision: Revision;
  records(): readonly ResourceRecord[];
  nextChange(signal: AbortSignal): Promise<void>;
}

export interface ReporterParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Pick<Sessions, "live">;
  readonly specs: Applied;
  readonly locks: { cohorts(): Iterable<Pick<Cohort, "lock" | "grants" | "callers">> };
  readonly namespace: string;
  readonly pod: string;
  readonly about: About;
  readonly onBug: (name: string, error: unknown) => void;
}

/** What was written for a session, and when. */
interface Told {
  /** Of the copy that it was made from. Undefined: it has to be written again, soon. */
  readonly specs: number | undefined;
  /** Undefined: not known to stand there. */
  readonly content: string | undefined;
  /** Of all pools, as it was then. */
  readonly sums: string;
  readonly at: Instant;
  readonly sizeBytes: number;
  /** An earlier write may still come to stand over it. */
  readonly mayBeOverwritten: boolean;
}

export class Reporter {
  readonly #parts: ReporterParts;
  readonly #tasks: Tasks;
  #problem: string | undefined;

  static start(parts: ReporterParts): Reporter {
    return new Reporter(parts);
  }

  private constructor(parts: ReporterParts) {
    this.#parts = parts;
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`report: ${name}`, error);
    });
    this.#tasks.run("telling", (signal) => this.#run(signal));
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const session = await this.#parts.sessions.live(signal);
      try {
        await this.#tellFor(session, AbortSignal.any([signal, session.ended]));
      } catch (error) {
        if (error !== session.ended.reason) throw error;
      }
    }
  }

  /** Until the signal aborts. */
  async #tellFor(session: Session, signal: AbortSignal): Promise<never> {
    const { runtime, specs } = this.#parts;
    let told: Told | undefined;
    let wasLost = false;
    for (;;) {
      await this.#untilDue(told, signal);
      const version = specs.version;
      const { content, encode } = this.#look(session.id);
      const sums = sumsText(this.#parts.locks.cohorts());
      if (told?.content === content && told.specs === version && !told.mayBeOverwritten) {
        told = { ...told, sums };
        continue;
      }
      const value = encode();
      const outcome = await this.#write(session, value, signal);
      told = {
        specs: outcome === "done" || outcome === "later" ? version : undefined,
        content: outcome === "done" ? content : undefined,
        sums,
        at: runtime.now(),
        sizeBytes: value.length,
        mayBeOverwritten: outcome === "lost" || wasLost,
      };
      wasLost = outcome === "lost";
    }
  }

  async #untilDue(told: Told | undefined, signal: AbortSignal): Promise<void> {
    const { runtime, specs, locks } = this.#parts;
    const gather = gatherMs.min + (gatherMs.max - gatherMs.min) * runtime.random();
    if (told === undefined) return sleep(runtime, gather, signal);
    const sumsAt = after(told.at, sumsEveryMs * (1 + laterMax * runtime.random()));
    const isUrgent = () => told.specs !== specs.version;
    const isOld = () =>
      told.content === undefined ||
      told.mayBeOverwritten ||
      told.sums !== sumsText(locks.cohorts());
    while (!isUrgent()) {
      const isTime = runtime.now() >= sumsAt;
      if (isTime && isOld()) return;
      const until = isTime ? after(runtime.now(), lookEveryMs) : sumsAt;
      await untilChange(this.#parts, until, signal);
    }
    const pause = after(told.at, Math.max(pauseMinMs, told.sizeBytes / bytesPerMs));
    await sleep(runtime, Math.max(gather, pause - runtime.now()), signal);
  }

  async #write(
    session: Session,
    value: Uint8Array,
    signal: AbortSignal,
  ): Promise<"done" | "soon" | "later" | "lost"> {
    const { store, namespace, runtime } = this.#parts;
    const key = reportKey(namespace, session.id);
    const sentUnder = session.epoch;
    session.know(key);
    const outcome = await store.write({
      given: [session.holds()],
      when: [],
      then: [{ kind: "putEphemeral", key, lease: session.lease, value }],
      otherwise: [],
    });
    signal.throwIfAborted();
    if (outcome.kind === "unknown") return "lost";
    if (outcome.kind === "refused" && outcome.reason.code === "stale") {
      await session.leaveEpoch(sentUnder);
      return "soon";
    }
    const problem = outcome.kind === "done" ? undefined : outcome.reason.code;
    if (problem !== undefined && problem !== this.#problem)
      runtime.log.warn("the operator cannot be told what is served here", { reason: problem });
    this.#problem = problem;
    return problem === undefined ? "done" : "later";
  }

  /** What is to be said now: the text tells whether it differs, without `applied`. */
  #look(session: string) {
    const { specs, locks, pod, about } = this.#parts;
    const { version, node } = about;
    const all = resourcesOf(specs.records(), locks.cohorts());
    const { resources, leftOut } = fitting(all, listBytesMax);
    const applied = specs.appliedRevision;
    const self = {
      session,
      version,
      level: protocolLevel,
      pod,
      ...(node === undefined ? {} : { node }),
    };
    return {
      content: JSON.stringify([resources.map(textOf), leftOut]),
      encode: () => encodeReport({ ...self, applied, resources, leftOut }),
    };
  }
}

/** Every resource that has a record, and every pool that somebody holds of or waits for. */
export function resourcesOf(
  records: readonly ResourceRecord[],
  cohorts: ReturnType<ReporterParts["locks"]["cohorts"]>,
): ResourceReport[] {
  const sums = sumsOf(cohorts);
  const known = records.map(({ kind, name, modRevision, problem }): ResourceReport => {
    const sum = kind === distributedLockKind ? sums.get(name) : undefined;
    if (sum !== undefined) sums.delete(name);
    return {
      ...{ kind, name, revision: modRevision },
      ...(problem === undefined ? {} : { problem: problem.code }),
      ...(sum ?? { held: 0, waiting: 0 }),
    };
  });
  const gone = [...sums].map(([name, sum]) => ({
    ...{ kind: distributedLockKind, name, revision: noRevision },
    ...sum,
  }));
  return [...known, ...gone].filter(
    ({ revision, held, waiting }) => revision > 0n || held + waiting > 0,
  );
}

interface Sum {
  held: number;
  waiting: number;
  oldestWaitSince?: Epoch;
}

/** By pool; of those that nobody uses there is none, or one of zeros. */
function sumsOf(cohorts: ReturnType<ReporterParts["locks"]["cohorts"]>): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const { lock, grants, callers } of cohorts) {
    const sum = sums.get(lock.pool) ?? { held: 0, waiting: 0 };
    sums.set(lock.pool, sum);
    sum.held += grants.length;
    for (const { trying, since } of callers) {
      if (trying) continue;
      sum.waiting += 1;
      if (since < (sum.oldestWaitSince ?? Infinity)) sum.oldestWaitSince = since;
    }
  }
  return sums;
}

/** Differs where what is reported of use differs, and perhaps where it does not. Cheap, for it is made every second. */
function sumsText(cohorts: ReturnType<ReporterParts["locks"]["cohorts"]>): string {
  return JSON.stringify([...sumsOf(cohorts)]);
}

/** As many as have room: those in use, then those with a problem, then the others, by name. */
export function fitting(
  all: readonly ResourceReport[],
  bytesMax: number,
): { readonly resources: readonly ResourceReport[]; readonly leftOut: number } {
  const ordered = [...all].sort((a, b) => rank(a) - rank(b) || order(nameOf(a), nameOf(b)));
  let bytes = 0;
  const end = ordered.findIndex((one) => (bytes += textOf(one).length + 1) > bytesMax);
  const resources = end < 0 ? ordered : ordered.slice(0, end);
  return { resources, leftOut: ordered.length - resources.length };
}

function rank({ held, waiting, problem }: ResourceReport): number {
  return held + waiting > 0 ? 0 : problem !== undefined ? 1 : 2;
}

function nameOf({ kind, name }: ResourceReport): string {
  return `${kind}/${name}`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** As it stands in the value. */
function textOf(one: ResourceReport): string {
  return JSON.stringify({ ...one, revision: one.revision.toString() });
}
