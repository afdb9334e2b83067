/** Three electors in virtual time, over a Lease API whose messages are slow, lost and refused. */
import assert from "node:assert/strict";
import { Election, TermEnded, type Term } from "#operator/kube/election.ts";
import { KubeApiModel, ModelClient } from "#test/support/kube/api-model.ts";
import { leases } from "#operator/kube/lease.ts";
import { Scrape, Stage, never, onFailure } from "#test/support/kube/stage.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { World } from "#test/support/world/world.ts";

const lease = { namespace: "holdfast", name: "operator" } as const;

class Elector {
  readonly runtime: VirtualRuntime;
  readonly client: ModelClient;
  readonly scrape = new Scrape();
  readonly election: Election;
  readonly terms: Term[] = [];
  readonly #following = new AbortController();

  constructor(world: World, model: KubeApiModel, name: string) {
    this.runtime = world.runtime(name);
    this.client = new ModelClient(model, this.runtime);
    this.election = Election.start({
      api: this.client,
      runtime: this.runtime,
      metrics: this.scrape.kube,
      lease,
      identity: name,
      onFailure,
    });
    void this.#follow();
  }

  get leads(): boolean {
    return this.election.leads();
  }

  get gauge(): number | undefined {
    return this.scrape.value('leader_election_master_status{name="operator"}');
  }

  /** As a process that is gone without a word. */
  kill(): void {
    this.#following.abort();
    this.runtime.kill();
  }

  async close(world: World): Promise<void> {
    this.#following.abort();
    await world.until(this.election.close());
  }

  async #follow(): Promise<void> {
    const { signal } = this.#following;
    while (!signal.aborted) {
      const term = await this.election.nextTerm(signal).catch(() => undefined);
      if (term !== undefined) this.terms.push(term);
    }
  }
}

function stage(seed: string, names = ["a", "b", "c"]) {
  const world = new World(seed);
  const model = new KubeApiModel(world);
  const electors = names.map((name) => new Elector(world, model, name));
  const leaders = () =>
    electors.filter(({ leads, runtime }) => runtime.state !== "killed" && leads);
  return {
    world,
    model,
    electors,
    leaders,
    closeAll: async () => {
      for (const elector of electors)
        if (elector.runtime.state !== "killed") await elector.close(world);
    },
    holder: () => model.object(leases, lease)?.["spec"] as Record<string, unknown> | undefined,
    /** The one leader that there is within a minute. */
    leader: async (): Promise<Elector> => {
      for (let i = 0; i < 600 && leaders().length === 0; i++) await world.pass(100);
      const [leader, ...others] = leaders();
      assert.ok(leader !== undefined && others.length === 0);
      return leader;
    },
  };
}

