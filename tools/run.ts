/**
 * `make run`: an etcd, and a sidecar on it with examples/ as its resources.
 *
 * Nothing is started before it is known that it can be: ports, and what an earlier run left. Then etcd, then the sidecar;
 * down in reverse. Ctrl-C (or SIGTERM) asks both to end, a second one ends them at once; a process that ends by itself
 * ends the run, with its last lines.
 */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { fetchEtcd, ToolMissing } from "#tools/fetch.ts";
import type { Child } from "./run/child.ts";
import { hints } from "./run/hints.ts";
import { forgetPids, needNobodyElse, notePids } from "./run/leftover.ts";
import { planFrom, portsOf, Unusable, type Plan } from "./run/plan.ts";
import { needFree } from "./run/ports.ts";
import { ready, startEtcd, startSidecar } from "./run/start.ts";

const say = (text: string): void => {
  console.error(text);
};

async function main(): Promise<void> {
  const plan = planFrom(process.env);
  mkdirSync(plan.dataFolder, { recursive: true });
  needNobodyElse(plan.dataFolder);
  await needFree(portsOf(plan));
  const etcd = await fetchEtcd({ version: "3.7", log: say });
  await runBoth(etcd.path, plan);
}

async function runBoth(program: string, plan: Plan): Promise<void> {
  const children: Child[] = [];
  const asked = stopAsked(children);
  const up = async (child: Child, path: string, port: number): Promise<void> => {
    children.push(child);
    notePids(plan.dataFolder, {
      run: process.pid,
      etcd: children[0]?.pid,
      sidecar: children[1]?.pid,
    });
    await Promise.race([ready(child, { port, path }), asked.promise]);
  };
  try {
    say(`Starting etcd, its data in ${plan.dataFolder}/etcd …`);
    await up(startEtcd(program, plan), "/health", plan.etcdClientPort);
    if (asked.yes()) return;
    say("Starting the sidecar …");
    await up(startSidecar(plan), "/readyz", plan.healthPort);
    if (asked.yes()) return;
    console.log(hints(plan, "node_modules/.bin/node"));
    await Promise.race([asked.promise, ...children.map(died)]);
  } finally {
    for (const child of children.toReversed()) await child.stop();
    forgetPids(plan.dataFolder);
  }
  say("Both have ended.");
}

/** A process that ends by itself ends the run. */
async function died(child: Child): Promise<void> {
  const how = await child.ended;
  throw new Unusable(`The ${child.name} ${how}. Its last lines:\n${child.tail}`);
}

function stopAsked(children: readonly Child[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let times = 0;
  const ask = (): void => {
    times += 1;
    if (times === 1) say("\nEnding the sidecar, then etcd (Ctrl-C again ends both at once) …");
    else for (const child of children) child.kill();
    resolve();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, ask);
  return { promise, yes: () => times > 0 };
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Unusable || error instanceof ToolMissing)) throw error;
  say(error.message);
  process.exitCode = 1;
}
