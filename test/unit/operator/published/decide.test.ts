/** One resource under any order of events, seen late or twice or not at all: what is decided ends in the same state. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Epoch } from "#core/runtime.ts";
import { noRevision, revision, type Revision } from "#core/store.ts";
import type { FieldProblem } from "#api/fields/read.ts";
import { transition, type StoredCondition } from "#operator/conditions/condition.ts";
import { decide, type Gathered, type Plan } from "#operator/controllers/published/decide.ts";
import { publishedKinds, type PublishedKind } from "#operator/controllers/published/kinds.ts";
import type { KubeObject } from "#operator/kube/objects.ts";
import type { SpecRecord } from "#operator/spec-tree/records.ts";

const problem: FieldProblem = {
  ...{ code: "malformed", field: "spec.mode", reason: "is Wrong", fix: "write another" },
};
const [first] = publishedKinds;
assert.ok(first !== undefined);
/** With modes that are all served, but for one. */
const kind: PublishedKind = {
  ...first,
  read: (spec) =>
    (spec as { mode: string }).mode === "Wrong"
      ? { ok: false, problems: [problem] }
      : { ok: true, spec },
};
const modeOf = (spec: unknown): string => (spec as { mode: string }).mode;
const at = 1_000_000 as Epoch;

class Stage {
  live: KubeObject | undefined;
  /** What watches have told so far. */
  told: KubeObject | undefined;
  record: SpecRecord | undefined;
  /** Grants that are left, and under which mode they were given. */
  grants: string | undefined;
  reachable = true;
  /** Whether etcd was asked in this term; and about the sidecars, of which there are none. */
  asked = true;
  heard = true;
  writes = 0;
  /** Of what Kubernetes had. */
  readonly #history: (KubeObject | undefined)[] = [];
  #uid = 0;
  #version = 0;
  #revision: Revision = noRevision;
  #conditions = new Map<string, readonly StoredCondition[]>();
  #oldGrants = false;
  #retracted: string | undefined;

  create(mode: string): void {
    if (this.live !== undefined) return;
    this.#uid += 1;
    this.live = this.#object(`uid-${this.#uid}`, 1, { mode, ttl: "1s" });
  }

  /** The mode stays, as the API server sees to. */
  edit(ttl: string): void {
    if (this.live === undefined) return;
    const { uid, generation = 0 } = this.live.metadata;
    const spec = { mode: modeOf(this.live["spec"]), ttl };
    this.live = this.#object(uid, generation + 1, spec);
  }

  delete(): void {
    this.live = undefined;
    this.#history.push(undefined);
  }

  /** Another process leads, and its watches are further behind than the last one's were. */
  lag(back: number): void {
    this.told = this.#history.at(-1 - back);
    this.restart();
  }

