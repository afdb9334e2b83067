/** One schedule from its seed to its verdict: clients work and faults happen; all heals; then everything must still go. */
import type { Demand, PoolMode } from "#core/lock/order.ts";
import type { AcquireRequest } from "#core/lock/views.ts";
import { asSet, Client } from "./client.ts";
import { budget, lostNoticeMs, noticeMs } from "./checks/budget.ts";
import { deadlocks, unbroken } from "./checks/deadlocks.ts";
import { exclusion, lockDelay } from "./checks/exclusion.ts";
import { fences } from "./checks/fences.ts";
import { guarded } from "./checks/guarded.ts";
import { leftovers } from "./checks/leftovers.ts";
import { localOrder } from "./checks/local-order.ts";
import { places } from "./checks/places.ts";
import { promises } from "./checks/promises.ts";
import { promptness } from "./checks/promptness.ts";
import { requests } from "./checks/requests.ts";
import { sets } from "./checks/sets.ts";
import { settling } from "./checks/settling.ts";
import { truth } from "./checks/truth.ts";
import { catalog } from "./faults/catalog.ts";
import type { Violation } from "./history.ts";
import { generousPermits, generousSpec, type Schedule } from "./schedule.ts";
import { forOneself, type Process } from "./process.ts";
import { Stage } from "./stage.ts";

export interface Run {
  readonly seed: string;
  readonly violations: readonly Violation[];
  readonly stage: Stage;
}

/**
 * Every lock must be had by everybody within it, once all has healed. Where watches stay silent each who waits behind another hears
 * of nothing but by a look, which comes every 38 s at the latest: eight of them, one after the other.
 */
const probeWaitMs = ({ silenceStays }: Schedule): number => (silenceStays ? 599_000 : 200_000);
const probeHoldMs = 5;
/** Longer than any lease of a lost session, and the revoking of it. */
const calmDownMs = 10_000;
/** Two audits of a session find what nobody thought of. */
const auditsMs = 500_000;

export async function simulate(seed: string, change: Partial<Schedule> = {}): Promise<Run> {
  const stage = new Stage(seed, change);
  const { world, schedule, history } = stage;
  const clients = stage.pods.flatMap((pod) =>
    Array.from({ length: schedule.clientsPerPod }, (_, index) => new Client(stage, pod, index)),
  );
  const work = Promise.all(clients.map((client) => client.work(schedule.activityMs)));
  const faults = disturb(stage);
  await world.run(schedule.activityMs);
  stage.note("all heals");
  stage.heal();
  try {
    await world.until(faults, calmDownMs + schedule.faultEveryMs.max);
    stage.heal();
    for (const pod of stage.pods) pod.start();
    // Twice: a file that changed before the clocks of others say so is not newer than what they published.
    editAll(stage, "2s");
    world.in(calmDownMs / 2, () => {
      editAll(stage, "3s");
    });
    await world.until(work, calmDownMs + probeWaitMs(schedule));
    await world.run(schedule.activityMs + 2 * calmDownMs);
    await world.until(Promise.all(clients.map((client) => client.giveBackAll())), calmDownMs);
    await world.pass(calmDownMs);
    if (schedule.silenceStays) for (const { link } of stage.processes) link.holdWatches();
    stage.note("everybody is to get every lock");
    await world.until(probeAll(stage), probeWaitMs(schedule) + calmDownMs);
    await world.pass(calmDownMs);
    if (leftovers(stage).length > 0) {
      await world.pass(auditsMs);
      history.violations.push(...leftovers(stage));
    }
  } catch (error) {
    history.violated("liveness", String(error), world.nowMs);
  }
  const violations = judged(stage);
  for (const process of stage.processes) process.kill();
  return { seed, stage, violations };
}

async function disturb(stage: Stage): Promise<void> {
  const { schedule, world, server } = stage;
  const chance = world.chanceFor("faults");
  const snapshotMs = chance.between({ min: 0, max: schedule.activityMs / 2 });
  world.in(snapshotMs, () => {
    stage.snapshot = server.snapshot();
  });
  while (schedule.faults.length > 0) {
    await stage.pause(chance.between(schedule.faultEveryMs));
    if (world.nowMs >= schedule.activityMs) return;
    const name = chance.oneOf(schedule.faults);
    stage.note(name);
    catalog[name](stage, chance);
  }
}

function editAll(stage: Stage, ttl: string): void {
  stage.edit(stage.world.chanceFor(`edit to ${ttl}`), () =>
    stage.schedule.pools.map((name) =>
      stage.documentOf(name, generousSpec(ttl, stage.schedule.mode)),
    ),
  );
}

/** How everybody is to get every lock. */
function demands(mode: PoolMode): readonly Demand[] {
  switch (mode) {
    case "Mutex":
      return [forOneself];
    case "ReadWrite":
      return [forOneself, { mode: "shared", permits: 1 }];
    case "Semaphore":
      return [forOneself, { mode: "exclusive", permits: generousPermits }];
  }
}

/** A caller of each kind a pod and lock, and sets of all locks, all at once: each must be granted within its wait. */
async function probeAll(stage: Stage): Promise<void> {
  const { schedule } = stage;
  const terms = { waitMs: probeWaitMs(schedule), hold: "ttl" } as const;
  const locks = schedule.pools.flatMap((pool) => schedule.names.map((name) => ({ pool, name })));
  const probes = stage.processes.flatMap((process, index) =>
    demands(schedule.mode).flatMap((demand) => {
      const all = locks.map((lock) => ({ ...lock, ...demand }));
      const requests: AcquireRequest[] = all.map((lock) => ({ ...lock, ...terms }));
      const [first] = requests;
      // Every other pod names them the other way round.
      if (schedule.sets && first !== undefined)
        requests.push(asSet(first, index % 2 === 0 ? all : all.toReversed()));
      return requests.map((request) => probe(stage, process, request));
    }),
  );
  await Promise.all(probes);
}

async function probe(stage: Stage, process: Process, request: AcquireRequest): Promise<void> {
  const { history, world } = stage;
  const answer = await process.acquire(request).answer;
  if (answer.kind !== "answered" || answer.value.kind !== "granted") {
    const heard = answer.kind === "refused" ? answer.code : answer.kind;
    const what = answer.kind === "answered" ? answer.value.kind : heard;
    const { pool, name, locks } = request;
    const wanted = locks === undefined ? `${pool}/${name}` : `a set of ${String(locks.length)}`;
    history.violated(
      "liveness",
      `${process.name} asked for ${wanted} after all had healed: ${what}`,
      world.nowMs,
    );
    return;
  }
  await stage.pause(probeHoldMs);
  const { grantId } = answer.value.grant;
  history.letGo(world.nowMs, ({ id }) => id === grantId);
  await process.release(grantId);
}

function judged({ history, schedule }: Stage): Violation[] {
  const quiet = schedule.faults.length === 0;
  return [
    ...history.violations,
    ...[
      exclusion,
      lockDelay,
      deadlocks,
      fences,
      guarded,
      places,
      promises,
      localOrder,
      settling,
      requests,
      sets,
      truth,
    ].flatMap((check) => check(history)),
    ...(quiet && !schedule.silenceStays ? promptness(history) : []),
    ...(quiet ? unbroken(history) : []),
    ...budget(history, quiet ? noticeMs : lostNoticeMs),
  ];
}
