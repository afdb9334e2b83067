/**
 * A simulated cluster: one etcd, some pods, and everything that is seen of them. What clients and faults do to it goes
 * through here, so that the history tells it.
 */
import type { GrantView } from "#core/lock/views.ts";
import { readContender } from "#core/lock/contender.ts";
import { contendersOf, lockOf, markKey, type LockName } from "#core/lock/keys.ts";
import { readMark } from "#core/lock/marks.ts";
import { inOrder } from "#core/lock/order.ts";
import { rulesOf, type Rules } from "#core/lock/rules.ts";
import type { Epoch } from "#core/runtime.ts";
import type { DistributedLockSpec } from "#api/resources/distributed-lock.ts";
import type { Document } from "#sidecar/resources/owner.ts";
import { EtcdModel } from "#test/support/etcd-model/server.ts";
import type { ModelSnapshot } from "#test/support/etcd-model/server.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import type { Chance } from "#test/support/world/chance.ts";
import { World } from "#test/support/world/world.ts";
import { contenderIn, EtcdRecord, keyIn } from "./etcd-record.ts";
import { History, type Attempt, type Claim, type Granted } from "./history.ts";
import { toldBefore } from "./checks/told.ts";
import { Pod } from "./pod.ts";
import { namespace, type Process } from "./process.ts";
import { drawSchedule, drawSpec, type Schedule } from "./schedule.ts";

/** The wall clock at world time 0. */
const worldEpochMs = 1_767_225_600_000;
/** From the reading of what decides to the answer: no session lives longer without a word from etcd. */
const decidingMs = 10_000;
const etcdRateBounds = { min: 0.99, max: 1.01 };

export class Stage {
  readonly world: World;
  readonly schedule: Schedule;
  readonly history = new History();
  readonly server: EtcdModel;
  readonly serverRate: number;
  readonly record: EtcdRecord;
  readonly pods: readonly Pod[];
  /** What is to be undone so that all is well again. */
  readonly #troubles = new Set<() => void>();
  #hasHealed = false;
  /** What the files of every pod say. */
  #documents: readonly Document[];
  /** Places that stood when etcd was wiped at once. */
  readonly #waived = new Set<string>();
  snapshot: ModelSnapshot | undefined;

