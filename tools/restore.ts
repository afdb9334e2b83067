/**
 * `make restore SNAPSHOT=FILE DATA=NEW`: the data of an etcd from a snapshot of it, such that no fence goes back and nothing
 * that was released comes back. `node tools/restore.ts --help` lists its options; docs/operations/restore.md tells the whole.
 */
import process from "node:process";
import { makeLog } from "#host/log.ts";
import { realRuntime } from "#host/runtime.ts";
import { ToolMissing } from "./fetch/etcd.ts";
import { NotRestored, planFrom, usage, type RestorePlan } from "./restore/plan.ts";
import { restore } from "./restore/restore.ts";

const runtime = realRuntime(makeLog({ level: "error", format: "text", stream: process.stderr }));
const say = (text: string): void => {
  console.error(text);
};

async function main(args: readonly string[]): Promise<void> {
  const plan = planFrom(args, runtime.wallNow());
  if (plan === undefined) {
    console.log(usage);
    return;
  }
  await restore(plan, { runtime, say }, interrupted());
  console.log(openedBy(plan));
}

/** Asked to end, it stops what it started and leaves nothing. */
function interrupted(): AbortSignal {
  const asked = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => {
      asked.abort(new NotRestored(`Interrupted by ${signal}: nothing was restored.`));
    });
  return asked.signal;
}

function openedBy({ dataDir, member: { name, peerUrl } }: RestorePlan): string {
  return `
${dataDir} may be opened now, where the old etcd was:
  etcd --name ${name} --data-dir ${dataDir} --initial-advertise-peer-urls ${peerUrl} …

It is a cluster of one member. Add others one at a time when it runs, each with an empty data folder:
  etcdctl member add NAME --peer-urls URL, and start that one with --initial-cluster-state existing`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof NotRestored || error instanceof ToolMissing)) throw error;
  say(error.message);
  process.exitCode = 1;
}