  drift(how: "deleted" | "changed" | "newer" | "strange"): void {
    if (this.record === undefined) return;
    const { record } = this;
    this.#revision = revision(this.#revision + 1n);
    const moved = { ...record, modRevision: this.#revision };
    if (how === "deleted") this.record = undefined;
    else if (how === "changed") this.record = { ...moved, level: 7 };
    else if (how === "newer") this.record = { ...moved, generation: 99 };
    else this.record = { ...moved, uid: "" };
  }

  use(): void {
    if (this.record !== undefined && this.grants === undefined)
      this.grants = modeOf(this.record.spec);
  }

  /** Another process leads: what the last one remembered is gone. */
  restart(): void {
    this.#retracted = undefined;
    this.#oldGrants = false;
  }

  /** `lost`: the write is done, and nobody hears of it. */
  reconcile(lost: boolean): Plan {
    let gathered = this.#gather(false);
    let plan = decide(gathered);
    if (plan.step.kind === "confirm") {
      gathered = this.#gather(true);
      plan = decide(gathered);
      assert.notEqual(plan.step.kind, "confirm", "asked once is enough");
    }
    assert.deepEqual(decide(gathered), plan, "asked twice, it says the same");
    this.#carryOut(plan, lost);
    const after = decide(this.#gather(gathered.confirmed));
    const { object } = gathered;
    if (object !== undefined && after.status !== undefined) {
      const { uid } = object.metadata;
      const before = this.#conditions.get(uid) ?? [];
      const { generation, conditions } = after.status;
      this.#conditions.set(uid, transition(before, conditions, { generation, wallNow: at }));
    }
    return plan;
  }

  get conditions(): readonly StoredCondition[] {
    return this.#conditions.get(this.live?.metadata.uid ?? "") ?? [];
  }

  #carryOut({ step }: Plan, lost: boolean): void {
    if (!this.reachable || (step.kind !== "publish" && step.kind !== "retract")) return;
    if ((this.record?.modRevision ?? noRevision) !== step.over) return;
    this.#revision = revision(this.#revision + 1n);
    if (step.kind === "retract") {
      assert.notEqual(this.live?.metadata.uid, this.record?.uid, "what is there is not retracted");
      if (!lost) this.#retracted = kind.fixed(this.record?.spec);
      this.record = undefined;
    } else {
      this.#oldGrants = step.onlyUnused && this.grants !== undefined;
      if (this.#oldGrants) return;
      const { content } = step;
      if (this.grants !== undefined) assert.equal(modeOf(content.spec), this.grants);
      const { live, record } = this;
      const isOurs = live !== undefined && record?.uid === live.metadata.uid;
      if (isOurs && record.generation <= (live.metadata.generation ?? 0))
        assert.ok(content.generation >= record.generation, "a newer one is never replaced");
      this.record = { ...content, modRevision: this.#revision };
      if (!lost) this.#retracted = undefined;
    }
    this.writes += 1;
  }

  #gather(confirmed: boolean): Gathered {
    const object = confirmed ? this.live : this.told;
    return {
      ...{ kind, name: { namespace: "shop", name: "orders" }, object, confirmed },
      conditions: this.#conditions.get(object?.metadata.uid ?? "") ?? [],
      record: this.record,
      backend: this.#backend(),
      reports: this.heard ? [] : "unknown",
      memory: {
        ...{ oldGrants: this.#oldGrants, refusal: undefined, standsMs: 0 },
        retracted: this.#retracted,
      },
    };
  }

  #backend(): Gathered["backend"] {
    if (!this.asked) return { kind: "connecting" };
    return this.reachable ? { kind: "reachable" } : { kind: "unreachable", problem: "gone" };
  }

  #object(uid: string, generation: number, spec: object): KubeObject {
    this.#version += 1;
    const object: KubeObject = {
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "DistributedLock",
      metadata: {
        ...{ name: "orders", namespace: "shop", uid, generation },
        resourceVersion: String(this.#version),
      },
      spec,
    };
    this.#history.push(object);
    return object;
  }
}

type Event = (stage: Stage) => void;

const settles: Event = (stage) => {
  stage.told = stage.live;
  stage.reconcile(false);
};

const event: fc.Arbitrary<Event> = fc.oneof(
  { arbitrary: fc.constant(settles), weight: 4 },
  fc.constantFrom("A", "B", "Wrong").map((mode) => (stage: Stage) => stage.create(mode)),
  fc.constantFrom("1s", "2s", "3s").map((ttl) => (stage: Stage) => stage.edit(ttl)),
  fc.constant((stage: Stage) => stage.delete()),
  fc.constant((stage: Stage) => void (stage.told = stage.live)),
  fc
    .constantFrom("deleted", "changed", "newer", "strange")
    .map((how) => (stage: Stage) => stage.drift(how)),
  fc.constant((stage: Stage) => stage.use()),
  fc.constant((stage: Stage) => void (stage.grants = undefined)),
  fc.integer({ min: 0, max: 3 }).map((up) => (stage: Stage) => void (stage.reachable = up > 0)),
  fc.boolean().map((asked) => (stage: Stage) => void (stage.asked = asked)),
  fc.boolean().map((heard) => (stage: Stage) => void (stage.heard = heard)),
  fc.nat(10).map((back) => (stage: Stage) => stage.lag(back)),
  fc.constant((stage: Stage) => stage.restart()),
  fc.boolean().map((lost) => (stage: Stage) => void stage.reconcile(lost)),
  fc.boolean().map((lost) => (stage: Stage) => void stage.reconcile(lost)),
);

describe("what is decided about a published resource", () => {
  it("ends in the same state, whatever happened before, and then writes nothing", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80, size: "max" }), (events) => {
        const stage = new Stage();
        for (const happens of events) happens(stage);
        stage.told = stage.live;
        stage.reachable = stage.asked = stage.heard = true;
        stage.grants = undefined;
        for (let i = 0; i < 3; i++) stage.reconcile(false);
        const { live, record } = stage;
        const isServed = live !== undefined && modeOf(live["spec"]) !== "Wrong";
        if (live === undefined) assert.equal(record, undefined);
        else if (isServed) {
          assert.equal(record?.uid, live.metadata.uid);
          assert.equal(record.generation, live.metadata.generation);
          assert.deepEqual(record.spec, live["spec"]);
          assert.equal(record.level, kind.level);
        } else if (record !== undefined) {
          assert.equal(record.uid, live.metadata.uid, "a former resource is not in force");
        }
        const ready = stage.conditions.find(({ type }) => type === "Ready");
        if (live !== undefined) assert.equal(ready?.status, isServed ? "True" : "False");
        const { writes, conditions } = stage;
        const plan = stage.reconcile(false);
        assert.equal(plan.step.kind, "none");
        assert.deepEqual(plan.tellings, []);
        assert.equal(stage.writes, writes);
        assert.deepEqual(stage.conditions, conditions);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is not told anew by a leader that has asked nobody yet: what was said stays said", () => {
    const stage = new Stage();
    stage.create("A");
    settles(stage);
    const said = stage.conditions;
    assert.ok(said.every(({ status }) => status === "True"));
    stage.restart();
    for (const [asked, heard] of [
      [false, false],
      [true, false],
      [true, true],
    ] as const) {
      Object.assign(stage, { asked, heard });
      assert.deepEqual(stage.reconcile(false).tellings, []);
      assert.deepEqual(stage.conditions, said);
    }
    Object.assign(stage, { reachable: false, heard: false });
    stage.reconcile(false);
    assert.equal(stage.conditions.find(({ type }) => type === "Ready")?.status, "False");
  });

  it("is told on first sight, as not known, before anybody was asked", () => {
    const stage = new Stage();
    Object.assign(stage, { asked: false, heard: false });
    stage.create("A");
    settles(stage);
    const reachable = stage.conditions.find(({ type }) => type === "BackendReachable");
    assert.equal(reachable?.reason, "Connecting");
  });

  it("stops new acquires under the former mode of a pool that was made again, while old grants are left", () => {
    const stage = new Stage();
    stage.create("A");
    settles(stage);
    stage.use();
    stage.delete();
    stage.create("B");
    settles(stage);
    assert.deepEqual([stage.record], [undefined]);
    settles(stage);
    assert.equal(stage.conditions.find(({ type }) => type === "Programmed")?.reason, "OldGrants");
    stage.grants = undefined;
    settles(stage);
    assert.equal(modeOf(stage.record?.spec), "B");
  });

  it("asks the API server before it removes anything", () => {
    const stage = new Stage();
    stage.create("A");
    stage.told = stage.live;
    stage.reconcile(false);
    stage.told = undefined;
    stage.reconcile(false);
    assert.ok(stage.record !== undefined);
  });
});
