/**
 * Ends all sessions that a snapshot has kept. They look alive for a whole session's time, and a sidecar that lives on would
 * keep its own alive for ever, with places in locks that it has given back long ago.
 *
 * Their leases are revoked, which takes their keys along; then goes what hangs on no lease and would on one. Markers stay:
 * one without its contender says that a holder was lost, and its lock is not given on before its lockDelay is over. That is what
 * was promised where the holder was lost; where it had released since, it costs that delay.
 */
import type { Runtime } from "#core/runtime.ts";
import type { KeyValue, LeaseId, Store } from "#core/store.ts";
import type { EtcdStore } from "#etcd/store.ts";
import { methods } from "#etcd/methods.ts";
import { look, valueOf, waitFor } from "./keys.ts";

/** Sent at once. */
const together = 100;

export interface Ended {
  readonly leases: number;
  readonly keys: number;
  readonly marks: number;
  /** Of the leases that were granted, the longest; 0: there was none. */
  readonly ttlMs: number;
}

export async function endSessions(
  store: EtcdStore,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Ended> {
  const { leases, ofSessions, marks } = await look(store, runtime, signal);
  let ttlMs = 0;
  for (const some of chunks([...leases.keys()])) {
    const ttls = await Promise.all(some.map((lease) => grantedMs(store, lease)));
    ttlMs = Math.max(ttlMs, ...ttls);
    await Promise.all(
      some.map(async (lease) =>
        valueOf(await store.leases.revoke(lease, waitFor(runtime, signal)), "end a lease"),
      ),
    );
  }
  const left = await look(store, runtime, signal);
  for (const some of chunks(left.ofSessions))
    await Promise.all(some.map((kv) => deleteAsItWas(store, kv)));
  return { leases: leases.size, keys: ofSessions.length, marks, ttlMs };
}

async function grantedMs({ client: { caller } }: EtcdStore, lease: LeaseId): Promise<number> {
  const request = { ID: lease, keys: false };
  const reached = await caller.ask(methods.leaseTimeToLive, request, caller.forWrites);
  // One that has ended meanwhile was not granted for long.
  return reached.kind === "answered" ? Number(reached.value.grantedTTL) * 1_000 : 0;
}

async function deleteAsItWas(store: Store, { key, modRevision }: KeyValue): Promise<void> {
  const outcome = await store.write({
    given: [],
    when: [{ kind: "modified", key, revision: modRevision }],
    then: [{ kind: "delete", key }],
    otherwise: [],
  });
  valueOf(outcome, "delete a key");
}

function chunks<T>(all: readonly T[]): T[][] {
  const some: T[][] = [];
  for (let from = 0; from < all.length; from += together)
    some.push(all.slice(from, from + together));
  return some;
}
