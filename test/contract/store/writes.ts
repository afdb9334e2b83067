import assert from "node:assert/strict";
import { noRevision, revision, type Compare } from "#core/store.ts";
import { assertDone, assertRefused, bytes, string, type Exercise } from "./trial.ts";

export function exerciseWrites(it: Exercise): void {
  exerciseParts(it);
  exerciseCompares(it);
  exerciseRefusals(it);
}

function exerciseParts(it: Exercise): void {
  it("that has no condition runs its first part", async (t) => {
    const { value, at } = await t.commit(t.durable("a", "1"));
    assert.deepEqual(value, { held: true, results: [{ kind: "put" }] });
    const entry = await t.get("a");
    assert.deepEqual(entry, {
      key: t.key("a"),
      value: entry?.value,
      createRevision: at.revision,
      modRevision: at.revision,
      lease: undefined,
    });
    assert.equal(string(entry?.value ?? bytes("")), "1");
  });

  it("runs one part, whole, by its condition", async (t) => {
    const write = {
      when: [{ kind: "created", key: t.key("a"), revision: noRevision }] as const,
      then: [t.durable("a"), t.durable("b")],
      otherwise: [t.durable("c"), t.list(t.all)],
    };
    const first = await t.write(write);
    assertDone(first);
    assert.deepEqual(first.value, { held: true, results: [{ kind: "put" }, { kind: "put" }] });
    const second = await t.write(write);
    assertDone(second);
    assert.equal(second.value.held, false);
    assert.deepEqual(
      second.value.results.map(({ kind }) => kind),
      ["put", "listed"],
    );
    assert.deepEqual(t.names((await t.read(t.all)).keys), ["a", "b", "c"]);
  });

  it("may have nothing to do", async (t) => {
    const outcome = await t.write({
      when: [{ kind: "created", key: t.key("a"), revision: noRevision }],
    });
    assertDone(outcome);
    assert.deepEqual(outcome.value, { held: true, results: [] });
  });

  it("does its operations in order, so a list sees the puts before it", async (t) => {
    await t.put("b");
    const { value } = await t.commit(t.list(t.all), t.durable("a"), t.delete("b"), t.list(t.all));
    const [before, put, deleted, afterwards] = value.results;
    assert(before?.kind === "listed" && afterwards?.kind === "listed");
    assert.deepEqual(t.names(before.result.keys), ["b"]);
    assert.deepEqual([put, deleted], [{ kind: "put" }, { kind: "deleted", existed: true }]);
    assert.deepEqual(t.names(afterwards.result.keys), ["a"]);
  });

  it("lists with a limit, and counts what it leaves out", async (t) => {
    await t.commit(t.durable("a"), t.durable("b"), t.durable("c"));
    const { value } = await t.commit(t.list({ ...t.all, limit: 2 }));
    const [listed] = value.results;
    assert(listed?.kind === "listed");
    assert.deepEqual(t.names(listed.result.keys), ["a", "b"]);
    assert.equal(listed.result.count, 3);
  });

  it("says of a delete whether the key was there", async (t) => {
    await t.put("a");
    const { value } = await t.commit(t.delete("a"), t.delete("b"));
    assert.deepEqual(value.results, [
      { kind: "deleted", existed: true },
      { kind: "deleted", existed: false },
    ]);
    assert.equal(await t.get("a"), undefined);
  });

  it("keeps any bytes as they are, and none", async (t) => {
    const every = Uint8Array.from({ length: 256 }, (_, at) => at);
    await t.commit(
      { kind: "putDurable", key: t.key("a"), value: every },
      { kind: "putDurable", key: t.key("b"), value: new Uint8Array() },
    );
    const { keys } = await t.read(t.all);
    assert.deepEqual([...(keys[0]?.value ?? [])], [...every]);
    assert.equal(keys[1]?.value.length, 0);
  });
}

