/**
 * Takes a lock from its holder: asks him for it, or, with `breakGuarantee`, deletes his place.
 *
 *   asked     a note in the inbox of the holder's session. That one tells its caller, who may release; when the grace is over
 *             the grant is over for him, and its place goes when the last stated guarantee has run out. A session that does not
 *             read it keeps its grant until it ends by itself.
 *   broken    the place is deleted, whatever was promised: from then on only the fence protects. A session that lives hears of
 *             it by a note that is written with it. By a fence it is broken as soon as a later hand-over must have been told:
 *             but for one in the last moment, which nobody but its sidecar can know, nobody later is hit.
 *
 * A set that waits only reserves the lock: it is asked for nothing, and is no holder. Whether it waits is told a second late, so it
 * is looked at again after that. By force its place is deleted, too, and it takes new ones: of a sidecar that does not answer
 * nobody knows what it has granted since.
 *
 * Writes: a note under our own lease, deleted by its reader, or by us a minute later; and, with `breakGuarantee`, the delete of
 * a contender of *another* session, comparing the create revision that was seen, in one write with the note. That is the one
 * write of Holdfast that touches another session's key: its owner takes a place that is gone for what it is, and makes its key
 * never again.
 * Lost answer: a note may be there or not, and is asked for again by asking again; what was broken is told as unknown.
 */
import { adminAnnotation } from "#api/names.ts";
import { bigintOf, decodeJson, encodeJson, textOf, wholeOf } from "../json.ts";
import { Refusal } from "../refusal.ts";
import { sleep, type Runtime } from "../runtime.ts";
import { noteKey } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Specs } from "../spec/specs.ts";
import type { KeyValue, Op, Revision, Store } from "../store.ts";
import type { Tasks } from "../tasks.ts";
import type { Stander } from "./around.ts";
import { isReserved, type Contender } from "./contender.ts";
import type { Counters } from "./counters.ts";
import { fenceOf } from "./fence.ts";
import type { Copy, Followings, Onlooker } from "./following.ts";
import type { Lock } from "./keys.ts";
import { look, type Look } from "./look.ts";
import { holders } from "./order.ts";
import { notConnected, storeRefused } from "./refusals.ts";
import { rulesOf } from "./rules.ts";
import { holderOf } from "./tell.ts";
import type { ForceReleased, ForceRequest, HolderView } from "./views.ts";

/** So long a note waits for its reader. */
const noteMs = 60_000;
/** Of one sidecar, waiting so: what a pod takes by force is bounded, too. */
const notesMax = 1_000;
/** A place that is granted, or passed on, tells of it at most once a second: by then it has, where its sidecar lives. */
const toldWithinMs = 1_500;
const graceMaxMs = 24 * 3_600_000;
const why = "revoke";
const brokenWhy = "broken";

export interface RevokeParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly mirror: Specs;
  readonly tasks: Tasks;
  readonly followings: Followings;
  readonly namespace: string;
  readonly pod: string;
  /** Whether this pod is one of those that are let where `admin` is Annotated. */
  readonly isAdmin: boolean;
  /** How many notes are waiting for their readers. */
  readonly notes: { waiting: number };
  readonly counters: Counters;
  /** Ended with the process, and with the caller who waits for the answer. */
  readonly signal: AbortSignal;
}

/** @throws Refusal where this pod may not */
export function checkAdmin({ mirror, isAdmin }: RevokeParts, pool: string): void {
  const { lock: spec } = mirror.pool(pool);
  const admin = spec?.admin ?? "Nobody";
  if (admin === "Anyone" || (admin === "Annotated" && isAdmin)) return;
  const what =
    admin === "Annotated"
      ? `pods with the annotation '${adminAnnotation}: enabled' (outside of Kubernetes: HOLDFAST_ADMIN=true), and this one is none. Annotate the pod and make it anew`
      : "nobody (spec.admin: Nobody). Let somebody, or wait for the holder";
  throw new Refusal("not_admin", `The locks of pool '${pool}' may be forced by ${what}.`, {
    pool,
    admin,
    ...(admin === "Annotated" ? { annotation: adminAnnotation } : {}),
  });
}

