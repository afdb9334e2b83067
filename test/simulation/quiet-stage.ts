/** A stage on which nothing goes wrong by itself, with one pool that is served. */
import assert from "node:assert/strict";
import { calm } from "#test/support/etcd-model/weather.ts";
import type { Process } from "./process.ts";
import { generousSpec } from "./schedule.ts";
import { Stage } from "./stage.ts";

export async function quietStage(seed: string, pods: number): Promise<Stage> {
  const quiet = {
    mode: "Mutex" as const,
    pods,
    pools: ["orders"],
    names: ["42"],
    faults: [],
    skewed: false,
  };
  const stage = new Stage(seed, { ...quiet, sessionTtlMs: 10_000, weather: calm });
  await stage.world.pass(1_000);
  stage.edit(stage.world.chance, () => [stage.documentOf("orders", generousSpec())]);
  await stage.world.pass(1_000);
  return stage;
}

export function processOf(stage: Stage, index: number): Process {
  const process = stage.pods[index]?.process;
  assert.ok(process !== undefined);
  return process;
}