describe("an election", () => {
  it("has one leader, and the others see who it is", async () => {
    const { world, electors, leader, leaders, closeAll } = stage("one");
    const first = await leader();
    await world.pass(60_000);
    assert.deepEqual(leaders(), [first]);
    for (const elector of electors) {
      assert.equal(elector.election.holder(), first.runtime.name);
      assert.equal(elector.gauge, elector === first ? 1 : 0);
    }
    assert.equal(first.terms.length, 1);
    assert.equal(first.terms[0]?.signal.aborted, false);
    await closeAll();
    assert.equal(first.gauge, 0);
  });

  it("passes to another when the leader is gone without a word, not before its Lease has run out", async () => {
    const { world, leader, leaders, holder, closeAll } = stage("gone");
    const first = await leader();
    await world.pass(20_000);
    const before = holder();
    first.kill();
    await world.pass(12_900);
    assert.deepEqual(leaders(), [], "the last renewal was at most 2 s before");
    await world.pass(8_000);
    const [second] = leaders();
    assert.ok(second !== undefined && second !== first);
    assert.equal(before?.["leaseTransitions"], 0);
    assert.equal(holder()?.["leaseTransitions"], 1);
    assert.equal(holder()?.["holderIdentity"], second.runtime.name);
    await closeAll();
  });

  it("is over at once where the leader gives the Lease back", async () => {
    const { world, leader, leaders, electors, closeAll } = stage("release");
    const first = await leader();
    await world.pass(10_000);
    await first.close(world);
    const [term] = first.terms;
    assert.ok(term?.signal.reason instanceof TermEnded);
    await world.pass(5_000);
    const [second] = leaders();
    assert.ok(second !== undefined && second !== first);
    electors.splice(electors.indexOf(first), 1);
    await closeAll();
  });

  it("ends a term ten seconds after the last renewal that was answered was sent", async () => {
    const { world, leader, model, closeAll } = stage("cut");
    const first = await leader();
    await world.pass(20_000);
    const sentAtMs = model.lastWriteSentAtMs(first.runtime.name);
    first.client.cut = true;
    const term = first.terms.at(-1);
    await world.run(sentAtMs + 9_999);
    assert.ok(term?.holds());
    await world.run(sentAtMs + 10_000);
    assert.ok(term?.signal.aborted, "by its timer, though nobody asked");
    assert.equal(term?.holds(), false);
    assert.equal(first.gauge, 0);
    first.client.cut = false;
    await closeAll();
  });

  it("counts from when a renewal was sent, however late its answer comes", async () => {
    const { world, leader, model, closeAll } = stage("slow");
    const first = await leader();
    await world.pass(20_000);
    first.client.answerMs = 4_500;
    await world.pass(9_000);
    const sentAtMs = model.lastWriteSentAtMs(first.runtime.name);
    first.client.cut = true;
    await world.pass(4_600);
    const term = first.terms.at(-1);
    await world.run(sentAtMs + 10_000);
    assert.equal(term?.holds(), false);
    first.client.cut = false;
    first.client.answerMs = 0;
    await closeAll();
  });

  it("is known to be lost by a leader that was paused, before any timer fires", async () => {
    const { world, leader, leaders, closeAll } = stage("paused");
    const first = await leader();
    await world.pass(20_000);
    const term = first.terms.at(-1);
    first.runtime.pause();
    await world.pass(60_000);
    // Nothing of the paused process has run yet: this is the very first thing that it does.
    assert.equal(term?.signal.aborted, false);
    assert.equal(term?.holds(), false);
    assert.ok(term?.signal.aborted);
    assert.equal(leaders().length, 1);
    first.runtime.resume();
    await world.pass(60_000);
    assert.equal(leaders().length, 1);
    assert.notEqual(leaders()[0], first);
    await closeAll();
  });

  it("is settled by reading where the answer to a write was lost", async () => {
    const { world, model, electors, leaders, closeAll } = stage("lost", ["a"]);
    const [only] = electors;
    assert.ok(only !== undefined);
    only.client.loseAnswers = 1_000;
    await world.pass(30_000);
    assert.equal(only.leads, false, "its name stands there, but no write was answered");
    assert.equal(
      (model.object(leases, lease)?.["spec"] as object | undefined) === undefined,
      false,
    );
    only.client.loseAnswers = 0;
    await world.pass(8_000);
    assert.deepEqual(leaders(), [only]);
    await closeAll();
  });

  it("ends when somebody else stands in the Lease, or nobody", async () => {
    const { world, model, leader, closeAll, holder } = stage("taken", ["a"]);
    const first = await leader();
    model.change(leases, lease, (object) => ({
      ...object,
      spec: { ...(object["spec"] as object), holderIdentity: "stranger", renewTime: "x" },
    }));
    await world.pass(3_000);
    assert.equal(first.leads, false);
    await world.pass(20_000);
    assert.equal(first.leads, true, "the stranger did not renew");
    model.delete(leases, lease);
    await world.pass(3_000);
    assert.equal(first.leads, true, "a new Lease was made");
    assert.equal(first.terms.length, 3);
    await closeAll();
    assert.equal(holder()?.["holderIdentity"], "");
  });

  it("gives back what a write that was under way has taken", async () => {
    const { world, electors, holder } = stage("aborted", ["a"]);
    const [only] = electors;
    assert.ok(only !== undefined);
    only.client.answerMs = 3_000;
    await world.pass(1_000);
    assert.equal(holder()?.["holderIdentity"], "a");
    assert.equal(only.leads, false, "the answer is still on its way");
    await only.close(world);
    assert.equal(holder()?.["holderIdentity"], "");
  });

  it("gives back what a write that was under way took over from somebody else", async () => {
    const { world, leader, model, holder } = stage("takeover", ["a"]);
    const first = await leader();
    // It comes when there is a Lease: its first write is the one that takes over.
    const second = new Elector(world, model, "b");
    await world.pass(10_000);
    first.kill();
    // Only its writes' answers are slow: it reads the Lease, takes it, and does not know.
    second.client.answerWritesMs = 4_000;
    const { name } = second.runtime;
    for (let i = 0; i < 400 && holder()?.["holderIdentity"] !== name; i++) await world.pass(100);
    assert.equal(holder()?.["holderIdentity"], name);
    assert.equal(second.leads, false);
    assert.equal(model.lastWriteSentAtMs(name) > 0, true);
    await second.close(world);
    assert.equal(holder()?.["holderIdentity"], "");
  });

  it("does not begin with an answer that was read after its time", async () => {
    const { world, leader, closeAll } = stage("late", ["a"]);
    const first = await leader();
    const said = (): number =>
      world.journal.lines("a").filter(({ message }) => message === "this process leads").length;
    await world.pass(10_000);
    first.client.answerMs = 1_000;
    await world.pass(2_500);
    first.runtime.pause();
    await world.pass(30_000);
    first.runtime.resume();
    await world.settle();
    assert.equal(said(), 1);
    assert.equal(first.gauge, 0);
    first.client.answerMs = 0;
    await world.pass(10_000);
    assert.equal(said(), 2);
    await closeAll();
  });

  it("writes nothing for a follower that closes", async () => {
    const { world, leader, electors, model, closeAll, holder } = stage("follower");
    const first = await leader();
    const writes = model.writes;
    for (const elector of electors) {
      if (elector !== first && model.lastWriteSentAtMs(elector.runtime.name) < 0)
        await elector.close(world);
    }
    assert.equal(holder()?.["holderIdentity"], first.runtime.name);
    assert.ok(model.writes - writes <= 1, "only a renewal");
    await closeAll();
  });

  it("never has two leaders at a time, whatever happens to messages and processes", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { world, electors, leaders, closeAll } = stage(`chaos ${seed}`);
      const chance = world.chanceFor("chaos");
      let led = 0;
      for (let i = 0; i < 1_500; i++) {
        await world.pass(100);
        const now = leaders();
        assert.ok(now.length <= 1, `seed ${seed}, ${world.nowMs} ms: ${now.length} lead`);
        led += now.length;
        if (!chance.happens(0.02)) continue;
        const { runtime, client } = chance.oneOf(electors);
        client.sendMs = chance.wholeBetween({ min: 0, max: 3_000 });
        client.answerMs = chance.wholeBetween({ min: 0, max: 3_000 });
        client.loseAnswers = chance.wholeBetween({ min: 0, max: 2 });
        client.cut = chance.happens(0.3);
        if (runtime.state === "running" && chance.happens(0.3)) runtime.pause();
        else if (runtime.state === "paused") runtime.resume();
      }
      assert.ok(led > 100, `seed ${seed}: somebody leads now and then (${led})`);
      for (const { runtime, client } of electors) {
        runtime.resume();
        client.calm();
      }
      await world.pass(40_000);
      assert.equal(leaders().length, 1, `seed ${seed}`);
      await closeAll();
    }
  }).timeout(60_000);

  it("writes times with six digits", async () => {
    await using stage = await Stage.start();
    await using election = Election.start({
      api: stage.api,
      runtime: stage.runtime,
      metrics: stage.scrape.kube,
      lease,
      identity: "pod-1",
      onFailure,
    });
    const term = election.nextTerm(never);
    const read = await stage.server.next();
    assert.equal(
      `${read.method} ${read.path}`,
      "GET /apis/coordination.k8s.io/v1/namespaces/holdfast/leases/operator",
    );
    read.refuse(404, "NotFound");
    const made = await stage.server.next();
    assert.equal(
      `${made.method} ${made.path}`,
      "POST /apis/coordination.k8s.io/v1/namespaces/holdfast/leases",
    );
    const body = made.body as Record<string, Record<string, unknown>>;
    assert.deepEqual(body["spec"], {
      holderIdentity: "pod-1",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-01T00:00:01.000000Z",
      renewTime: "2026-01-01T00:00:01.000000Z",
      leaseTransitions: 0,
    });
    const named = { ...lease, uid: "u", resourceVersion: "7", labels: { kept: "yes" } };
    made.answer(201, { ...body, metadata: named });
    assert.ok((await term).holds());
    assert.equal(await stage.runtime.skipPause(5_000), 2_000);
    const renewed = await stage.server.next();
    assert.equal(renewed.method, "PUT");
    const again = renewed.body as Record<string, Record<string, unknown>>;
    assert.deepEqual(
      again["metadata"],
      named,
      "what others wrote is kept, and the version goes with it",
    );
    assert.equal(again["spec"]?.["acquireTime"], "2026-01-01T00:00:01.000000Z");
    assert.equal(again["spec"]?.["renewTime"], "2026-01-01T00:00:03.000000Z");
    renewed.answer(200, { ...again, metadata: { ...named, resourceVersion: "8" } });
    const closing = election.close();
    const last = await stage.server.next();
    last.answer(200, { ...again, metadata: { ...named, resourceVersion: "8" } });
    const released = await stage.server.next();
    const given = released.body as Record<string, Record<string, unknown>>;
    assert.equal(given["spec"]?.["holderIdentity"], "");
    assert.equal(given["metadata"]?.["resourceVersion"], "8");
    released.answer(200, given);
    await closing;
  });
});
