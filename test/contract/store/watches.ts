import assert from "node:assert/strict";
import { fromNow, revision, type Changes } from "#core/store.ts";
import {
  assertDone,
  completed,
  revisionOf,
  string,
  type Abilities,
  type Exercise,
} from "./trial.ts";

export function exerciseWatches(it: Exercise, can: Abilities): void {
  exerciseHistory(it);
  exerciseProgress(it, can);
  exerciseGrouping(it);
  exerciseEnds(it);
  exerciseInterruptions(it);
}

function exerciseHistory(it: Exercise): void {
  it("tells the past from its revision on, then what comes, in order and once", async (t) => {
    await t.put("a", "before");
    const from = await t.put("a", "0");
    for (let at = 1; at < 5; at++) await t.put("a", String(at));
    const watch = t.watch(t.all, from);
    const past = await watch.events(5);
    for (let at = 5; at < 10; at++) await t.put("a", String(at));
    const events = [...past, ...(await watch.events(5))];
    assert.deepEqual(
      events.map((event) => (event.kind === "put" ? string(event.now.value) : "")),
      ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    );
    const revisions = events.map(revisionOf);
    assert.deepEqual(
      revisions,
      [...revisions].sort((a, b) => Number(a - b)),
    );
  });

  it("tells a put with all that the key is, and a delete with its revision", async (t) => {
    const lease = await t.grant();
    const { at } = await t.commit(t.ephemeral("a", lease, "value"));
    const put = await t.get("a");
    const deleted = await t.commit(t.delete("a"));
    const events = await t.watch(t.all, at.revision).events(2);
    assert.deepEqual(events, [
      { kind: "put", now: put },
      { kind: "delete", key: t.key("a"), revision: deleted.at.revision },
    ]);
  });

  it("tells of its key or range only", async (t) => {
    const from = await t.put("a");
    await t.commit(t.durable("a/1"), t.durable("b"), t.durable("c"));
    await t.put("a", "2");
    const key = await t.watch({ key: t.key("a") }, from).events(2);
    assert.deepEqual(
      key.map((event) => event.kind === "put" && string(event.now.value)),
      ["a", "2"],
    );
    const range = await t.watch({ key: t.key("a/"), end: t.key("c") }, from).events(2);
    assert.deepEqual(
      range.map((event) => (event.kind === "put" ? event.now.key : "")),
      [t.key("a/1"), t.key("b")],
    );
  });

  it("from now on says first that it watches, and then all that comes", async (t) => {
    await t.put("a", "before");
    const watch = t.watch(t.all, fromNow);
    assert.equal((await watch.next())?.kind, "progress");
    await t.put("a", "after");
    const [event] = await watch.events(1);
    assert.equal(event?.kind === "put" && string(event.now.value), "after");
  });

  it("from a revision that is to come says nothing of what is before", async (t) => {
    const at = await t.put("a", "before");
    const watch = t.watch(t.all, revision(at + 2n));
    const writes = async (): Promise<void> => {
      for (const name of ["between", "then"]) {
        assertDone(await t.store.write(completed({ then: [t.durable("a", name)] })));
      }
    };
    const [first] = await t.settle(Promise.all([watch.ask(), writes()]));
    const message = first?.kind === "progress" ? await watch.told() : first;
    assert(message?.kind === "changes");
    const [event] = message.events;
    const then = (await t.get("a"))?.modRevision;
    assert(event !== undefined);
    assert.equal(revisionOf(event), then);
  });
}

/** Before 3.4.25 and 3.5.8 a server's progress can run ahead of its events, so the client keeps it to itself. */
function exerciseProgress(it: Exercise, can: Abilities): void {
  if (can.progress) {
    it("that hears nothing is told how far it has come", async (t) => {
      const at = await t.put("a");
      const watch = t.watch(t.range("b"), at);
      let message: Changes | undefined;
      do message = await watch.next();
      while (message?.kind === "progress" && message.at.revision < at);
      assert.equal(message?.kind, "progress");
    });
  } else {
    it("that hears nothing is told nothing: the server's progress is not to be trusted", async (t) => {
      const from = await t.put("start");
      const watch = t.watch({ key: t.key("a") }, from);
      const [first] = await t.settle(
        Promise.all([watch.ask(), t.store.write(completed({ then: [t.durable("a")] }))]),
      );
      assert.equal(first?.kind, "changes");
    });
  }
}

