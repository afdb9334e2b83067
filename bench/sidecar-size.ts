/** How small is a sidecar that does nothing, and how long until it serves? The bundle, as images ship it, started again and again. */
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "./machine.ts";
import { Sidecar } from "./sidecar.ts";
import { spreadOf, type Spread } from "./statistics.ts";

export interface SidecarSize {
  readonly bundleKib: number;
  /** From the start of the process to its line `ready`. */
  readonly readyMs: Spread;
  readonly idleRssMib: Spread;
  readonly starts: number;
}

const starts = 7;
/** By then it has done all that belongs to a start. */
const idleMs = 1_500;

export async function sidecarSize(etcd: string): Promise<SidecarSize> {
  const readyMs: number[] = [];
  const idleRssMib: number[] = [];
  for (let at = 0; at < starts; at++) {
    await using sidecar = await Sidecar.start({ etcd });
    readyMs.push(sidecar.readyMs);
    await sleep(idleMs);
    idleRssMib.push(memoryOf(sidecar.pid).rssMib);
  }
  const { size } = await stat("dist/sidecar.mjs");
  return {
    bundleKib: Math.round(size / 1024),
    readyMs: spreadOf(readyMs),
    idleRssMib: spreadOf(idleRssMib),
    starts,
  };
}
