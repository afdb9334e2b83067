import assert from "node:assert/strict";
import { fromNow, noRevision, revision, type Changes } from "#core/store.ts";
import type { Fate } from "#test/support/etcd-model/weather.ts";
import { calm, rough } from "#test/support/etcd-model/weather.ts";
import { linked, put, txn, until, write, type Linked } from "./stage.ts";

const all = { key: "a", end: "z" };

describe("an uncertain link", () => {
  describe("with a planned fate", exerciseFates);
  describe("that is cut", exerciseCuts);
  describe("under watches", exerciseWatches);
  describe("in rough weather", exerciseWeather);
});

/** What a write that meets `fate` is told, whether it was done by then, and whether it is done in the end. */
async function meet(fate: Fate): Promise<readonly [string, boolean, boolean]> {
  const { world, etcd, link, store } = linked();
  link.plan("write", fate);
  const outcome = await world.until(store.write(write("a")));
  const then = etcd.keys.size === 1;
  await world.pass(10_000);
  const told = outcome.kind === "done" ? "done" : `${outcome.kind}: ${outcome.reason.code}`;
  return [told, then, etcd.keys.size === 1];
}

function exerciseFates(): void {
  it("does to a write just that", async () => {
    assert.deepEqual(await meet("answered"), ["done", true, true]);
    assert.deepEqual(await meet("notSent"), ["refused: notSent", false, false]);
    assert.deepEqual(await meet("requestLost"), ["unknown: deadline", false, false]);
    assert.deepEqual(await meet("answerLost"), ["unknown: deadline", true, true]);
    assert.deepEqual(await meet("timedOutNotDone"), ["unknown: unavailable", false, false]);
    assert.deepEqual(await meet("connectionLost"), ["unknown: noAnswer", true, true]);
    assert.deepEqual(await meet("overloaded"), ["refused: overloaded", false, false]);
    const noSpace = { code: "noSpace", message: "full" } as const;
    assert.deepEqual(await meet({ refused: noSpace }), ["refused: noSpace", false, false]);
  });

  it("lets a write be done after it was answered with a time-out", async () => {
    assert.deepEqual(await meet("timedOutThenDone"), ["unknown: unavailable", false, true]);
  });

  it("repeats a read until it is answered, and a write never", async () => {
    const { world, etcd, link, store, client } = linked();
    link.plan("read", "answerLost", "overloaded", "notSent", "timedOutThenDone");
    const wait = { signal: new AbortController().signal, deadline: until(client, 30_000) };
    const outcome = await world.until(store.read([all], wait));
    assert.equal(outcome.kind, "done");
    link.plan("write", "overloaded");
    assert.equal((await world.until(store.write(write("a")))).kind, "refused");
    await world.pass(10_000);
    assert.equal(etcd.keys.size, 0);
  });

  it("refuses what it is told to, until it accepts again", async () => {
    const { world, link, store } = linked();
    link.refuse({ code: "noSpace", message: "full" });
    assert.equal((await world.until(store.write(write("a")))).kind, "refused");
    link.accept();
    assert.equal((await world.until(store.write(write("a")))).kind, "done");
  });

  it("loses what is on its way when data is lost, also what lay in the log", async () => {
    const { world, etcd, link, store } = linked();
    link.plan("write", "timedOutThenDone");
    await world.until(store.write(write("a")));
    const underWay = store.write(write("b"));
    etcd.wipe();
    assert.equal((await world.until(underWay)).kind, "unknown");
    await world.pass(10_000);
    assert.equal(etcd.keys.size, 0);
  });

  it("lets what lay in the log be done after a restart", async () => {
    const { world, etcd, link, store } = linked({ ...calm, lateMs: { min: 1_000, max: 1_000 } });
    link.plan("write", "timedOutThenDone");
    await world.until(store.write(write("a")));
    etcd.restart();
    await world.pass(2_000);
    assert.equal(etcd.keys.size, 1);
  });

  it("lets what a killed client had sent be done", async () => {
    const { world, etcd, client, store } = linked();
    void store.write(write("a"));
    client.kill();
    await world.pass(1_000);
    assert.equal(etcd.keys.size, 1);
  });
}

