/**
 * A restore from beginning to end:
 *
 *   inspect the file ─ make the member's data, aside ─ run it where nobody else gets in:
 *     end all sessions ─ raise the fence base ─ look that nothing is left
 *   ─ stop it ─ wait until no guarantee of the old etcd runs ─ put the data in its place
 *
 * Whatever fails or is interrupted before the last step leaves no data that could be opened.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { formatDuration } from "#api/fields/duration.ts";
import { MaintenanceCalls } from "#etcd/maintenance-calls.ts";
import type { EtcdStore } from "#etcd/store.ts";
import type { Say } from "../fetch/step.ts";
import { clearAnew, raise, type Raised } from "./base.ts";
import { ClosedMember } from "./closed-member.ts";
import { look, valueOf } from "./keys.ts";
import { NotRestored, type RestorePlan } from "./plan.ts";
import { endSessions } from "./sessions-end.ts";
import { inspect, restoreTo, type SnapshotFile } from "./snapshot.ts";
import { Staging } from "./staging.ts";

const tellEveryMs = 5_000;

export interface RestoreParts {
  readonly runtime: Runtime;
  readonly say: Say;
}

/** Throws NotRestored, or the signal's reason. */
export async function restore(
  plan: RestorePlan,
  { runtime, say }: RestoreParts,
  signal: AbortSignal,
): Promise<void> {
  const { dataDir, stoppedAt } = plan;
  const sinceStopMs = stoppedAt === undefined ? 0 : runtime.wallNow() - stoppedAt;
  const stopped = after(runtime.now(), -sinceStopMs);
  const staging = await Staging.begin(dataDir, say);
  try {
    const file = await inspect(plan, say);
    say(
      `${plan.snapshot} is of etcd ${file.minor}, revision ${file.revision}, with ${file.keys} keys.`,
    );
    await restoreTo(staging.data, plan, { minor: file.minor, log: say });
    signal.throwIfAborted();
    const ttlMs = await cleanse({ plan, file, staging }, { runtime, say }, signal);
    await waitUntil(after(stopped, ttlMs), { runtime, say }, signal);
    await staging.publish();
  } finally {
    await staging.remove();
  }
}

interface Aside {
  readonly plan: RestorePlan;
  readonly file: SnapshotFile;
  readonly staging: Staging;
}

/** Returns how long guarantees of the old etcd can have run. */
async function cleanse(
  { plan: { member, bump, sessionTtlMs }, file: { minor }, staging }: Aside,
  { runtime, say }: RestoreParts,
  signal: AbortSignal,
): Promise<number> {
  say("Starting the restored etcd where nobody else gets in …");
  await using closed = await ClosedMember.start({ staging, member, minor, runtime, say }, signal);
  const { store } = closed;
  const { leases, keys, marks, ttlMs } = await endSessions(store, runtime, signal);
  say(`Ended ${leases} leases, and deleted the ${keys} keys of sessions. ${marks} markers stay.`);
  await makeRoom(store);
  const raised = await raise(store, { runtime, bump }, signal);
  sayRaised(raised, say);
  const anew = await clearAnew(store, runtime, signal);
  if (anew > 0) say(`In ${anew} namespaces etcd had begun anew before: they may go on.`);
  const left = await look(store, runtime, signal);
  if (left.ofSessions.length + left.anew.length > 0)
    throw new NotRestored("Something writes to the restored etcd. Try again.");
  if (ttlMs > sessionTtlMs)
    say(
      `--session-ttl is ${formatDuration(sessionTtlMs)}, but a session in the snapshot had ${formatDuration(ttlMs)}: that counts.`,
    );
  return Math.max(ttlMs, sessionTtlMs);
}

/** A snapshot of an etcd that was full is of a full one, which takes no base. */
async function makeRoom(store: EtcdStore): Promise<void> {
  valueOf(await new MaintenanceCalls(store.client).disarm(), "end its alarm for space");
}

function sayRaised(raised: Raised | undefined, say: Say): void {
  if (raised === undefined) {
    say("There is no fence base in it yet: its owner makes one.");
    return;
  }
  const { owner, was, base, aheadUntil } = raised;
  say(`Raised the fence base of '${owner}' from ${was} to ${base}.`);
  if (aheadUntil !== undefined)
    say(
      `By the bump fences run ahead of the clock until ${new Date(aheadUntil).toISOString()}: give each restore before that a bump no smaller than this one.`,
    );
}

async function waitUntil(
  opening: Instant,
  { runtime, say }: RestoreParts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const leftMs = opening - runtime.now();
    if (leftMs <= 0) return;
    say(
      `Holders may count on the old etcd's word for ${Math.ceil(leftMs / 1_000)} s more: waiting …`,
    );
    await sleep(runtime, Math.min(leftMs, tellEveryMs), signal);
  }
}
