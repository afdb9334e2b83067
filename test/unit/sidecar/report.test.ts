import assert from "node:assert/strict";
import { done, type Outcome } from "#core/outcome.ts";
import type { Epoch } from "#core/runtime.ts";
import type { Session } from "#core/session/session.ts";
import type { ResourceRecord } from "#core/spec/records.ts";
import { readReport, type ResourceReport, type SidecarReport } from "#core/spec/report.ts";
import { revision, type Key, type LeaseId, type Write, type WriteResult } from "#core/store.ts";
import { fitting, Reporter, resourcesOf, type ReporterParts } from "#sidecar/report.ts";
import { Clock } from "#test/support/clock.ts";

type Cohorts = ReturnType<ReporterParts["locks"]["cohorts"]>;
type Answer = Outcome<WriteResult>;

const answered: Answer = done({ held: true, results: [] }, { cluster: "c", revision: revision(9) });
const lost: Answer = { kind: "unknown", reason: { code: "noAnswer", message: "" } };
const full: Answer = { kind: "refused", reason: { code: "noSpace", message: "" } };

function recordOf(name: string, modRevision: number, problem?: "tooNew"): ResourceRecord {
  const about = { kind: "DistributedLock", name, uid: "u", generation: 1, level: 1, spec: {} };
  return {
    ...about,
    modRevision: revision(modRevision),
    ...(problem === undefined ? {} : { problem: { code: problem, message: "" } }),
  };
}

function cohortOf(pool: string, held: boolean, since: readonly number[] = []): unknown {
  const callers = since.map((at) => ({ since: at as Epoch, trying: at === 0 }));
  return { lock: { pool }, grants: held ? [{}] : [], callers };
}

class FakeSession {
  readonly known: Key[] = [];
  readonly #ended = new AbortController();
  readonly lease = 7n as LeaseId;
  epoch = revision(1);
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  know(key: Key): void {
    this.known.push(key);
  }

  holds() {
    return { kind: "modified", key: "session", revision: this.epoch } as const;
  }

  leaveEpoch(): Promise<void> {
    this.epoch = revision(this.epoch + 1n);
    return Promise.resolve();
  }

  end(): void {
    this.#ended.abort(new Error("ended"));
  }
}

/** A reporter among what it stands on, in virtual time. */
class Stage implements AsyncDisposable {
  readonly clock = new Clock();
  readonly written: { atMs: number; report: SidecarReport }[] = [];
  readonly failures: unknown[] = [];
  session = new FakeSession("one");
  records: ResourceRecord[] = [recordOf("orders", 3)];
  cohorts: unknown[] = [];
  answers: Answer[] = [];
  version = 1;
  applied = revision(3);
  readonly #waiting = new Set<() => void>();
  readonly #reporter: Reporter;

