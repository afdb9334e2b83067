import assert from "node:assert/strict";
import { noRevision, type Fact } from "#core/store.ts";
import { assertDone, assertRefused, completed, type Exercise } from "./trial.ts";

export function exerciseFacts(it: Exercise): void {
  exerciseStale(it);
  exerciseShared(it);
}

function exerciseStale(it: Exercise): void {
  it("that hold let the write go on", async (t) => {
    const created = await t.put("fact", "1");
    const modified = await t.put("fact", "2");
    const given: Fact[] = [
      { kind: "created", key: t.key("fact"), revision: created },
      { kind: "modified", key: t.key("fact"), revision: modified },
      { kind: "modified", key: t.key("absent"), revision: noRevision },
      { kind: "empty", ...t.range("none/") },
    ];
    const outcome = await t.write({ given, then: [t.durable("a")], otherwise: [t.durable("b")] });
    assertDone(outcome);
    assert.equal(outcome.value.held, true);
    assert.notEqual(await t.get("a"), undefined);
  });

  it("that are stale refuse the write, whatever its condition, and bring what stands there", async (t) => {
    const old = await t.put("fact", "1");
    const now = await t.put("fact", "2");
    const fact: Fact = { kind: "modified", key: t.key("fact"), revision: old };
    const outcome = await t.write({
      given: [fact],
      when: [{ kind: "created", key: t.key("a"), revision: noRevision }],
      then: [t.durable("a")],
      otherwise: [t.durable("b")],
    });
    assertRefused(outcome, "stale");
    assert.deepEqual(outcome.reason.facts, [
      { fact, key: t.key("fact"), now: await t.get("fact") },
    ]);
    assert.equal(outcome.reason.facts[0]?.now?.modRevision, now);
    assert.equal(outcome.reason.at.revision, now);
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["fact"]);
  });

  it("about a key that is gone bring nothing", async (t) => {
    const revision = await t.put("fact");
    await t.commit(t.delete("fact"));
    const fact: Fact = { kind: "created", key: t.key("fact"), revision };
    const outcome = await t.write({ given: [fact], then: [t.durable("a")] });
    assertRefused(outcome, "stale");
    assert.deepEqual(outcome.reason.facts, [{ fact, key: t.key("fact"), now: undefined }]);
  });

  it("about an empty range bring the key that stands in it", async (t) => {
    await t.put("marks/m");
    const fact: Fact = { kind: "empty", ...t.range("marks/") };
    const outcome = await t.write({ given: [fact], then: [t.durable("a")] });
    assertRefused(outcome, "stale");
    const [stale] = outcome.reason.facts;
    assert.deepEqual(stale?.fact, fact);
    assert.equal(stale.key, t.key("marks/m"));
    assert.deepEqual(stale.now, await t.get("marks/m"));
    assert.equal(await t.get("a"), undefined);
  });

  it("are told apart: only the stale ones come back", async (t) => {
    const here = await t.put("here");
    const moved = await t.put("moved", "1");
    await t.put("moved", "2");
    const given: Fact[] = [
      { kind: "modified", key: t.key("here"), revision: here },
      { kind: "modified", key: t.key("moved"), revision: moved },
      { kind: "created", key: t.key("here"), revision: noRevision },
      { kind: "empty", ...t.range("none/") },
    ];
    const outcome = await t.write({ given, then: [t.durable("a")] });
    assertRefused(outcome, "stale");
    assert.deepEqual(
      outcome.reason.facts.map(({ fact }) => fact),
      [given[1], given[2]],
    );
  });
}

function exerciseShared(it: Exercise): void {
  it("of one write that are stale refuse no other write", async (t) => {
    const good = await t.put("good");
    const writes = Array.from({ length: 30 }, (_, at) => {
      const bad = at % 3 === 0;
      return t.store.write(
        completed({
          given: [{ kind: "modified", key: t.key(bad ? "bad" : "good"), revision: good }],
          then: [t.durable(`k/${String(at)}`)],
        }),
      );
    });
    const outcomes = await t.settle(Promise.all(writes));
    for (const [at, outcome] of outcomes.entries()) {
      if (at % 3 === 0) assertRefused(outcome, "stale");
      else assertDone(outcome);
    }
    assert.equal((await t.read(t.range("k/"))).count, 20);
  });

  it("that say unlike things of one key are judged each by itself", async (t) => {
    const old = await t.put("fact", "1");
    const now = await t.put("fact", "2");
    const write = (revision: typeof now, name: string) =>
      t.store.write(
        completed({
          given: [{ kind: "modified", key: t.key("fact"), revision }],
          then: [t.durable(name)],
        }),
      );
    const [stale, fresh] = await t.settle(Promise.all([write(old, "a"), write(now, "b")]));
    assertRefused(stale, "stale");
    assertDone(fresh);
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["b", "fact"]);
  });

  it("do not stop a plain delete", async (t) => {
    const old = await t.put("fact", "1");
    await t.put("fact", "2");
    await t.put("contender");
    const [stale, deleted] = await t.settle(
      Promise.all([
        t.store.write(
          completed({
            given: [{ kind: "modified", key: t.key("fact"), revision: old }],
            then: [t.durable("a")],
          }),
        ),
        t.store.write(completed({ then: [t.delete("contender")] })),
      ]),
    );
    assertRefused(stale, "stale");
    assertDone(deleted);
    assert.deepEqual(deleted.value.results, [{ kind: "deleted", existed: true }]);
  });
}
