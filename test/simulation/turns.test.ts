/** What it costs that pods pass a lock on which all of them want: see docs/decisions/0028-followed-from-turn-to-turn.md. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const warmMs = 1_000;
const busyMs = 1_500;

/** Takes the lock again and again, and gives it back at once. */
async function keepBusy(stage: Stage, process: Process, untilMs: number): Promise<void> {
  while (stage.world.nowMs < untilMs) {
    const request = { ...forOneself, waitMs: 60_000, hold: "session" } as const;
    const { answer } = process.acquire({ pool: "orders", name: "42", ...request });
    const told = await answer;
    assert.ok(told.kind === "answered" && told.value.kind === "granted", JSON.stringify(told));
    await process.release(told.value.grant.grantId);
  }
}

function askedOf({ processes }: Stage): readonly [writes: number, reads: number, watches: number] {
  const all = processes.map(({ tap }) => tap.asked);
  const sum = (what: "writes" | "reads" | "watches"): number =>
    all.reduce((total, asked) => total + asked[what], 0);
  return [sum("writes"), sum("reads"), sum("watches")];
}

/** Places that were granted on: each is one turn of a pod. */
const turnsOf = ({ history }: Stage): number =>
  new Set(history.grants.map(({ contender }) => contender)).size;

describe("a turn of a pod at a lock that few pods want", () => {
  it("costs a write and a look: no note, no watch of its own, no look before it may hold", async () => {
    const stage = await quietStage("turns", 3);
    const untilMs = stage.world.nowMs + warmMs + busyMs;
    const work = stage.processes.flatMap((process) =>
      [1, 2, 3, 4].map(() => keepBusy(stage, process, untilMs)),
    );
    await stage.world.pass(warmMs);
    const [before, turnsBefore] = [askedOf(stage), turnsOf(stage)];
    await stage.world.pass(busyMs);
    const turns = turnsOf(stage) - turnsBefore;
    const [writes, reads, watches] = askedOf(stage).map((count, at) => count - (before[at] ?? 0));
    assert.ok(turns > 100, `${String(turns)} turns`);
    // The rest is what a sidecar asks anyway: reports, rewrites of what places tell, looks at sessions.
    const most = { writes: 1.2 * turns, reads: 1.2 * turns, watches: 20 };
    assert.ok(Number(writes) <= most.writes, `${String(writes)} writes in ${String(turns)} turns`);
    assert.ok(Number(reads) <= most.reads, `${String(reads)} reads in ${String(turns)} turns`);
    assert.ok(Number(watches) <= most.watches, `${String(watches)} watches`);
    await stage.world.until(Promise.all(work), 60_000);
    for (const process of stage.processes) process.kill();
    assert.deepEqual(stage.history.violations, []);
  });
});

describe("waiters of a lock", () => {
  it("look again where their pool changes, and not where another does", async () => {
    const stage = await quietStage("another pool changes", 2);
    const { world } = stage;
    const orders = stage.documentOf("orders", specOf({ mode: "Mutex" }));
    stage.edit(world.chance, () => [orders]);
    await world.pass(1_000);
    const [holder, other] = [processOf(stage, 0), processOf(stage, 1)];
    const request = { ...forOneself, waitMs: 600_000, hold: "session" } as const;
    const asked = { pool: "orders", name: "42", ...request };
    const held = await world.until(holder.acquire(asked).answer);
    assert.ok(held.kind === "answered" && held.value.kind === "granted");
    // Each with a place of its own.
    const waits = Array.from({ length: 20 }, (_, at) =>
      other.acquire({ ...asked, owner: `owner ${String(at)}` }),
    );
    await world.pass(5_000);
    const readsOf = async (edit: () => void): Promise<number> => {
      const [, before] = askedOf(stage);
      edit();
      await world.pass(2_000);
      return askedOf(stage)[1] - before;
    };
    const change = (ttl: string, of: "orders" | "leaders") => () => {
      const changed = stage.documentOf(of, specOf({ mode: "Mutex", ttl }));
      stage.edit(world.chance, () => (of === "orders" ? [changed] : [orders, changed]));
    };
    const idle = await readsOf(() => undefined);
    const another = await readsOf(change("7s", "leaders"));
    assert.ok(
      another < idle + 10,
      `${String(another)} reads, ${String(idle)} where nothing changes`,
    );
    const own = await readsOf(change("9s", "orders"));
    assert.ok(own >= 20, `${String(own)} reads`);
    for (const { leave } of waits) leave();
    await world.pass(1_000);
    for (const process of stage.processes) process.kill();
    assert.deepEqual(stage.history.violations, []);
  });
});
