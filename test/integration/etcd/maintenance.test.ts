import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "mocha";
import type { Instant, Log, Runtime, Timer } from "#core/runtime.ts";
import type { Revision } from "#core/store.ts";
import { EtcdStore } from "#etcd/store.ts";
import { MaintenanceCalls } from "#etcd/maintenance-calls.ts";
import { EtcdClient } from "#etcd/client.ts";
import { Maintenance, type MaintenancePort } from "#etcd/maintenance.ts";
import { realRuntime } from "#host/runtime.ts";
import type { DatabaseStatus } from "#etcd/maintenance-plan.ts";
import { EtcdServer } from "../../support/etcd-server.ts";
import { inTime } from "../../support/poll.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const quotaBytes = 16 * 1024 * 1024;
const valueBytes = 8 * 1024;
const pollMs = 20;
/** What etcd tells of its file is as of its last commit: let it commit often. */
const args = ["--backend-batch-limit=100", "--backend-batch-interval=10ms"];
const versions = ["3.7", "3.6"] as const;

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Maintenance looks once a second of this clock, which goes on only when the test says so. */
class HandClock {
  #now = 0;
  #due: { at: number; fire: () => void } | undefined;
  #waiting: (() => void) | undefined;
  readonly said: string[] = [];

  readonly runtime: Runtime = {
    ...realRuntime(silent),
    now: () => this.#now as Instant,
    timer: (at, fire): Timer => {
      this.#due = { at, fire };
      this.#waiting?.();
      return { cancel: () => (this.#due = undefined) };
    },
    log: {
      ...silent,
      info: (message) => this.said.push(message),
      warn: (message) => this.said.push(message),
    },
  };

  /** Resolves when it waits for the next second: the look before is over. */
  async looked(): Promise<void> {
    if (this.#due !== undefined) return;
    await new Promise<void>((resolve) => (this.#waiting = resolve));
  }

  /** A second, for whoever waits for it; a look may go on. */
  pass(): void {
    const due = this.#due;
    this.#due = undefined;
    this.#now += 1_000;
    due?.fire();
  }

  async second(): Promise<void> {
    await this.looked();
    const due = this.#due;
    this.#due = undefined;
    this.#now += 1_000;
    due?.fire();
    await this.looked();
  }
}

interface Note {
  readonly what: "begins" | "ends";
  readonly member: number;
  /** As it said itself in the same look. */
  readonly leads: boolean;
}

/** The calls to one member, with a note of when it began and ended to rewrite its file. */
class Noted implements MaintenancePort {
  readonly #calls: MaintenanceCalls;
  readonly #member: number;
  readonly #notes: Note[];
  #leads = false;

  constructor(calls: MaintenanceCalls, member: number, notes: Note[]) {
    this.#calls = calls;
    this.#member = member;
    this.#notes = notes;
  }

  async status() {
    const told = await this.#calls.status();
    if (told.kind === "done") this.#leads = told.value.leads;
    return told;
  }

  compact(before: Revision) {
    return this.#calls.compact(before);
  }

  async defragment(signal: AbortSignal) {
    this.#note("begins");
    const outcome = await this.#calls.defragment(signal);
    this.#note("ends");
    return outcome;
  }

  disarm() {
    return this.#calls.disarm();
  }

  #note(what: Note["what"]) {
    this.#notes.push({ what, member: this.#member, leads: this.#leads });
  }
}

interface Parts {
  readonly store: EtcdStore;
  readonly calls: MaintenanceCalls;
}

async function open(
  stack: AsyncDisposableStack,
  version: (typeof versions)[number],
): Promise<Parts> {
  const etcd = stack.use(await EtcdServer.start({ version, quotaBytes, args, noFsync: true }));
  const runtime = realRuntime(silent);
  const signal = new AbortController().signal;
  const store = stack.use(await EtcdStore.start({ runtime, endpoints: etcd.endpoints }, signal));
  return { store, calls: new MaintenanceCalls(store.client) };
}

/** Half a MiB, in 64 keys that are written over again and again. */
async function writeSome(
  { store }: Parts,
  { keys, bytes } = { keys: 64, bytes: valueBytes },
): Promise<string[]> {
  const outcomes = await Promise.all(
    Array.from({ length: keys }, (_, at) =>
      store.write({
        given: [],
        when: [],
        then: [{ kind: "putDurable", key: `k${at}`, value: new Uint8Array(bytes) }],
        otherwise: [],
      }),
    ),
  );
  return outcomes.map((one) => (one.kind === "done" ? "done" : one.reason.code));
}

async function statusOf({ calls }: Parts) {
  const told = await calls.status();
  assert(told.kind === "done");
  return told.value;
}

/**
 * Etcd frees what was compacted in its own time, which the clock of the test knows nothing of: the next writes come
 * when it has. Above three quarters in use every look compacts, so that it is bound to come; and etcd counts anew what
 * is in use only when something is written.
 */
async function freed(parts: Parts, clock: HandClock): Promise<void> {
  while ((await statusOf(parts)).dbInUseBytes > quotaBytes * 0.75) {
    await writeSome(parts, { keys: 1, bytes: 1 });
    await clock.second();
    await sleep(pollMs);
  }
}

describe("an etcd that is kept", function () {
  this.timeout(60_000);

  for (const version of versions) {
    it(`${version} takes endless writes in a small quota`, async () => {
      await using stack = new AsyncDisposableStack();
      const parts = await open(stack, version);
      const clock = new HandClock();
      stack.use(Maintenance.start({ ports: [parts.calls], runtime: clock.runtime }));
      const before = (await statusOf(parts)).revision;
      // Three times the quota, and more history in each 30 s than the quota holds.
      for (let at = 0; at < 96; at++) {
        assert.deepEqual(new Set(await writeSome(parts)), new Set(["done"]));
        await clock.second();
        await freed(parts, clock);
      }
      const { noSpace, dbSizeBytes, revision } = await statusOf(parts);
      assert.equal(noSpace, false);
      assert.ok(dbSizeBytes < quotaBytes);
      assert.ok(revision > before);
    });

    it(`${version} has space again after its quota was used up`, async () => {
      await using stack = new AsyncDisposableStack();
      const parts = await open(stack, version);
      while (!(await writeSome(parts)).includes("noSpace"));
      assert.equal((await statusOf(parts)).noSpace, true);
      const clock = new HandClock();
      stack.use(Maintenance.start({ ports: [parts.calls], runtime: clock.runtime }));
      while ((await statusOf(parts)).noSpace) {
        await clock.second();
        await sleep(pollMs);
      }
      assert.ok(clock.said.some((message) => message.includes("alarm was ended")));
      for (let at = 0; at < 40; at++) {
        await freed(parts, clock);
        assert.deepEqual(new Set(await writeSome(parts)), new Set(["done"]));
        await clock.second();
      }
    });
  }
});

describe("an etcd whose keeper has to stop", function () {
  this.timeout(60_000);

  it("is not touched by one that may not act, and is kept again by one that may", async () => {
    await using stack = new AsyncDisposableStack();
    const parts = await open(stack, "3.7");
    while (!(await writeSome(parts)).includes("noSpace"));
    const clock = new HandClock();
    const before = await statusOf(parts);
    const notes: Note[] = [];
    let mayAct = false;
    stack.use(
      Maintenance.start({
        ports: [new Noted(parts.calls, 0, notes)],
        runtime: clock.runtime,
        mayAct: () => mayAct,
      }),
    );
    for (let at = 0; at < 30; at++) await clock.second();
    assert.deepEqual(notes, []);
    const { noSpace, revision } = await statusOf(parts);
    assert.deepEqual({ noSpace, revision }, { noSpace: true, revision: before.revision });
    mayAct = true;
    while ((await statusOf(parts)).noSpace) {
      await clock.second();
      await sleep(pollMs);
    }
    assert.ok(notes.length > 0);
  });

  it("is left at once while it rewrites its file, which it ends by itself", async () => {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await EtcdServer.start({ quotaBytes, args, noFsync: true }));
    const proxy = stack.use(await TcpProxy.before(etcd.endpoint));
    const runtime = realRuntime(silent);
    const { signal } = new AbortController();
    const store = stack.use(
      await EtcdStore.start({ runtime, endpoints: [proxy.endpoint] }, signal),
    );
    const calls = new MaintenanceCalls(store.client);
    while (!(await writeSome({ store, calls })).includes("noSpace"));
    const notes: Note[] = [];
    let left: string | undefined;
    class Held extends Noted {
      override async defragment(until: AbortSignal) {
        proxy.hold("answers");
        const outcome = await super.defragment(until);
        if (outcome.kind === "unknown") left = outcome.reason.message;
        return outcome;
      }
    }
    const clock = new HandClock();
    const keeper = Maintenance.start({
      ports: [new Held(calls, 0, notes)],
      runtime: clock.runtime,
    });
    const direct = stack.use(await EtcdStore.start({ runtime, endpoints: etcd.endpoints }, signal));
    const there = { store: direct, calls: new MaintenanceCalls(direct.client) };
    while (notes.length === 0) {
      clock.pass();
      await sleep(pollMs);
    }
    while ((await statusOf(there)).dbSizeBytes >= quotaBytes) await sleep(pollMs);
    assert.deepEqual(
      notes.map(({ what }) => what),
      ["begins"],
    );
    await inTime("the keeper to end", keeper.close());
    // And not because the connection was given up, which it is after a while without answers.
    assert.equal(left, "the caller left");
    assert.ok(!clock.said.some((message) => message.startsWith("etcd could not be")));
    await proxy.heal();
  });
});

describe("an etcd of three members that is kept", function () {
  this.timeout(120_000);

  it("has its files rewritten one after the other, the leader's last, and none while a member is away", async () => {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await EtcdServer.start({ members: 3, quotaBytes, args, noFsync: true }));
    const runtime = realRuntime(silent);
    const signal = new AbortController().signal;
    const { endpoints } = etcd;
    const store = stack.use(await EtcdStore.start({ runtime, endpoints }, signal));
    const notes: Note[] = [];
    const members: MaintenanceCalls[] = [];
    for (const endpoint of endpoints) {
      const client = stack.use(await EtcdClient.start({ runtime, endpoints: [endpoint] }, signal));
      members.push(new MaintenanceCalls(client));
    }
    const all = async (holds: (status: DatabaseStatus) => boolean) => {
      const outcomes = await Promise.all(members.map((calls) => calls.status()));
      return outcomes.every((one) => one.kind === "done" && holds(one.value));
    };
    const fill = async () => {
      const parts = { store, calls: new MaintenanceCalls(store.client) };
      while (!(await writeSome(parts)).includes("noSpace"));
    };
    const clock = new HandClock();
    const untilSpace = async () => {
      while (!(await all(({ noSpace }) => !noSpace))) {
        await clock.second();
        await sleep(pollMs);
      }
    };

    await fill();
    while (!(await all(({ noSpace }) => noSpace))) await sleep(pollMs);
    const ports = members.map((calls, at) => new Noted(calls, at, notes));
    stack.use(Maintenance.start({ ports, runtime: clock.runtime }));
    await untilSpace();
    const begins = () => notes.filter(({ what }) => what === "begins");
    while (begins().length < 3) {
      await clock.second();
      await sleep(pollMs);
    }
    const begun = begins().slice(0, 3);
    assert.deepEqual(new Set(begun.map(({ member }) => member)), new Set([0, 1, 2]));
    assert.deepEqual(
      begun.map(({ leads }) => leads),
      [false, false, true],
    );
    assert.ok(await all(({ dbSizeBytes }) => dbSizeBytes < quotaBytes));

    const [away = 0] = begun.map(({ member }) => member);
    await etcd.member(away).kill();
    await clock.second();
    const before = notes.length;
    await fill();
    const putOff = (message: string) => message.startsWith("etcd's file is not defragmented");
    while (!clock.said.some(putOff)) await clock.second();
    assert.equal(notes.length, before);
    await etcd.member(away).start();
    await untilSpace();
    for (let at = 0; at < notes.length; at += 2) {
      const [one, next] = notes.slice(at, at + 2);
      assert.deepEqual([one?.what, next?.what], ["begins", "ends"], "one after the other");
      assert.equal(one?.member, next?.member);
    }
  });
});
