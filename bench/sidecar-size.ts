/**
 * How small is a sidecar that does nothing, and how long until it serves? The bundle, as images ship it, started again and
 * again; beside it a Node that has nothing but the same parts of it loaded, servers and a client on sockets.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "./machine.ts";
import { Sidecar } from "./sidecar.ts";
import { spreadOf, type Spread } from "./statistics.ts";

export interface SidecarSize {
  readonly bundleKib: number;
  /** From the start of the process to its line `ready`. */
  readonly readyMs: Spread;
  readonly idleRssMib: Spread;
  /** Of that, what is not mapped from files: the program of Node itself is, and is shared by all that run it. */
  readonly idleOwnMib: Spread;
  readonly bareNodeRssMib: number;
  readonly starts: number;
}

const starts = 7;
/** By then it has done all that belongs to a start. */
const idleMs = 1_500;

export async function sidecarSize(etcd: string): Promise<SidecarSize> {
  const readyMs: number[] = [];
  const idleRssMib: number[] = [];
  const idleOwnMib: number[] = [];
  for (let at = 0; at < starts; at++) {
    await using sidecar = await Sidecar.start({ etcd });
    readyMs.push(sidecar.readyMs);
    await sleep(idleMs);
    const { rssMib, ownMib } = memoryOf(sidecar.pid);
    idleRssMib.push(rssMib);
    idleOwnMib.push(ownMib);
  }
  const { size } = await stat("dist/sidecar.mjs");
  return {
    bundleKib: Math.round(size / 1024),
    readyMs: spreadOf(readyMs),
    idleRssMib: spreadOf(idleRssMib),
    idleOwnMib: spreadOf(idleOwnMib),
    bareNodeRssMib: await bareNode(etcd),
    starts,
  };
}

const bareProgram = `
  const net = require("node:net");
  net.createServer().listen(0, "127.0.0.1");
  const { hostname, port } = new URL(process.argv[1]);
  net.connect({ host: hostname, port }).once("connect", () => console.log("up"));
`;

async function bareNode(etcd: string): Promise<number> {
  const child = spawn(process.execPath, ["-e", bareProgram, etcd], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    await sleep(idleMs);
    return memoryOf(child.pid ?? 0).rssMib;
  } finally {
    const ended = once(child, "exit");
    child.kill();
    await ended;
  }
}