function exerciseCompares(it: Exercise): void {
  it("compares the create revision, the mod revision and the absence of a key", async (t) => {
    const created = await t.put("a", "1");
    const modified = await t.put("a", "2");
    const key = t.key("a");
    const absent = t.key("b");
    const holding: Compare[] = [
      { kind: "created", key, revision: created },
      { kind: "modified", key, revision: modified },
      { kind: "created", key: absent, revision: noRevision },
      { kind: "modified", key: absent, revision: noRevision },
    ];
    const failing: Compare[] = [
      { kind: "created", key, revision: modified },
      { kind: "modified", key, revision: created },
      { kind: "created", key, revision: noRevision },
      { kind: "modified", key, revision: noRevision },
      { kind: "created", key: absent, revision: created },
      { kind: "modified", key: absent, revision: revision(1) },
    ];
    for (const compare of holding) assert.equal(await held([compare]), true, compare.kind);
    for (const compare of failing) assert.equal(await held([compare]), false, compare.kind);

    async function held(when: Compare[]): Promise<boolean> {
      const outcome = await t.write({ when });
      assertDone(outcome);
      return outcome.value.held;
    }
  });

  it("compares that a range is empty, its end not included", async (t) => {
    await t.put("b");
    const empty = async (from: string, to: string): Promise<boolean> => {
      const outcome = await t.write({
        when: [{ kind: "empty", key: t.key(from), end: t.key(to) }],
      });
      assertDone(outcome);
      return outcome.value.held;
    };
    assert.equal(await empty("a", "b"), true);
    assert.equal(await empty("b", "c"), false);
    assert.equal(await empty("a", "c"), false);
    assert.equal(await empty("b0", "c"), true);
  });

  it("holds only where all its compares do", async (t) => {
    const at = await t.put("a");
    const outcome = await t.write({
      when: [
        { kind: "modified", key: t.key("a"), revision: at },
        { kind: "modified", key: t.key("b"), revision: at },
      ],
      then: [t.durable("c")],
      otherwise: [t.delete("a")],
    });
    assertDone(outcome);
    assert.equal(outcome.value.held, false);
    assert.deepEqual(t.names((await t.read(t.all)).keys), []);
  });
}

function exerciseRefusals(it: Exercise): void {
  it("that puts a key twice is refused, and nothing is written", async (t) => {
    const outcome = await t.write({
      then: [t.durable("b"), t.durable("a", "1"), t.durable("a", "2")],
    });
    assertRefused(outcome, "invalidArgument");
    assert.deepEqual(t.names((await t.read(t.all)).keys), []);
  });

  it("that puts and deletes one key is refused", async (t) => {
    assertRefused(await t.write({ then: [t.durable("a"), t.delete("a")] }), "invalidArgument");
    assertRefused(await t.write({ then: [t.delete("a"), t.durable("a")] }), "invalidArgument");
    assert.deepEqual(t.names((await t.read(t.all)).keys), []);
  });

  it("may put one key in both parts: only one of them runs", async (t) => {
    const outcome = await t.write({
      when: [{ kind: "created", key: t.key("a"), revision: noRevision }],
      then: [t.durable("a", "then")],
      otherwise: [t.durable("a", "otherwise")],
    });
    assertDone(outcome);
    assert.equal(string((await t.get("a"))?.value ?? bytes("")), "then");
  });

  it("above etcd's bounds of size and operations is refused", async (t) => {
    const many = Array.from({ length: 129 }, (_, at) => t.durable(String(at)));
    assertRefused(await t.write({ then: many }), "invalidArgument");
    const large = {
      kind: "putDurable",
      key: t.key("a"),
      value: new Uint8Array(1_600_000),
    } as const;
    assertRefused(await t.write({ then: [large] }), "invalidArgument");
    assert.deepEqual(t.names((await t.read(t.all)).keys), []);
  });

  it("without a key is refused", async (t) => {
    const outcome = await t.write({ then: [{ kind: "putDurable", key: "", value: bytes("x") }] });
    assertRefused(outcome, "invalidArgument");
  });

  it("that is refused takes no other write with it", async (t) => {
    const outcomes = await t.settle(
      Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          t.store.write({
            given: [],
            when: [],
            then: at === 7 ? [t.durable("7"), t.durable("7")] : [t.durable(String(at))],
            otherwise: [],
          }),
        ),
      ),
    );
    for (const [at, outcome] of outcomes.entries()) {
      if (at === 7) assertRefused(outcome, "invalidArgument");
      else assertDone(outcome);
    }
    assert.equal((await t.read(t.all)).count, 19);
  });
}
