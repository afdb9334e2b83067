/**
 * Sweeps markers of locks that nobody asks for any more: what is seen orphaned twice, at least its delay apart on one clock, is
 * deleted, comparing the revision that was seen. Whoever asks for such a lock sweeps by himself (marks.ts).
 *
 * One sidecar of the namespace does it, in the role `sweeper`, for as long as there is a marker or a pool may have one. A marker
 * may outlive its pool, and all who remember that: each sidecar looks for any at its start, and now and then.
 */
import { after, sleep, type Instant } from "../runtime.ts";
import { dataRoot } from "../session/keys.ts";
import { inRole, type RoleParts } from "./role.ts";
import { prefixRange, type Key, type KeyValue, type Revision } from "../store.ts";
import { lockOf, markedLockOf } from "./keys.ts";
import { readMark, sweep, type Mark } from "./marks.ts";
import { rulesOf } from "./rules.ts";

const everyMs = 30_000;
/** Where no pool should have one, whether there is one all the same is asked so seldom: one read of a single key. */
const anyEveryMs = 3_600_000;
const answerMs = 5_000;
/** Markers, and then their contenders, read at once. */
const chunk = 100;
/** Orphans that are remembered from one look to the next; others are when these are gone. */
const rememberedMax = 10_000;

export interface SweeperParts extends RoleParts {
  /** Whether markers were lately seen in a pool that has no lockDelay any more. */
  readonly expects: () => boolean;
}

interface Orphan {
  readonly markedAt: Revision;
  readonly since: Instant;
}

/** Works until the signal aborts. */
export async function sweepMarkers(parts: SweeperParts, signal: AbortSignal): Promise<void> {
  const { runtime } = parts;
  let noneUntil: Instant | undefined;
  for (;;) {
    await sleep(runtime, everyMs * (0.75 + runtime.random() / 2), signal);
    if (!mayHaveMarkers(parts)) {
      if (noneUntil !== undefined && runtime.now() < noneUntil) continue;
      const has = await hasMarkers(parts, signal);
      if (has === false) noneUntil = after(runtime.now(), anyEveryMs);
      if (has !== true) continue;
    }
    noneUntil = undefined;
    await inRole(parts, "sweeper", { signal, work: (ends) => sweepAll(parts, ends) });
  }
}

/** Undefined: etcd did not answer. */
async function hasMarkers(parts: SweeperParts, signal: AbortSignal): Promise<boolean | undefined> {
  const { runtime, store, namespace } = parts;
  const wait = { signal, deadline: after(runtime.now(), answerMs) };
  const read = await store.read([{ ...allMarks(namespace), limit: 1, keysOnly: true }], wait);
  signal.throwIfAborted();
  return read.kind === "done" ? (read.value.ranges[0]?.keys.length ?? 0) > 0 : undefined;
}

const allMarks = (namespace: string) => prefixRange(`${dataRoot(namespace)}marks/`);

function mayHaveMarkers({ mirror, expects }: SweeperParts): boolean {
  return (
    expects() ||
    mirror.records().some(({ lock }) => lock !== undefined && rulesOf(lock).lockDelayMs > 0)
  );
}

/** Until there is no marker, and none is to be expected. */
async function sweepAll(parts: SweeperParts, signal: AbortSignal): Promise<void> {
  const { runtime } = parts;
  let seen: ReadonlyMap<Key, Orphan> = new Map();
  for (;;) {
    const look = await lookOnce(parts, seen, signal);
    if (look?.isClean === true && !mayHaveMarkers(parts)) return;
    seen = look?.orphans ?? seen;
    await sleep(runtime, everyMs * (0.75 + runtime.random() / 2), signal);
  }
}

/** Undefined: etcd did not answer. */
async function lookOnce(
  parts: SweeperParts,
  before: ReadonlyMap<Key, Orphan>,
  signal: AbortSignal,
): Promise<{ isClean: boolean; orphans: Map<Key, Orphan> } | undefined> {
  const { runtime, store, namespace } = parts;
  const all = allMarks(namespace);
  const orphans = new Map<Key, Orphan>();
  let isClean = true;
  for (let from = all.key; ;) {
    const askedAt = runtime.now();
    const wait = { signal, deadline: after(askedAt, answerMs) };
    const read = await store.read([{ key: from, end: all.end, limit: chunk }], wait);
    signal.throwIfAborted();
    if (read.kind !== "done") return undefined;
    const { keys = [], count = 0 } = read.value.ranges[0] ?? {};
    const last = keys.at(-1);
    if (last === undefined) return { isClean, orphans };
    isClean = false;
    const found = await orphansAmong(
      parts,
      keys.flatMap((kv) => markOf(namespace, kv) ?? []),
      signal,
    );
    if (found === undefined) return undefined;
    for (const orphan of found) {
      const { markKey, markedAt, delayMs } = orphan;
      const known = before.get(markKey);
      if (known?.markedAt !== markedAt) {
        if (orphans.size < rememberedMax) orphans.set(markKey, { markedAt, since: runtime.now() });
      } else if (askedAt < after(known.since, delayMs)) orphans.set(markKey, known);
      else await sweep(store, orphan);
    }
    if (count <= keys.length) return { isClean, orphans };
    from = `${last.key}\u0000`;
  }
}

function markOf(namespace: string, kv: KeyValue): Mark | undefined {
  const name = markedLockOf(kv.key, namespace);
  return name === undefined ? undefined : readMark(lockOf(namespace, name), kv);
}

/** A marker is made only while its contender stands: one that was read before that was found gone is an orphan for good. */
async function orphansAmong(
  { runtime, store }: SweeperParts,
  marks: readonly Mark[],
  signal: AbortSignal,
): Promise<Mark[] | undefined> {
  if (marks.length === 0) return [];
  const wait = { signal, deadline: after(runtime.now(), answerMs) };
  const read = await store.read(
    marks.map(({ key }) => ({ key, keysOnly: true })),
    wait,
  );
  signal.throwIfAborted();
  if (read.kind !== "done") return undefined;
  return marks.filter(
    ({ createRevision }, index) =>
      read.value.ranges[index]?.keys[0]?.createRevision !== createRevision,
  );
}