/** @throws Refusal; and the reason of `signal`, where nobody was asked for it yet. */
export async function forceRelease(
  parts: RevokeParts,
  lock: Lock,
  request: ForceRequest,
): Promise<ForceReleased> {
  checkAdmin(parts, lock.pool);
  const { runtime, sessions, counters, signal } = parts;
  const session = sessions.current;
  if (session === undefined) throw notConnected(sessions);
  let { wanted, revision } = await find(parts, lock, request);
  const isByFence = request.fence !== undefined && wanted.length > 0;
  if (request.breakGuarantee ? isByFence : wanted.some(isReserved)) {
    await sleep(runtime, toldWithinMs, signal);
    ({ wanted, revision } = await find(parts, lock, request));
  }
  const holding = wanted.filter((one) => !isReserved(one));
  if (!request.breakGuarantee) wanted = holding;
  if (wanted.length === 0) return { outcome: "vacant", holders: [] };
  if (parts.notes.waiting + wanted.length > notesMax) throw tooMany();
  const views = holding.map((contender) => askedOf(contender, request.fence));
  counters.forced += views.reduce((sum, { localHolders = 1 }) => sum + localHolders, 0);
  runtime.log.warn(
    request.breakGuarantee
      ? "a lock is taken by force: only the fence protects what its holder still does"
      : "a lock is asked for by force",
    { lock: lock.path, holders: views.map(({ holder, pod }) => `${holder} in ${pod}`) },
  );
  if (request.breakGuarantee) {
    const broken = await Promise.all(
      wanted.map((contender) => breakPlace(parts, session, { lock, contender, request })),
    );
    const taken = broken.filter((was) => was).length;
    counters.taken += taken;
    return { outcome: taken > 0 ? "broken" : "released", holders: views };
  }
  for (const contender of wanted) await ask(parts, session, { lock, contender, request });
  const { fence, waitMs } = request;
  const isGone = await untilGone(parts, lock, { wanted, revision, fence, waitMs });
  return { outcome: isGone ? "released" : "requested", holders: views };
}

function tooMany(): Refusal {
  return new Refusal(
    "too_many_requests",
    `No more than ${String(notesMax)} holders (limit: forcedReleases) are asked for their locks by one pod within a minute. Retry later.`,
    { limit: "forcedReleases", max: notesMax },
  );
}

type Found = Pick<Look, "revision"> & { readonly wanted: readonly Contender[] };

async function find(parts: RevokeParts, lock: Lock, request: ForceRequest): Promise<Found> {
  const seen = await look(parts, { lock }, parts.signal);
  if (seen === undefined)
    throw new Refusal("backend_unreachable", "etcd did not answer who holds the lock. Retry.");
  return { ...seen, wanted: wantedOf(parts, lock, { seen: seen.contenders, request }) };
}

/**
 * Who holds or reserves it; with a fence only the one who was granted it under that, and of one place nobody to whom it was
 * handed over since. Of readers that hold it together by one place, whoever was told of with it.
 */
function wantedOf(
  { mirror }: RevokeParts,
  { pool }: Lock,
  { seen, request }: { readonly seen: readonly Contender[]; readonly request: ForceRequest },
): Contender[] {
  const { lock: spec } = mirror.pool(pool);
  if (spec === undefined) return [];
  const holding = [...holders(seen, rulesOf(spec).sharing)];
  const { fence, breakGuarantee } = request;
  if (fence === undefined) return holding;
  return holding.filter((contender) => {
    const { base, createRevision } = contender;
    if (base + createRevision !== fence >> 16n) return false;
    if (!contender.isOwn) return fenceOf(contender, createRevision) <= fence;
    // Of those that joined since it was told their sidecar knows; whom it is to hit though nobody asks must have been told of.
    const fences = fencesOf(contender);
    return fences.includes(fence) || (!breakGuarantee && fence > (fences.at(-1) ?? 0n));
  });
}

/** Of readers that hold it together by one place, in the order in which they joined. */
function fencesOf({ joined, ...contender }: Contender): bigint[] {
  return joined.map((handovers) => fenceOf({ ...contender, handovers }, contender.createRevision));
}

/** Of several that hold it by one place only the first is known by name. */
function askedOf(contender: Contender, fence: bigint | undefined): HolderView {
  const holder = holderOf(contender);
  if (fence === undefined || !contender.isOwn) return holder;
  const { localHolders: _others, ...alone } = holder;
  const isFirst = fence.toString() === holder.fence;
  return isFirst ? alone : { ...alone, fence: fence.toString(), holder: holder.pod, metadata: {} };
}

