import assert from "node:assert/strict";
import { done, type Outcome } from "#core/outcome.ts";
import { Refusal } from "#core/refusal.ts";
import { installationKey, recordKey } from "#core/spec/keys.ts";
import { encodeInstallation, readRecord, type Installation } from "#core/spec/records.ts";
import { aborted } from "#core/runtime.ts";
import { SpecMirror } from "#sidecar/resources/mirror.ts";
import {
  type Changes,
  type KeyRange,
  type KeyValue,
  revision,
  type Snapshot,
  type Store,
} from "#core/store.ts";
import { Clock } from "#test/support/clock.ts";

const record: KeyValue = {
  key: recordKey("default", "DistributedLock", "orders"),
  value: new TextEncoder().encode(`{"uid":"u","generation":1,"level":1,"spec":{"mode":"Mutex"}}`),
  createRevision: revision(5),
  modRevision: revision(5),
  lease: undefined,
};
const snapshot: Snapshot = {
  revision: revision(9),
  ranges: [
    { keys: [record], count: 1 },
    { keys: [], count: 0 },
    { keys: [], count: 0 },
  ],
};

/** A store whose reads a test answers, and whose watch of the records tells what a test wants. */
class QuietStore implements Pick<Store, "read" | "watch"> {
  told: readonly Changes[] = [];
  installation: readonly KeyValue[] = [];
  readonly #asked: ((answer: Outcome<Snapshot>) => void)[] = [];

  /** True: a read waited for it. */
  answer(): boolean {
    const asked = this.#asked.splice(0);
    const [records, , anew] = snapshot.ranges;
    assert.ok(records !== undefined && anew !== undefined);
    const installation = { keys: this.installation, count: this.installation.length };
    const answer = done(
      { ...snapshot, ranges: [records, installation, anew] },
      { cluster: "c", revision: snapshot.revision },
    );
    for (const resolve of asked) resolve(answer);
    return asked.length > 0;
  }

  read(): Promise<Outcome<Snapshot>> {
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  async *watch(range: KeyRange, _from: unknown, signal: AbortSignal): AsyncGenerator<Changes> {
    if (range.end !== undefined) yield* this.told;
    await aborted(signal);
    yield* [];
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** More than anything here takes. */
const manyTurns = 200;

function refusal(ask: () => unknown): string {
  try {
    ask();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "none";
}

describe("the mirror of the spec tree", () => {
  const remembering = (store: QuietStore, fell: string[]) =>
    SpecMirror.start({
      runtime: new Clock(),
      store: store as unknown as Store,
      namespace: "default",
      onBug: (_name, error) => assert.fail(String(error)),
      onBaseFell: () => fell.push("fell"),
      remembered: [readRecord(record, "DistributedLock", "former")],
    });

  it("knows a remembered pool until etcd has told, reports it to nobody, and gives no facts of it", async () => {
    const store = new QuietStore();
    const mirror = remembering(store, []);
    const former = mirror.pool("former");
    assert.equal(former.name, "former");
    assert.equal(mirror.isReady, false);
    assert.equal(mirror.isReadAgain, true);
    assert.equal(mirror.factsFor(former), undefined);
    assert.deepEqual(mirror.records(), []);
    assert.equal(
      refusal(() => mirror.pool("orders")),
      "not_ready",
    );
    store.answer();
    await turns(manyTurns);
    assert.equal(
      refusal(() => mirror.pool("former")),
      "pool_not_found",
    );
    assert.equal(mirror.isReadAgain, false);
    assert.deepEqual(mirror.remembered(), []);
    // What is read again later has nothing to do with it.
    mirror.forget();
    assert.equal(
      refusal(() => mirror.pool("former")),
      "not_ready",
    );
    await turns(manyTurns);
    store.answer();
    await mirror.close();
  });

  it("keeps what is remembered over the beginning of a session", async () => {
    const store = new QuietStore();
    const mirror = remembering(store, []);
    mirror.forget();
    assert.equal(mirror.pool("former").name, "former");
    store.answer();
    await mirror.close();
  });

  it("trusts no base from when etcd began anew until that is told, and then reads all again", async () => {
    const store = new QuietStore();
    const value = encodeInstallation({ owner: "o", base: 100n, cluster: "c" });
    store.installation = [{ ...record, key: installationKey, value }];
    const mirror = remembering(store, []);
    store.answer();
    await turns(manyTurns);
    assert.equal(mirror.installation?.base, 100n);
    const told = [mirror.holdGrants(), mirror.holdGrants()];
    assert.equal(mirror.installation, undefined);
    told[0]?.();
    await turns(manyTurns);
    store.answer();
    await turns(manyTurns);
    assert.equal(mirror.isReady, true);
    assert.equal(mirror.installation, undefined, "the other one is not told yet");
    told[1]?.();
    assert.equal(mirror.isReady, false);
    await turns(manyTurns);
    store.answer();
    await turns(manyTurns);
    assert.equal((mirror.installation as Installation | undefined)?.base, 100n);
    await mirror.close();
  });

  it("reads again what it was told to forget, whenever that comes between a read and its watches", async () => {
    // Each turn of the microtasks after the answer is a moment at which a session may have begun.
    for (let moment = 0; moment < 30; moment++) {
      const clock = new Clock();
      const store = new QuietStore();
      const failures: unknown[] = [];
      const mirror = SpecMirror.start({
        runtime: clock,
        store: store as unknown as Store,
        namespace: "default",
        onBug: (_name, error) => failures.push(error),
        onBaseFell: () => failures.push("fell"),
      });
      assert.equal(store.answer(), true);
      await turns(moment);
      mirror.forget();
      await turns(manyTurns);
      clock.pass(5_000);
      await turns(manyTurns);
      assert.equal(store.answer(), true, `nothing is read after ${moment} turns`);
      await turns(manyTurns);
      assert.equal(mirror.isReady, true);
      assert.equal(mirror.record("DistributedLock", "orders")?.uid, "u");
      await mirror.close();
      assert.deepEqual(failures, []);
    }
  });

  it("knows up to which revision it has all records: from the reading, then from the watch of the records", async () => {
    const at = (value: number) => ({ cluster: "c", revision: revision(value) });
    const gone = { kind: "delete", key: record.key, revision: revision(14) } as const;
    const steps: readonly [Changes[], bigint][] = [
      [[], 9n],
      [[{ kind: "progress", at: at(12) }], 12n],
      [[{ kind: "changes", events: [gone], at: at(14) }], 14n],
      // One that tells less than is known takes nothing back.
      [[{ kind: "progress", at: at(4) }], 9n],
    ];
    for (const [told, applied] of steps) {
      const store = new QuietStore();
      store.told = told;
      const mirror = SpecMirror.start({
        runtime: new Clock(),
        store: store as unknown as Store,
        namespace: "default",
        onBug: (_name, error) => assert.fail(String(error)),
        onBaseFell: () => assert.fail("fell"),
      });
      assert.equal(mirror.appliedRevision, 0n);
      store.answer();
      await turns(manyTurns);
      assert.equal(mirror.appliedRevision, applied);
      mirror.forget();
      assert.equal(mirror.appliedRevision, 0n);
      await turns(manyTurns);
      store.answer();
      await mirror.close();
    }
  });
});
