/**
 * Group commit equals its writes one by one. Random writes, over few keys so that they often share, go through it while
 * requests are applied, answered and lost in any order; then the same writes are run one after the other, batch by
 * batch as etcd applied them, the members of a batch forwards and backwards: every outcome and the state must agree.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import type { Outcome } from "#core/outcome.ts";
import {
  prefixRange,
  revision,
  type Compare,
  type Key,
  type Op,
  type OpResult,
  type Write,
  type WriteResult,
} from "#core/store.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import type { TxnRequest } from "#etcd/batch.ts";
import { settled, State, TxnServer, type Applied } from "./group-commit-server.ts";

const keys = ["a", "a/1", "a/2", "a/b/1", "b/1", "b/2", "c", "d"];
const prefixes = ["a", "a/", "a/b/", "b/"];

const key = fc.constantFrom(...keys);
const range = fc.constantFrom(...prefixes).map((prefix) => prefixRange(prefix));
/** Low revisions, so that a compare sometimes holds. */
const some = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 2, max: 9 }));
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("created" as const, "modified" as const),
    key,
    revision: some.map((at) => revision(at)),
  }),
  range.map((one) => ({ kind: "empty" as const, ...one })),
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 2 });
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ kind: fc.constant("putDurable" as const), key, value: bytes }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  range.map((one) => ({ kind: "list" as const, range: { ...one, limit: 2 } })),
  key.map((one) => ({ kind: "list" as const, range: { key: one } })),
);
/** A transaction may not put one key twice; deletes go with puts only of other keys. */
const part = (maxLength: number) =>
  fc.uniqueArray(op, {
    maxLength,
    selector: (one) => (one.kind === "list" ? JSON.stringify(one.range) : one.key),
  });
const write: fc.Arbitrary<Write> = fc
  .oneof(
    {
      weight: 2,
      arbitrary: fc.record({ given: fc.array(compare, { maxLength: 2 }), then: part(1) }),
    },
    { weight: 1, arbitrary: key.map((one) => ({ then: [{ kind: "delete" as const, key: one }] })) },
    {
      weight: 3,
      arbitrary: fc.record({
        given: fc.array(compare, { maxLength: 2 }),
        when: fc.array(compare, { maxLength: 2 }),
        then: part(3),
        otherwise: part(2),
      }),
    },
  )
  .map((parts) => distinct({ given: [], when: [], otherwise: [], ...parts }));

type Step =
  | { readonly do: "write"; readonly writes: readonly Write[] }
  | { readonly do: "apply" | "answer" | "lose"; readonly which: number };
const which = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      writes: fc.array(write, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("apply" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("answer" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const), which }) },
);

/** Own objects for every write, by which a request's operations are told apart. */
function distinct(one: Write): Write {
  return { ...one, then: one.then.map((own) => ({ ...own })), otherwise: [...one.otherwise] };
}

interface Sent {
  readonly write: Write;
  outcome: Outcome<WriteResult> | undefined;
  firstSentAt: number;
  settledAt: number;
}

class Run {
  readonly server = new TxnServer();
  readonly group = new GroupCommit(this.server);
  readonly sent: Sent[] = [];
  #clock = 0;
  #seen = 0;

  async play(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      if (one.do === "write") for (const own of one.writes) this.#write(own);
      else this.#touch(one.do, one.which);
      await this.#look();
    }
    while (this.server.pending.length > 0) {
      this.server.answer(this.server.next());
      await this.#look();
    }
    await this.group.close();
  }

  membersOf(request: TxnRequest): Sent[] {
    return this.sent.filter(({ write: own }) => rides(own, request));
  }

  #write(own: Write): void {
    const entry: Sent = {
      write: own,
      outcome: undefined,
      firstSentAt: Infinity,
      settledAt: Infinity,
    };
    this.sent.push(entry);
    void this.group.write(own).then((outcome) => {
      entry.outcome = outcome;
      entry.settledAt = this.#clock++;
    });
  }

  #touch(what: "apply" | "answer" | "lose", at: number): void {
    const pending = this.server.pending[at % Math.max(1, this.server.pending.length)];
    if (pending !== undefined) this.server[what](pending);
  }

  async #look(): Promise<void> {
    await settled();
    const now = this.#clock++;
    for (; this.#seen < this.server.requests.length; this.#seen++) {
      const request = this.server.requests[this.#seen];
      if (request === undefined) continue;
      for (const member of this.membersOf(request))
        member.firstSentAt = Math.min(member.firstSentAt, now);
    }
  }
}

