import assert from "node:assert/strict";
import { after, type Instant } from "#core/runtime.ts";
import type { LeaseId } from "#core/store.ts";
import { assertDone, assertRefused, revisionOf, type Exercise, type Trial } from "./trial.ts";

/** The least that etcd grants. */
const ttlMinMs = 2_000;
const noLease = 4_711n as LeaseId;

export function exerciseLeases(it: Exercise): void {
  exerciseGrants(it);
  exerciseKeys(it);
  exerciseKeepAlives(it);
  exerciseEnds(it);
}

function exerciseGrants(it: Exercise): void {
  it("are granted for whole seconds, for no less than was asked and for two at least", async (t) => {
    for (const [askedMs, grantedMs] of [
      [10, ttlMinMs],
      [ttlMinMs, ttlMinMs],
      [2_001, 3_000],
      [60_000, 60_000],
    ] as const) {
      const before = t.etcd.runtime.now();
      const outcome = await t.settle(t.store.leases.grant(askedMs, t.wait()));
      assertDone(outcome);
      assert.equal(outcome.value.ttlMs, grantedMs);
      assert(outcome.value.sentAt >= before && outcome.value.sentAt <= t.etcd.runtime.now());
    }
  });

  it("are each another one", async (t) => {
    const leases = new Set<LeaseId>();
    for (let at = 0; at < 20; at++) leases.add(await t.grant());
    assert.equal(leases.size, 20);
  });

  it("are not sent for a caller whose time is over", async (t) => {
    assertRefused(await t.settle(t.store.leases.grant(5_000, t.wait(0))), "notSent");
  });
}

function exerciseKeys(it: Exercise): void {
  it("know their keys", async (t) => {
    const lease = await t.grant();
    assert.deepEqual(await keysOf(t, lease), []);
    await t.commit(t.ephemeral("a", lease), t.ephemeral("b", lease), t.durable("c"));
    assert.deepEqual(await keysOf(t, lease), [t.key("a"), t.key("b")]);
    const { keys } = await t.read(t.all);
    assert.deepEqual(
      keys.map((entry) => entry.lease),
      [lease, lease, undefined],
    );
    await t.commit(t.delete("a"));
    assert.deepEqual(await keysOf(t, lease), [t.key("b")]);
  });

  it("lose a key that is put without them, or on another", async (t) => {
    const lease = await t.grant();
    const other = await t.grant();
    await t.commit(t.ephemeral("a", lease), t.ephemeral("b", lease), t.ephemeral("c", lease));
    await t.commit(t.durable("a"), t.ephemeral("b", other));
    assert.deepEqual(await keysOf(t, lease), [t.key("c")]);
    await t.settle(t.store.leases.revoke(lease, t.wait()));
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["a", "b"]);
    await t.settle(t.store.leases.revoke(other, t.wait()));
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["a"]);
  });

  it("take a key that stood there without one", async (t) => {
    const lease = await t.grant();
    await t.put("a");
    await t.commit(t.ephemeral("a", lease));
    await t.settle(t.store.leases.revoke(lease, t.wait()));
    assert.equal(await t.get("a"), undefined);
  });

  it("that are not there refuse a put, and all that was written with it", async (t) => {
    const outcome = await t.write({ then: [t.durable("a"), t.ephemeral("b", noLease)] });
    assertRefused(outcome, "leaseNotFound");
    assert.deepEqual(t.names((await t.read(t.all)).keys), []);
    assert.equal(await keysOf(t, noLease), undefined);
  });

  it("that are not there do not matter to a part that does not run", async (t) => {
    const outcome = await t.write({
      then: [t.durable("a")],
      otherwise: [t.ephemeral("b", noLease)],
    });
    assertDone(outcome);
  });
}