function exerciseGrouping(it: Exercise): void {
  it("tells all changes of one revision together", async (t) => {
    const from = await t.put("start");
    const watch = t.watch(t.all, from);
    await watch.events(1);
    const { at } = await t.commit(
      t.durable("a"),
      t.durable("b"),
      t.delete("start"),
      t.durable("c"),
    );
    const message = await watch.told();
    assert(message?.kind === "changes");
    assert.deepEqual(new Set(message.events.map(revisionOf)), new Set([at.revision]));
    assert.equal(message.events.length, 4);
    assert.equal(message.at.revision, at.revision);
    assert.equal(message.at.cluster, at.cluster);
  });

  it("tells a past of many keys whole", async (t) => {
    const from = await t.put("start");
    for (let round = 0; round < 10; round++) {
      await t.commit(
        ...Array.from({ length: 100 }, (_, at) => t.durable(`${String(round)}/${String(at)}`)),
      );
    }
    const events = await t.watch(t.all, revision(from + 1n)).events(1_000);
    assert.equal(events.length, 1_000);
    assert.equal(new Set(events.map((event) => event.kind === "put" && event.now.key)).size, 1_000);
  });

  it("may be one of many on one client, each with its own range", async (t) => {
    const from = await t.put("start");
    const watches = Array.from({ length: 20 }, (_, at) =>
      t.watch({ key: t.key(String(at)) }, from),
    );
    await t.commit(...watches.map((_, at) => t.durable(String(at))));
    const told = await t.settle(Promise.all(watches.map((watch) => watch.ask())));
    for (const [at, message] of told.entries()) {
      assert(message?.kind === "changes");
      assert.deepEqual(
        t.names(message.events.map((event) => (event.kind === "put" ? event.now : event))),
        [String(at)],
      );
    }
  });
}

function exerciseEnds(it: Exercise): void {
  it("from before a compaction says so, and ends", async (t) => {
    const from = await t.put("a", "1");
    await t.put("a", "2");
    const compacted = await t.put("a", "3");
    await t.put("a", "4");
    await t.settle(t.etcd.compact(compacted));
    const watch = t.watch(t.all, from);
    assert.deepEqual(await watch.told(), { kind: "gap", compacted });
    assert.equal(await watch.next(), undefined);
  });

  it("from the compacted revision itself still tells all that came with and after it", async (t) => {
    await t.put("a", "1");
    const compacted = await t.put("a", "2");
    await t.put("a", "3");
    await t.settle(t.etcd.compact(compacted));
    const events = await t.watch(t.all, compacted).events(2);
    assert.deepEqual(
      events.map((event) => event.kind === "put" && string(event.now.value)),
      ["2", "3"],
    );
  });

  it("ends when its signal aborts, also while it waits", async (t) => {
    const from = await t.put("a");
    const leaving = new AbortController();
    const watch = t.watch(t.all, from, leaving.signal);
    assert.notEqual(await watch.next(), undefined);
    const waiting = watch.ask();
    leaving.abort(new Error("left"));
    assert.equal(await t.settle(waiting), undefined);
  });

  it("whose signal has aborted before says nothing", async (t) => {
    const from = await t.put("a");
    const watch = t.watch(t.all, from, AbortSignal.abort(new Error("left")));
    assert.equal(await watch.next(), undefined);
  });

  it("that its reader breaks off leaves nothing behind", async (t) => {
    const from = await t.put("a");
    const read = async (): Promise<number> => {
      let seen = 0;
      for await (const message of t.store.watch(t.all, from, t.signal)) {
        if (message.kind !== "progress" && ++seen === 1) break;
      }
      return seen;
    };
    assert.equal(await t.settle(read()), 1);
  });
}

function exerciseInterruptions(it: Exercise): void {
  it("goes on after its connection was cut, with nothing lost and nothing twice", async (t) => {
    await using other = await t.etcd.connect();
    const from = await t.put("0");
    const watch = t.watch(t.all, from);
    const events = await watch.events(1);
    for (let round = 1; round <= 3; round++) {
      t.client.cutAnswers();
      await t.settle(
        other.store.write({ given: [], when: [], then: [t.durable(String(round))], otherwise: [] }),
      );
      await t.heal();
      events.push(...(await watch.events(1)));
    }
    assert.deepEqual(
      events.map((event) => (event.kind === "put" ? string(event.now.value) : "")),
      ["0", "1", "2", "3"],
    );
  });
}
