/**
 * An internal lock: of all sidecars of a namespace one at a time does a work for all of them.
 *
 *   /holdfast/v1/data/{namespace}/roles/{role}/{session}-{n}     a contender, under its session's lease
 *
 *   entering ─▶ waiting (behind another) ─▶ in the role ─▶ left: by itself, or with its session
 *
 * It is a Mutex without a pool: nothing is compared but the session. So two may be in the role at once for as long as a lease
 * outlives its session's deadline: whatever is done in a role compares what it was judged by.
 *
 * Lost answers: an entry is settled by the session, as a lock's is (lock/enter.ts); a contender whose removal is not confirmed
 * becomes an intent. Each contender's key is made once.
 */
import { after, sleep, type Runtime } from "../runtime.ts";
import { readContender } from "./contender.ts";
import { inOrder, standing, type Mine, type Sharing } from "./order.ts";
import { judgedNow, untilWorthALook, worthALook } from "./wait.ts";
import { dataRoot } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Specs } from "../spec/specs.ts";
import { prefixRange, type Key, type KeyRange, type Store } from "../store.ts";

const answerMs = 5_000;
const pauseMs = 1_000;
const oneAtATime: Sharing = { mode: "Mutex", permits: 1 };

export interface RoleParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly mirror: Specs;
  readonly namespace: string;
}

export function roleRange(namespace: string, role: string): KeyRange {
  return prefixRange(`${dataRoot(namespace)}roles/${role}/`);
}

/**
 * Waits for the role, and works in it until the work is done or the session ends; then the role is left.
 *
 * @throws the signal's reason, and what the work throws
 */
export async function inRole(
  parts: RoleParts,
  role: string,
  { signal, work }: { signal: AbortSignal; work: (signal: AbortSignal) => Promise<void> },
): Promise<void> {
  const session = await parts.sessions.live(signal);
  const either = AbortSignal.any([signal, session.ended]);
  try {
    const mine = await enter(parts, role, session);
    if (mine === undefined) {
      await sleep(parts.runtime, pauseMs, either);
      return;
    }
    try {
      const range = roleRange(parts.namespace, role);
      if (await untilFirst(parts, { range, mine }, either)) await work(either);
      else await sleep(parts.runtime, pauseMs, either);
    } finally {
      if (!session.ended.aborted) await leave(parts.store, session, mine.key);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!session.ended.aborted) throw error;
  }
}

async function enter(
  { store, namespace }: RoleParts,
  role: string,
  session: Session,
): Promise<Mine | undefined> {
  const key = `${roleRange(namespace, role).key}${session.id}-${session.next()}`;
  const sentUnder = session.epoch;
  session.know(key);
  const put = { kind: "putEphemeral", key, lease: session.lease, value: noValue } as const;
  const written = await store.write({
    given: [session.holds()],
    when: [],
    then: [put],
    otherwise: [],
  });
  if (written.kind === "done") return { key, created: written.at.revision };
  if (written.kind === "unknown") {
    const settled = await session.settle(key, sentUnder);
    if (settled.kind === "done") return { key, created: settled.created };
    if (settled.kind === "unknown") return undefined;
  }
  session.forget(key);
  return undefined;
}

/** A contender's value is for observers: of a role there is nothing to tell. */
const noValue = new Uint8Array(0);

/** False: the place is gone. */
async function untilFirst(
  parts: RoleParts,
  { range, mine }: { readonly range: KeyRange; readonly mine: Mine },
  signal: AbortSignal,
): Promise<boolean> {
  const { runtime, store, mirror } = parts;
  for (;;) {
    const wait = { signal, deadline: after(runtime.now(), answerMs) };
    const read = await store.read([range], wait, mine.created);
    signal.throwIfAborted();
    if (read.kind === "done") {
      const contenders = inOrder((read.value.ranges[0]?.keys ?? []).map(readContender));
      const stands = standing(contenders, mine, oneAtATime);
      if (stands.kind === "holds") return true;
      // Somebody took it away, or the session is over and does not know it yet.
      if (stands.kind === "gone") return false;
      const worth = [worthALook(mine, stands, { contenders })];
      await untilWorthALook(parts, { worth, judged: judgedNow(mirror, []) }, signal);
    } else await sleep(runtime, pauseMs, signal);
  }
}

async function leave(store: Store, session: Session, key: Key): Promise<void> {
  const outcome = await store.write({
    given: [],
    when: [],
    then: [{ kind: "delete", key }],
    otherwise: [],
  });
  if (outcome.kind === "done") session.forget(key);
  else session.remove(key);
}
