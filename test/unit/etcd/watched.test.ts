import assert from "node:assert/strict";
import fc from "fast-check";
import { type Changes, prefixRange, revision } from "#core/store.ts";
import type { Event } from "#etcd/codec/mvccpb/kv.ts";
import { Watched } from "#etcd/watched.ts";
import { Clock } from "#test/support/clock.ts";

describe("a watch", () => {
  it("tells every event once, in order, whatever fragments and interruptions there are", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 });
    const cuts = fc.array(fc.tuple(fc.nat(40), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, cuts, (eventsByRevision, schedule) => {
        const history = historyOf(eventsByRevision);
        const watched = watch(1);
        const told: Event[] = [];
        for (const [size, interrupted] of [...schedule, [1_000, false] as const]) {
          const rest = history.filter((event) => event.kv!.modRevision > watched.reached);
          // A server sends whole revisions, as a message or as fragments of it; the last may never come.
          const [first, ...others] = fragments(rest, size);
          for (const events of first === undefined ? [] : [first, ...others]) {
            const fragment = events !== others.at(-1) && others.length > 0;
            watched.tell(events, { header: header(1_000), fragment });
            if (interrupted) break;
          }
          watched.interrupt();
          told.push(...drain(watched).flatMap(eventsOf));
        }
        assert.deepEqual(told, history);
      }),
    );
  });

  it("is told nothing twice, though a server repeats itself", () => {
    const watched = watch(1);
    for (const events of [[put(3)], [put(3), put(4)], [put(4)]]) {
      watched.tell(events, { header: header(4), fragment: false });
    }
    assert.deepEqual(drain(watched).flatMap(eventsOf), [put(3), put(4)]);
  });

  it("says that all is told up to the last event's revision, not up to the header's", () => {
    const watched = watch(1);
    watched.tell([put(5)], { header: header(900), fragment: false });
    const [changes] = drain(watched);
    assert.equal(changes?.kind === "changes" ? changes.at.revision : undefined, 5n);
    assert.equal(watched.createRequest.startRevision, 6n);
  });

  it("goes on after the progress it was told", () => {
    const watched = watch(1);
    watched.progress(header(7));
    watched.progress(header(9));
    assert.deepEqual(drain(watched), [{ kind: "progress", at: header(9) }]);
    assert.equal(watched.createRequest.startRevision, 10n);
  });

  it("does not go back with the progress of a member that is behind", () => {
    const watched = watch(1);
    watched.tell([put(5)], { header: header(5), fragment: false });
    watched.progress(header(4));
    assert.equal(drain(watched).length, 1);
    assert.equal(watched.createRequest.startRevision, 6n);
  });

  it("counts a revision whose rest is still to come as not told", () => {
    const watched = watch(1);
    watched.tell([put(4), put(5)], { header: header(5), fragment: true });
    watched.progress(header(5));
    watched.interrupt();
    assert.equal(watched.createRequest.startRevision, 5n);
  });

  it("is full when its consumer fetches nothing, and empty when it has fetched all", () => {
    const watched = watch(1);
    for (let at = 1; !watched.full; at++) {
      assert.ok(at <= 10_000, "never full");
      watched.tell([put(at)], { header: header(at), fragment: false });
    }
    drain(watched);
    assert.equal(watched.full, false);
  });
});

function watch(from: number): Watched {
  return new Watched(new Clock(), { range: prefixRange("/a/"), from: revision(from), history: 0 });
}

function header(at: number) {
  return { cluster: "c", revision: revision(at) };
}

function put(modRevision: number, key = "/a/k"): Event {
  const at = BigInt(modRevision);
  const kv = {
    key,
    createRevision: at,
    modRevision: at,
    version: 1n,
    value: new Uint8Array(),
    lease: 0n,
  };
  return { type: 0, kv, prevKv: undefined };
}

function historyOf(eventsByRevision: readonly number[]): Event[] {
  return eventsByRevision.flatMap((count, at) => {
    return Array.from({ length: count }, (_, n) => put(at + 1, `/a/${n}`));
  });
}

function fragments(events: readonly Event[], size: number): Event[][] {
  const parts: Event[][] = [];
  for (let at = 0; at < events.length; at += size + 1) parts.push(events.slice(at, at + size + 1));
  return parts;
}

function drain(watched: Watched): Changes[] {
  const all: Changes[] = [];
  for (let next = watched.take(); next !== undefined; next = watched.take()) all.push(next);
  return all;
}

function eventsOf(changes: Changes): Event[] {
  if (changes.kind !== "changes") return [];
  return changes.events.map((change) => {
    assert.equal(change.kind, "put");
    return put(
      Number(change.kind === "put" ? change.now.modRevision : 0),
      change.kind === "put" ? change.now.key : "",
    );
  });
}