  constructor() {
    const specs = {
      records: () => this.records,
      nextChange: (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          this.#waiting.add(resolve);
          signal.addEventListener("abort", () => {
            resolve();
          });
        }),
    };
    Object.defineProperties(specs, {
      version: { get: () => this.version },
      appliedRevision: { get: () => this.applied },
    });
    this.#reporter = Reporter.start({
      runtime: this.clock,
      store: { write: (write: Write) => this.#write(write) } as ReporterParts["store"],
      sessions: { live: (signal) => this.#live(signal) },
      specs: specs as unknown as ReporterParts["specs"],
      locks: { cohorts: () => this.cohorts as unknown as Cohorts },
      namespace: "default",
      pod: "pod",
      about: { version: "1.2.3" },
      onBug: (_name, error) => this.failures.push(error),
    });
  }

  /** A record changed, or more of them were taken in. */
  change(applied: number): void {
    this.version += 1;
    this.applied = revision(applied);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 25) {
      await turns();
      this.clock.pass(25);
    }
    await turns();
  }

  get last(): SidecarReport | undefined {
    return this.written.at(-1)?.report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reporter.close();
    assert.deepEqual(this.failures, []);
  }

  #live(signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    if (!this.session.ended.aborted) return Promise.resolve(this.session as unknown as Session);
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  }

  #write({ given, then }: Write): Promise<Answer> {
    const [op] = then;
    assert.ok(op?.kind === "putEphemeral" && op.lease === this.session.lease);
    assert.deepEqual(given, [this.session.holds()]);
    assert.ok(this.session.known.includes(op.key), "the audit does not know it");
    const one = revision(1);
    const kv = { key: op.key, value: op.value, createRevision: one, modRevision: one };
    const report = readReport({ ...kv, lease: op.lease });
    assert.ok(report !== undefined);
    this.written.push({ atMs: this.clock.now(), report });
    return Promise.resolve(this.answers.shift() ?? answered);
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe("reports to the operator", () => {
  it("are written once for a session, and not again while nothing changes", async () => {
    await using stage = new Stage();
    await stage.pass(1_000);
    assert.equal(stage.written.length, 1);
    assert.equal(stage.last?.session, "one");
    assert.equal(stage.last.applied, 3n);
    await stage.pass(100_000);
    assert.equal(stage.written.length, 1);
  });

  it("are written anew for the next session", async () => {
    await using stage = new Stage();
    await stage.pass(1_000);
    const before = stage.session;
    stage.session = new FakeSession("two");
    before.end();
    await stage.pass(1_000);
    assert.equal(stage.written.length, 2);
    assert.equal(stage.last?.session, "two");
  });

  it("say within a second that a record changed, and gather what comes with it", async () => {
    await using stage = new Stage();
    await stage.pass(5_000);
    stage.records = [recordOf("orders", 8)];
    stage.change(8);
    await stage.pass(50);
    stage.change(9);
    await stage.pass(950);
    assert.equal(stage.written.length, 2);
    assert.equal(stage.last?.applied, 9n);
    for (let at = 10; at < 30; at++) {
      stage.change(at);
      await stage.pass(100);
    }
    await stage.pass(1_000);
    assert.deepEqual(stage.written.at(-1)?.report.applied, 29n);
    assert.ok(stage.written.length <= 7, `${stage.written.length} writes in three seconds`);
  });

  it("say sums at most every 15 s, and soon after that", async () => {
    await using stage = new Stage();
    await stage.pass(1_000);
    for (let at = 1; at <= 240; at++) {
      stage.cohorts = Array.from({ length: at }, () => cohortOf("orders", true));
      await stage.pass(250);
    }
    await stage.pass(21_000);
    assert.equal(stage.last?.resources[0]?.held, 240);
    const times = stage.written.map(({ atMs }) => atMs);
    assert.ok(times.length >= 4 && times.length <= 6, String(times));
    for (const [index, at] of times.slice(1).entries())
      assert.ok(at - (times[index] ?? 0) >= 15_000, String(times));
  });

  it("say within a second that somebody holds or waits, where nothing was told for long", async () => {
    await using stage = new Stage();
    for (const quietMs of [21_000, 60_000, 3_600_000]) {
      const before = stage.written.length;
      await stage.pass(quietMs);
      stage.cohorts = stage.cohorts.length === 0 ? [cohortOf("orders", true, [500])] : [];
      await stage.pass(1_100);
      assert.ok(stage.written.length > before, `not told after ${quietMs} ms of quiet`);
      assert.equal(stage.last?.resources[0]?.held, stage.cohorts.length);
    }
    // What stands is the end, and nothing is written for a use that stays as it is.
    const { length } = stage.written;
    await stage.pass(60_000);
    assert.equal(stage.written.length, length);
  });

  it("whose answer is lost are written again at once, and once more when the lost one is past", async () => {
    await using stage = new Stage();
    stage.answers = [lost];
    await stage.pass(2_000);
    assert.equal(stage.written.length, 2);
    await stage.pass(60_000);
    assert.equal(stage.written.length, 3);
  });

  it("that are stale are written under the new epoch", async () => {
    await using stage = new Stage();
    const at = { cluster: "c", revision: revision(9) };
    stage.answers = [{ kind: "refused", reason: { code: "stale", facts: [], at } }];
    await stage.pass(2_000);
    assert.equal(stage.written.length, 2);
    assert.equal(stage.session.epoch, 2n);
  });

  it("that a full etcd refuses wait for the next sums", async () => {
    await using stage = new Stage();
    stage.answers = [full, full];
    await stage.pass(10_000);
    assert.equal(stage.written.length, 1);
    await stage.pass(50_000);
    assert.equal(stage.written.length, 3);
  });
});

describe("sums of resources", () => {
  const sums = (records: readonly ResourceRecord[], cohorts: unknown[]) =>
    resourcesOf(records, cohorts as Cohorts);

  it("count grants and those who wait, not those who only try", () => {
    const cohorts = [
      cohortOf("orders", true, [50, 40, 0]),
      cohortOf("orders", false, [60]),
      cohortOf("orders", true),
    ];
    assert.deepEqual(sums([recordOf("orders", 3), recordOf("other", 4, "tooNew")], cohorts), [
      {
        ...{ kind: "DistributedLock", name: "orders", revision: 3n },
        ...{ held: 2, waiting: 3, oldestWaitSince: 40 },
      },
      {
        ...{ kind: "DistributedLock", name: "other", revision: 4n },
        ...{ problem: "tooNew", held: 0, waiting: 0 },
      },
    ]);
  });

  it("name a pool without a record only while it is in use", () => {
    const [gone, ...rest] = sums([], [cohortOf("gone", true), cohortOf("tried", false, [0])]);
    assert.equal(gone?.name, "gone");
    assert.equal(gone.revision, 0n);
    assert.deepEqual(rest, []);
  });

  it("have room for those in use first, then for those with a problem, and say how many had none", () => {
    const unused = { kind: "DistributedLock", revision: revision(1), held: 0, waiting: 0 };
    const all: ResourceReport[] = Array.from({ length: 10_000 }, (_, index) => ({
      ...unused,
      name: `pool-${index}`,
    }));
    all.push({ ...unused, name: "too-new", problem: "tooNew" }, { ...unused, name: "z", held: 1 });
    const { resources, leftOut } = fitting(all, 262_144);
    assert.deepEqual(
      resources.slice(0, 3).map(({ name }) => name),
      ["z", "too-new", "pool-0"],
    );
    assert.equal(resources.length + leftOut, all.length);
    assert.ok(leftOut > 0 && resources.length > 2_000);
    assert.equal(fitting(all.slice(0, 10), 262_144).leftOut, 0);
  });
});