interface Asking {
  readonly lock: Lock;
  readonly contender: Contender;
  readonly request: ForceRequest;
}

/** The note is removed by whoever reads it; where nobody does, by us, later. */
function noteFor(
  { runtime, tasks, namespace, pod, notes }: RevokeParts,
  session: Session,
  { lock, contender, request }: Asking,
): Op {
  const about = `${lock.path}/${session.next()}`;
  const key = noteKey(namespace, { target: contender.session, sender: session.id, about });
  session.know(key);
  notes.waiting += 1;
  tasks.run(`a note about ${lock.path}`, async (signal) => {
    await sleep(runtime, noteMs, AbortSignal.any([signal, session.ended])).catch(ended);
    notes.waiting -= 1;
    session.remove(key);
  });
  const value = {
    why: request.breakGuarantee ? brokenWhy : why,
    created: contender.createRevision.toString(),
    fence: request.fence?.toString(),
    graceMs: request.graceMs,
    by: pod,
  };
  return { kind: "putEphemeral", key, lease: session.lease, value: encodeJson(value) };
}

/** With the session, or the process, its notes go. */
function ended(): void {
  return;
}

async function ask(parts: RevokeParts, session: Session, asking: Asking): Promise<void> {
  const outcome = await parts.store.write({
    given: [session.holds()],
    when: [],
    then: [noteFor(parts, session, asking)],
    otherwise: [],
  });
  if (outcome.kind === "refused") throw storeRefused(outcome.reason);
  if (outcome.kind === "unknown") throw unknown("asked for");
}

/** Whether it was still there. */
async function breakPlace(parts: RevokeParts, session: Session, asking: Asking): Promise<boolean> {
  const { key, createRevision } = asking.contender;
  const outcome = await parts.store.write({
    given: [session.holds()],
    when: [{ kind: "created", key, revision: createRevision }],
    then: [{ kind: "delete", key }, noteFor(parts, session, asking)],
    otherwise: [],
  });
  if (outcome.kind === "refused") throw storeRefused(outcome.reason);
  if (outcome.kind === "unknown") throw unknown("taken");
  return outcome.value.held;
}

function unknown(what: string): Refusal {
  return new Refusal(
    "outcome_unknown",
    `etcd did not say whether the lock was ${what}. Read the lock, and ask again.`,
  );
}

/** Whether all of them went, or passed on, within the wait. */
async function untilGone(
  { runtime, followings, signal }: RevokeParts,
  lock: Lock,
  { wanted, revision, fence, waitMs }: Found & Pick<ForceRequest, "fence" | "waitMs">,
): Promise<boolean> {
  if (waitMs <= 0) return false;
  const waiting = new AbortController();
  let isGone = false;
  const onlooker: Onlooker = {
    seen: ({ at, contenders }: Copy) => {
      if (at < revision) return;
      isGone = wanted.every((asked) => {
        const there = contenders.get(asked.key);
        if (there?.createRevision !== asked.createRevision) return true;
        if (fence === undefined || !asked.isOwn)
          return there.handovers > (asked.joined.at(-1) ?? 0);
        const told = fencesOf(there);
        const wasTold = fencesOf(asked).includes(fence) || (told.at(-1) ?? 0n) >= fence;
        return wasTold && !told.includes(fence);
      });
      if (isGone) waiting.abort(new Error("all of them are gone"));
    },
    unseen: () => undefined,
  };
  followings.add(lock, onlooker);
  try {
    await sleep(runtime, waitMs, AbortSignal.any([signal, waiting.signal])).catch(ended);
  } finally {
    followings.remove(lock, onlooker);
  }
  return isGone;
}

/** What a note asks of those here whose place it names. */
export function takeNote({ value }: KeyValue, standers: Iterable<Stander>): void {
  const asked = decodeJson(value) ?? {};
  const created = bigintOf(asked["created"]) as Revision | undefined;
  const fence = bigintOf(asked["fence"]);
  const graceMs = wholeOf(asked["graceMs"], graceMaxMs) ?? 0;
  const by = textOf(asked["by"]) ?? "";
  for (const one of standers) {
    if (created === undefined || one.place?.created !== created) continue;
    if (asked["why"] === brokenWhy) one.broken();
    else if (one.isIdle === true) one.noted?.();
    else if (asked["why"] === why)
      for (const grant of one.grants)
        if (fence === undefined || grant.terms.fence === fence) grant.revoke({ by, graceMs });
  }
}