function exerciseCuts(): void {
  it("and holds requests lets them arrive after it is healed, long after they were given up", async () => {
    const { world, etcd, link, store } = linked();
    link.cut("requests");
    assert.equal((await world.until(store.write(write("a")))).kind, "unknown");
    await world.pass(60_000);
    assert.equal(etcd.keys.size, 0);
    link.heal();
    await world.pass(1_000);
    assert.equal(etcd.keys.size, 1);
  });

  it("and loses requests never lets them arrive", async () => {
    const { world, etcd, link, store } = linked();
    link.cut("requests", "lost");
    assert.equal((await world.until(store.write(write("a")))).kind, "unknown");
    link.heal();
    await world.pass(60_000);
    assert.equal(etcd.keys.size, 0);
  });

  it("in the other direction lets requests be done, unheard", async () => {
    const { world, etcd, link, store } = linked();
    link.cut("answers");
    assert.equal((await world.until(store.write(write("a")))).kind, "unknown");
    assert.equal(etcd.keys.size, 1);
    link.heal();
    assert.equal((await world.until(store.write(write("b")))).kind, "done");
  });

  it("by a reset ends what is under way, which may be done or not", async () => {
    const ends = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const { world, etcd, link, store } = linked({ ...calm, requestMs: { min: 5, max: 5 } });
      for (let drawn = 0; drawn < round; drawn++) await world.until(store.write(write("b")));
      const outcome = store.write(write("a"));
      await world.pass(1);
      link.reset();
      const { kind } = await world.until(outcome);
      await world.pass(100);
      ends.add(`${kind} ${String(etcd.keys.get("a") !== undefined)}`);
    }
    assert.deepEqual([...ends].sort(), ["unknown false", "unknown true"]);
  });
}

/** Reads a watch in the background; what it has told so far. */
function follow({ store }: Linked, signal = new AbortController().signal): Changes[] {
  const told: Changes[] = [];
  const read = async (): Promise<void> => {
    for await (const each of store.watch(all, revision(2), signal)) told.push(each);
  };
  void read();
  return told;
}

function revisionsOf(told: readonly Changes[], kind: Changes["kind"]): number[] {
  return told
    .filter((each) => each.kind === kind)
    .map((each) => ("at" in each ? Number(each.at.revision) : 0));
}

function putAtServer({ etcd }: Linked): void {
  etcd.txn(txn(put("a")));
}