function rides(own: Write, request: TxnRequest): boolean {
  if (request.then === own.then) return true;
  return request.then.some((one) =>
    one.kind === "nested" ? one.then === own.then : own.then.includes(one),
  );
}

describe("group commit and the order of writes", () => {
  it("ends as its writes one by one do, whatever order batches are applied and answered in", async function () {
    this.timeout(60_000);
    let together = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const run = new Run();
        await run.play(steps);
        assert.ok(run.sent.every(({ outcome }) => outcome !== undefined));
        for (const applied of run.server.applied) {
          const members = run.membersOf(applied.request);
          if (members.length > 1) together += 1;
          oneByOne(applied, members);
          oneByOne(applied, members.toReversed());
        }
        checkFinal(run);
        checkOrder(run.sent);
      }),
      { numRuns: 500 },
    );
    assert.ok(together > 500, `only ${together} batches had several members`);
  });
});

/** Runs the members against the state that the batch found, and compares with what each was told. */
function oneByOne({ request, before, held, at }: Applied, members: readonly Sent[]): void {
  const state = before.copy();
  const batched = members.length > 1;
  for (const { write: own, outcome } of members) {
    const stale = own.given.filter((fact) => !state.holds(fact));
    const ran = execute(own, state, at);
    if (outcome?.kind === "unknown") continue;
    if (ran === undefined) {
      assert.ok(!held && outcome?.kind === "refused" && outcome.reason.code === "stale");
      assert.deepEqual(new Set(outcome.reason.facts.map(({ fact }) => fact)), new Set(stale));
      for (const { fact, now } of outcome.reason.facts)
        assert.deepEqual(now, standing(fact, before));
      continue;
    }
    // Its own facts hold, another's did not: it is sent again, unless it is an unconditional delete.
    if (!held && request.when.length > 0 && batched && !isDelete(own)) continue;
    assert.ok(outcome?.kind === "done");
    assert.deepEqual(outcome.value, ran);
  }
}

function execute(own: Write, state: State, at: bigint): WriteResult | undefined {
  if (!own.given.every((fact) => state.holds(fact))) return undefined;
  const held = own.when.every((one) => state.holds(one));
  const results: OpResult[] = (held ? own.then : own.otherwise).map((one) => state.apply(one, at));
  return { held, results };
}

function standing(fact: Compare, state: State) {
  return state.list(fact.kind === "empty" ? { ...fact, limit: 1 } : { key: fact.key })[0];
}

function isDelete({ given, when, then }: Write): boolean {
  return (
    given.length + when.length === 0 &&
    then.length > 0 &&
    then.every((one) => one.kind === "delete")
  );
}

/** All batches in the order of etcd, each member by member, give the state that etcd has. */
function checkFinal(run: Run): void {
  const state = new State();
  for (const { request, held, at } of run.server.applied) {
    const members = run.membersOf(request);
    for (const { write: own } of members) {
      const again = !held && members.length > 1 && !isDelete(own);
      if (!again) execute(own, state, at);
    }
  }
  assert.deepEqual(new Map([...state.keys].sort()), new Map([...run.server.state.keys].sort()));
}

/** What shares a key went one after the other, in the order in which it was written. */
function checkOrder(sent: readonly Sent[]): void {
  sent.forEach((first, at) => {
    for (const second of sent.slice(at + 1)) {
      if (!shares(first.write, second.write)) continue;
      assert.ok(
        first.settledAt < second.firstSentAt,
        "two that share were under way at once, or changed places",
      );
    }
  });
}

function shares(one: Write, other: Write): boolean {
  const [first, second] = [touches(one), touches(other)];
  return (
    meet(first.owned, second.owned) ||
    meet(first.written, second.compared) ||
    meet(second.written, first.compared)
  );
}

/** By looking at every key there is: nothing like what the code does. */
function touches({ given, when, then, otherwise }: Write) {
  // Without a condition the else part never runs.
  const ops = when.length === 0 ? then : [...then, ...otherwise];
  const written = new Set(ops.flatMap((one) => (one.kind === "list" ? [] : [one.key])));
  const listed = ops.flatMap((one) => (one.kind === "list" ? keysIn(one.range) : []));
  const compared = [...given, ...when].flatMap((one) =>
    keysIn(one.kind === "empty" ? one : { key: one.key }),
  );
  return { written, owned: new Set([...written, ...listed]), compared: new Set(compared) };
}

function keysIn({ key: from, end }: { key: Key; end?: Key }): Key[] {
  return keys.filter((one) => (end === undefined ? one === from : one >= from && one < end));
}

function meet(one: ReadonlySet<Key>, other: ReadonlySet<Key>): boolean {
  return [...one].some((key) => other.has(key));
}