function exerciseKeepAlives(it: Exercise): void {
  it("live on while they are kept alive", async (t) => {
    const lease = await t.grant(ttlMinMs);
    await t.commit(t.ephemeral("a", lease));
    const sent: Instant[] = [];
    const start = t.etcd.runtime.now();
    const beats = t.keepAlive(lease, 500);
    while ((sent.at(-1) ?? start) < after(start, 2 * ttlMinMs)) {
      const beat = await beats.next();
      assert(beat?.kind === "alive");
      assert.equal(beat.ttlMs, ttlMinMs);
      assert(beat.at.revision > 0n);
      sent.push(beat.sentAt);
    }
    assert.notEqual(await t.get("a"), undefined);
    assert.deepEqual(
      sent,
      [...new Set(sent)].sort((a, b) => a - b),
    );
    assert(sent.every((at) => at >= start && at <= t.etcd.runtime.now()));
  });

  it("are kept alive until the signal aborts", async (t) => {
    const lease = await t.grant();
    const leaving = new AbortController();
    const beats = t.keepAlive(lease, 30_000, leaving.signal);
    assert.equal((await beats.next())?.kind, "alive");
    const waiting = beats.ask();
    leaving.abort(new Error("left"));
    assert.equal(await t.settle(waiting), undefined);
    assert.deepEqual(await keysOf(t, lease), []);
  });

  it("that are not there end their keepalive with gone", async (t) => {
    const beats = t.keepAlive(noLease, 500);
    assert.deepEqual(await beats.next(), { kind: "gone" });
    assert.equal(await beats.next(), undefined);
  });
}

function exerciseEnds(it: Exercise): void {
  it("end by themselves, never early, and take all their keys at one revision", async (t) => {
    const granted = await t.settle(t.store.leases.grant(ttlMinMs, t.wait()));
    assertDone(granted);
    const { lease, sentAt } = granted.value;
    const { at } = await t.commit(t.ephemeral("a", lease), t.ephemeral("b", lease), t.durable("c"));
    const watch = t.watch(t.all, at.revision);
    await watch.events(3);
    const gone = await watch.told();
    assert(t.etcd.runtime.now() >= after(sentAt, ttlMinMs));
    assert(gone?.kind === "changes");
    assert.deepEqual(
      gone.events.map((event) => event.kind === "delete" && event.key),
      [t.key("a"), t.key("b")],
    );
    assert.equal(new Set(gone.events.map(revisionOf)).size, 1);
    assert.equal(await keysOf(t, lease), undefined);
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["c"]);
  });

  it("that are revoked take all their keys at one revision, and are gone", async (t) => {
    const lease = await t.grant();
    const { at } = await t.commit(t.ephemeral("a", lease), t.ephemeral("b", lease), t.durable("c"));
    const revoked = await t.settle(t.store.leases.revoke(lease, t.wait()));
    assertDone(revoked);
    assert.equal(revoked.value, "revoked");
    const events = await t.watch(t.all, at.revision).events(5);
    assert.deepEqual(new Set(events.slice(3).map(revisionOf)), new Set([at.revision + 1n]));
    const again = await t.settle(t.store.leases.revoke(lease, t.wait()));
    assertDone(again);
    assert.equal(again.value, "gone");
    assertRefused(await t.write({ then: [t.ephemeral("a", lease)] }), "leaseNotFound");
  });

  it("that are revoked end their keepalive", async (t) => {
    const lease = await t.grant();
    const beats = t.keepAlive(lease, 200);
    assert.equal((await beats.next())?.kind, "alive");
    await t.settle(t.store.leases.revoke(lease, t.wait()));
    let beat = await beats.next();
    while (beat?.kind === "alive") beat = await beats.next();
    assert.deepEqual(beat, { kind: "gone" });
    assert.equal(await beats.next(), undefined);
  });
}

async function keysOf(t: Trial, lease: LeaseId): Promise<string[] | undefined> {
  const outcome = await t.settle(t.store.leases.keys(lease, t.wait()));
  assertDone(outcome);
  return outcome.value === undefined ? undefined : [...outcome.value].sort();
}