function exerciseWatches(): void {
  it("that hold says nothing of changes, and tells progress that never grows", async () => {
    const on = linked();
    const told = follow(on);
    await on.world.until(on.store.write(write("a")));
    await on.world.pass(100);
    on.link.holdWatches();
    await on.world.until(on.store.write(write("b")));
    await on.world.pass(60_000);
    assert.deepEqual(revisionsOf(told, "changes"), [2]);
    assert(told.length > 5);
    assert.deepEqual(new Set(revisionsOf(told, "progress")), new Set([2]));
    on.link.releaseWatches();
    await on.world.pass(10_000);
    assert.deepEqual(revisionsOf(told, "changes"), [2, 3]);
    assert(revisionsOf(told, "progress").includes(3));
  });

  it("tells in order, however late", async () => {
    const on = linked({ ...calm, eventMs: { min: 0, max: 5_000 } });
    const told = follow(on);
    for (let at = 0; at < 30; at++) await on.world.until(on.store.write(write("a", String(at))));
    await on.world.pass(20_000);
    const revisions = told.flatMap((each) =>
      each.kind === "changes"
        ? each.events.map((event) => Number(event.kind === "put" ? event.now.modRevision : 0))
        : [],
    );
    assert.deepEqual(
      revisions,
      Array.from({ length: 30 }, (_, at) => at + 2),
    );
  });

  it("goes on from where it was after resets, cuts and restarts", async () => {
    const on = linked();
    const told = follow(on);
    const faults = [
      () => on.link.reset(),
      () => on.etcd.restart(),
      () => on.link.cut("both", "lost"),
      () => on.link.cut("answers"),
      () => on.link.cut("requests", "lost"),
    ];
    for (const fault of [...faults, ...faults]) {
      fault();
      await on.world.until(on.store.write(write("a")));
      on.link.heal();
      await on.world.pass(500);
      await on.world.until(on.store.write(write("b")));
    }
    await on.world.pass(10_000);
    const events = told.flatMap((each) => (each.kind === "changes" ? each.events : []));
    const revisions = events.map((event) =>
      event.kind === "put" ? Number(event.now.modRevision) : 0,
    );
    assert.deepEqual(
      revisions,
      Array.from({ length: Number(on.etcd.header.revision) - 1 }, (_, at) => at + 2),
    );
  });

  it("from now on miss nothing that a read after their first word does not show, silent or not", async () => {
    const on = linked();
    on.link.holdWatches();
    const told: Changes[] = [];
    const read = async (): Promise<void> => {
      for await (const each of on.store.watch(all, fromNow, new AbortController().signal))
        told.push(each);
    };
    void read();
    // Done before the request for the watch arrives: the cut-off member does not know of it.
    for (let at = 0; at < 3; at++) putAtServer(on);
    await on.world.pass(100);
    assert.deepEqual(revisionsOf(told, "progress"), [1]);
    on.link.releaseWatches();
    await on.world.pass(100);
    assert.deepEqual(revisionsOf(told, "changes"), [4]);
    on.link.reset();
    putAtServer(on);
    await on.world.pass(1_000);
    assert.deepEqual(revisionsOf(told, "changes"), [4, 5]);
  });

  it("that was left is not opened again when a stopped client hears late that it broke", async () => {
    const on = linked();
    const leaving = new AbortController();
    const over = follow(on, leaving.signal);
    await on.world.pass(10);
    on.client.pause();
    on.link.reset();
    leaving.abort(new Error("left"));
    on.client.resume();
    await on.world.pass(10_000);
    assert.equal(over.length, 0);
    assert.equal(on.etcd.watchers, 0);
  });

  it("of a killed client are let go by the server", async () => {
    const on = linked();
    const told = follow(on);
    await on.world.pass(10);
    on.client.kill();
    for (let at = 0; at < 3; at++) putAtServer(on);
    await on.world.pass(100);
    assert.equal(told.length, 0);
    assert.equal(on.etcd.watchers, 0);
  });
}

function exerciseWeather(): void {
  it("is the same for the same seed", async () => {
    const play = async (): Promise<string> => {
      const on = linked(rough);
      const told = follow(on);
      const outcomes = [];
      for (let at = 0; at < 300; at++)
        outcomes.push(await on.world.until(on.store.write(write("a", String(at)))));
      await on.world.pass(30_000);
      return print([outcomes, told, on.world.nowMs, on.world.steps]);
    };
    assert.equal(await play(), await play());
  });

  it("tells the truth: what was done once, what was refused never, what is unknown at most once", async () => {
    const on = linked(rough);
    const told = follow(on);
    const kinds = new Map<string, string>();
    for (let at = 0; at < 600; at++) {
      const key = `k${String(at)}`;
      const create = { kind: "created", key, revision: noRevision } as const;
      const outcome = await on.world.until(
        on.store.write({ ...write(key), when: [create], otherwise: [{ kind: "delete", key }] }),
      );
      kinds.set(key, outcome.kind);
      if (outcome.kind === "done") assert.equal(outcome.value.held, true);
    }
    await on.world.pass(60_000);
    const puts = new Map<string, number>();
    for (const each of told) {
      if (each.kind !== "changes") continue;
      for (const event of each.events) {
        assert(event.kind === "put");
        puts.set(event.now.key, (puts.get(event.now.key) ?? 0) + 1);
      }
    }
    for (const [key, kind] of kinds) {
      const count = puts.get(key) ?? 0;
      if (kind === "done") assert.equal(count, 1);
      else if (kind === "refused") assert.equal(count, 0);
      else assert(count <= 1);
    }
    assert.equal(new Set(kinds.values()).size, 3);
  });
}

function print(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "bigint" ? part.toString() : part,
  );
}
