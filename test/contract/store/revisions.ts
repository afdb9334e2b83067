import assert from "node:assert/strict";
import { noRevision, type KeyValue } from "#core/store.ts";
import { assertDone, bytes, completed, revisionOf, string, type Exercise } from "./trial.ts";

export function exerciseRevisions(it: Exercise): void {
  exerciseCounting(it);
  exerciseConcurrency(it);
}

function exerciseCounting(it: Exercise): void {
  it("grow with every write that changes something, and with no other", async (t) => {
    const first = await t.put("a");
    const nothing = await t.commit(t.delete("b"), t.list(t.all));
    assert.equal(nothing.at.revision, first);
    const second = await t.commit(t.delete("a"));
    assert.equal(second.at.revision, first + 1n);
    assert.equal((await t.snapshot(t.all)).revision, first + 1n);
  });

  it("of one write are one: its keys share it", async (t) => {
    const { at } = await t.commit(t.durable("a"), t.durable("b"), t.durable("c"));
    const { keys } = await t.read(t.all);
    for (const { createRevision, modRevision } of keys) {
      assert.equal(createRevision, at.revision);
      assert.equal(modRevision, at.revision);
    }
  });

  it("of creation stay while a key lives, and are new when it comes again", async (t) => {
    const created = await t.put("a", "1");
    const modified = await t.put("a", "2");
    const changed = await t.get("a");
    assert.deepEqual([changed?.createRevision, changed?.modRevision], [created, modified]);
    await t.commit(t.delete("a"));
    const again = await t.put("a", "3");
    const made = await t.get("a");
    assert.deepEqual([made?.createRevision, made?.modRevision], [again, again]);
  });

  it("come with the cluster's id, which is always the same", async (t) => {
    const first = await t.commit(t.durable("a"));
    const read = await t.settle(t.store.read([t.all], t.wait()));
    assertDone(read);
    assert.equal(read.at.cluster, first.at.cluster);
    assert.notEqual(read.at.cluster, "");
  });
}

function exerciseConcurrency(it: Exercise): void {
  it("let independent writes all succeed, however many at once", async (t) => {
    const outcomes = await t.settle(
      Promise.all(
        Array.from({ length: 300 }, (_, at) => {
          const name = String(at).padStart(3, "0");
          return t.store.write(
            completed({
              when: [{ kind: "created", key: t.key(name), revision: noRevision }],
              then: [t.durable(name), t.list(t.range(name))],
              otherwise: [t.durable("twice")],
            }),
          );
        }),
      ),
    );
    for (const outcome of outcomes) {
      assertDone(outcome);
      assert.equal(outcome.value.held, true);
      const [, listed] = outcome.value.results;
      assert(listed?.kind === "listed");
      assert.equal(listed.result.keys[0]?.createRevision, outcome.at.revision);
    }
    assert.equal((await t.read(t.all)).count, 300);
  });

  it("of creation differ where writes list one range: none is alone together with another", async (t) => {
    const outcomes = await t.settle(
      Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          t.store.write(
            completed({
              then: [t.durable(`q/${String(at)}`), t.list({ ...t.range("q/"), limit: 2 })],
            }),
          ),
        ),
      ),
    );
    const alone = outcomes.filter((outcome) => {
      assertDone(outcome);
      const listed = outcome.value.results[1];
      return listed?.kind === "listed" && listed.result.count === 1;
    });
    assert.equal(alone.length, 1);
    const { keys } = await t.read(t.range("q/"));
    assert.equal(new Set(keys.map(({ createRevision }) => createRevision)).size, 12);
  });

  it("show the writes of one key in the order in which they were made", async (t) => {
    const from = await t.put("other");
    const outcomes = await t.settle(
      Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          t.store.write(completed({ then: [t.durable("a", String(at))] })),
        ),
      ),
    );
    for (const outcome of outcomes) assertDone(outcome);
    const events = await t.watch({ key: t.key("a") }, from).events(40);
    const values = events.map((event) => (event.kind === "put" ? string(event.now.value) : ""));
    assert.deepEqual(
      values,
      Array.from({ length: 40 }, (_, at) => String(at)),
    );
    assert.equal(new Set(events.map(revisionOf)).size, 40);
  });

  it("keep a put and the delete made after it in order", async (t) => {
    const put = t.store.write(completed({ then: [t.durable("a")] }));
    const deleted = t.store.write(completed({ then: [t.delete("a")] }));
    const again = t.store.write(completed({ then: [t.durable("a", "2")] }));
    const [, second] = await t.settle(Promise.all([put, deleted, again]));
    assertDone(second);
    assert.deepEqual(second.value.results, [{ kind: "deleted", existed: true }]);
    assert.equal(string((await t.get("a"))?.value ?? bytes("")), "2");
  });

  it("let one of many conditional writes win", async (t) => {
    const outcomes = await t.settle(
      Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          t.store.write(
            completed({
              when: [{ kind: "created", key: t.key("a"), revision: noRevision }],
              then: [t.durable("a", String(at))],
              otherwise: [t.list({ key: t.key("a") })],
            }),
          ),
        ),
      ),
    );
    let winners = 0;
    let winner: KeyValue | undefined;
    for (const outcome of outcomes) {
      assertDone(outcome);
      if (outcome.value.held) winners++;
      const [seen] = outcome.value.results;
      if (seen?.kind === "listed") winner ??= seen.result.keys[0];
    }
    assert.equal(winners, 1);
    assert.deepEqual(winner, await t.get("a"));
  });

  it("let a write that is alone pass among many others", async (t) => {
    const others = Array.from({ length: 50 }, (_, at) =>
      t.store.write(completed({ then: [t.durable(String(at))] })),
    );
    const alone = t.store.write(completed({ then: [t.durable("alone")], alone: true }));
    const outcomes = await t.settle(Promise.all([...others, alone]));
    for (const outcome of outcomes) assertDone(outcome);
    const entry = await t.get("alone");
    const { keys } = await t.read(t.all);
    const same = keys.filter(({ createRevision }) => createRevision === entry?.createRevision);
    assert.deepEqual(t.names(same), ["alone"]);
  });
}