  constructor(seed: string | number, change: Partial<Schedule> = {}) {
    this.world = new World(seed);
    this.schedule = {
      ...drawSchedule(this.world.chanceFor("schedule"), this.world.chanceFor("modes")),
      ...change,
    };
    // A set of one lock shows little, and nobody takes one lock after the other where there is one.
    if ((this.schedule.sets || this.schedule.owners) && this.schedule.names.length < 2)
      this.schedule = { ...this.schedule, names: ["42", "a/b"] };
    const { mode, skewed, pods, sessionTtlMs, weather, pools } = this.schedule;
    const chance = this.world.chanceFor("stage");
    this.serverRate = skewed ? chance.between(etcdRateBounds) : 1;
    this.server = new EtcdModel({
      runtime: this.world.runtime("etcd", { monotonicRate: this.serverRate }),
    });
    this.record = new EtcdRecord(this.server, this.history, namespace);
    this.#documents = pools.map((name) => document(name, drawSpec(chance, mode)));
    // Who starts when all has healed has good weather, too.
    const weatherNow = () => (this.#hasHealed ? calm : weather);
    this.pods = Array.from(
      { length: pods },
      (_, index) =>
        new Pod(
          {
            world: this.world,
            server: this.server,
            history: this.history,
            pod: `pod-${"abcdefgh"[index] ?? ""}`,
            sessionTtlMs,
            get weather() {
              return weatherNow();
            },
            skewed,
            claimed: (process, view, attempt) => {
              this.#claimed(process, view, attempt);
            },
            released: (grantId) => {
              this.#released(grantId);
            },
          },
          () => this.#documents,
        ),
    );
    for (const pod of this.pods) pod.start();
  }

  get processes(): readonly Process[] {
    return this.pods.flatMap(({ process }) => (process === undefined ? [] : [process]));
  }

  running(chance: Chance): Process | undefined {
    const running = this.processes.filter(({ isUp }) => isUp);
    return running.length === 0 ? undefined : chance.oneOf(running);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.in(ms, resolve);
    });
  }

  note(what: string, fields: Record<string, unknown> = {}): void {
    this.world.journal.log("faults").info(what, fields);
  }

  /** Something is wrong for so long, or until all heals. */
  trouble(forMs: number, undo: () => void): void {
    const end = () => {
      if (this.#troubles.delete(end)) undo();
    };
    this.#troubles.add(end);
    this.world.in(forMs, end);
  }

  heal(): void {
    this.#hasHealed = true;
    for (const end of [...this.#troubles]) end();
    for (const { link } of this.processes) {
      link.weather = calm;
      link.planNoMore();
      link.accept();
      link.heal();
    }
  }

  /** The files of all pods change, one pod after the other. */
  edit(chance: Chance, change: (documents: readonly Document[]) => readonly Document[]): void {
    const changedAt = (worldEpochMs + this.world.nowMs) as Epoch;
    this.#documents = change(this.#documents).map((each) =>
      this.#documents.includes(each) ? each : { ...each, changedAt },
    );
    for (const pod of this.pods)
      this.world.in(chance.between({ min: 0, max: 300 }), () => {
        const { process } = pod;
        process?.runtime.deliver(() => {
          process.owner.publish(this.#documents);
        });
      });
  }

  /** Etcd is about to lose all, with no time for guarantees to run out. */
  waive(): void {
    for (const grant of this.history.grants) grant.waived ??= "guarantees";
    for (const contender of this.record.everMade.keys()) this.#waived.add(contender);
  }

  documentOf(pool: string, spec: DistributedLockSpec): Document {
    return document(pool, spec);
  }

  #claimed(process: Process, view: GrantView, attempt: Attempt | undefined): void {
    const { history, world } = this;
    const { grantId } = view;
    if (history.grant(grantId) === undefined) {
      if (attempt === undefined) {
        history.violated("answers", `${grantId} was confirmed and never given`, world.nowMs);
        return;
      }
      for (const lock of view.locks ?? [view])
        history.add(this.#granted(process, { ...view, ...lock }, attempt));
      for (const grant of history.grantsOf(grantId))
        history.violations.push(...toldBefore(this, grant));
    }
    const grants = history.grantsOf(grantId);
    for (const lock of view.locks ?? [view]) {
      const grant = grants.find((one) => one.lock === `${lock.pool}/${lock.name}`);
      if (grant?.fence !== BigInt(view.fence)) {
        history.violated("answers", `grant ${grantId} is another than before`, world.nowMs);
        continue;
      }
      const contenders = inOrder(this.server.keys.within(contendersOf(namespace, lock)));
      grant.claims.push({
        ...this.#promise(process, view, grant),
        contenders: contenders.map(contenderIn),
      });
    }
  }

  #promise(process: Process, view: GrantView, grant: Granted): Omit<Claim, "contenders"> {
    const { world, server } = this;
    const { guaranteedForMs, expiresInMs, ttlMs } = view;
    const status = process.kernel.sessions.status();
    const own = grant.contender.includes(`/${status.session ?? "none"}-`);
    const lease = server.keys.get(keyIn(grant.contender))?.lease;
    const leftMs = lease === undefined ? undefined : server.leaseLeftMs(lease);
    return {
      atMs: world.nowMs,
      untilMs: world.nowMs + guaranteedForMs / process.monotonicRate,
      guaranteedForMs,
      expiresInMs,
      ttlMs,
      heldMs: process.runtime.now() - grant.atInstant,
      deadlineInMs: own ? status.deadlineInMs : undefined,
      leaseEndsMs: leftMs === undefined ? undefined : world.nowMs + leftMs / this.serverRate,
    };
  }

  /** A set is handed over to nobody: what is told to be released is gone, all of it. */
  #released(grantId: string): void {
    for (const grant of this.history.grantsOf(grantId)) {
      grant.freedStep ??= this.world.steps;
      const { id, ofSet, contender, waived } = grant;
      if (ofSet === undefined || waived !== undefined) continue;
      const there = this.server.keys.get(contender.slice(0, contender.indexOf("@")));
      if (there !== undefined && contenderIn(there) === contender)
        this.history.violated("released", `${contender} of ${id} stands`, this.world.nowMs);
    }
  }

  /** As the grant's marker says, which stands before the grant is answered. */
  #markedDelay(name: LockName, contender: string, rules: Rules | undefined): number | undefined {
    const { server, history, world } = this;
    const lock = lockOf(namespace, name);
    const [key = ""] = contender.split("@");
    const kv = server.keys.get(markKey(lock, key));
    const there = server.keys.get(key);
    const isMarked =
      kv !== undefined &&
      there !== undefined &&
      readMark(lock, kv).createRevision === there.createRevision;
    const stands = there !== undefined && contenderIn(there) === contender;
    if (stands && (rules?.lockDelayMs ?? 0) > 0 && !isMarked)
      history.violated("lockDelay", `${contender} was granted without its marker`, world.nowMs);
    return isMarked ? readMark(lock, kv).delayMs : undefined;
  }

  /** What a grant beside those that stand may go by: with how many permits they were let in. */
  #sharingOf({ pool, name }: GrantView, sinceMs: number): Granted["sharing"] {
    const { world, history, schedule, record } = this;
    const lock = `${pool}/${name}`;
    const beside = history.grants.filter(
      (grant) => grant.lock === lock && grant.claims.some(({ untilMs }) => untilMs > world.nowMs),
    );
    const oldestMs = Math.min(world.nowMs, sinceMs, ...beside.map(({ atMs }) => atMs));
    return { mode: schedule.mode, permits: record.mostPermits(pool, oldestMs - decidingMs) };
  }

  /** Since when nothing keeps any of its places from holding. */
  #mayHoldMs({ grantId, fence, locks, ...first }: GrantView): number | undefined {
    const [session = ""] = grantId.split("-");
    const since = (locks ?? [first]).map((lock) => {
      const queue = contendersOf(namespace, lock);
      return this.record.mayHoldMs(this.record.madeFor({ session, fence: BigInt(fence) }, queue));
    });
    const latest = Math.max(...since.map((each) => each ?? Infinity));
    return latest === Infinity ? undefined : latest;
  }

  #granted(process: Process, view: GrantView, attempt: Attempt): Granted {
    const { world } = this;
    const { pool, name, grantId } = view;
    const [session = "", , handovers = ""] = grantId.split("-");
    const queue = contendersOf(namespace, { pool, name });
    const contender = this.record.madeFor({ session, fence: BigInt(view.fence) }, queue);
    const spec = process.kernel.specs.record("DistributedLock", pool)?.lock;
    const rules = spec === undefined ? undefined : rulesOf(spec);
    // Who shares it stands beside others who do.
    const behind = this.server.keys
      .within(queue)
      .filter((other) => contenderIn(other) !== contender)
      .filter((other) => view.mode === "exclusive" || readContender(other).mode === "exclusive")
      .map((other) => this.record.madeMs(other.key) ?? world.nowMs);
    // A set may have been let in here long before it was in the others.
    const isSet = view.locks !== undefined;
    const letInMs = isSet
      ? this.record.madeMs(keyIn(contender))
      : process.tap.lookedMs(queue, contender);
    return {
      id: grantId,
      ofSet: view.locks?.length,
      ...{ mode: view.mode, permits: view.permits },
      sharing: this.#sharingOf(view, isSet ? (letInMs ?? 0) : world.nowMs),
      mayHoldMs: this.#mayHoldMs(view),
      permitsThen: this.record.mostPermits(pool, letInMs ?? 0),
      lock: `${pool}/${name}`,
      process: process.name,
      contender,
      handovers: Number(handovers),
      fence: BigInt(view.fence),
      holder: view.holder,
      ...(this.#waived.has(contender) ? { waived: "all" as const } : {}),
      attempt: attempt.id,
      atMs: world.nowMs,
      atInstant: process.runtime.now(),
      step: world.steps,
      maxHoldMs: rules?.maxHoldMs,
      othersSinceMs: behind.length === 0 ? undefined : Math.min(...behind),
      handover: rules?.handover ?? { maxCount: 0, maxHoldMs: 0 },
      lockDelayMs: this.#markedDelay({ pool, name }, contender, rules),
      claims: [],
    };
  }
}

function document(name: string, spec: DistributedLockSpec): Document {
  return { kind: "DistributedLock", name, spec };
}
