/**
 * `make cluster-up`: the test cluster, to be tried by hand. It goes on when this process has ended, and `make
 * cluster-down` ends it. A start that fails or is interrupted is taken down again.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fetchEtcd, ToolMissing } from "#tools/fetch.ts";
import { hints, look, note, clusterFolder, type ByHand } from "./by-hand.ts";
import { startLight } from "./light/light-cluster.ts";
import { bringRung, isRung, rungs, type Rung } from "./needs.ts";
import { startReal } from "./real/real-cluster.ts";
import { takeDown } from "./take-down.ts";

const say = (text: string): void => console.error(text);

async function main(): Promise<number> {
  const wanted = process.env["RUNG"] ?? "";
  const rung = wanted === "" ? "light" : wanted;
  if (!isRung(rung)) {
    say(`RUNG=${rung} is none of ${rungs.join(", ")}.`);
    return 2;
  }
  const found = look();
  if (found.is === "up") {
    const { cluster, processes } = found;
    const pids = processes.map(({ name, pid }) => `${name} ${pid}`).join(", ");
    say(`A cluster of the ${cluster.rung} rung runs already (${pids}).`);
    console.log(hints(cluster));
    return 0;
  }
  if (found.is === "remains") {
    say("Taking down what an earlier start has left …");
    await takeDown(clusterFolder);
  }
  const why = await bringRung(rung, say);
  if (why !== undefined) {
    say(why);
    return 1;
  }
  return await startByHand(rung);
}

let down: Promise<void> | undefined;

/** Once, whoever asks. What a start that has not heard of it yet has added meanwhile is taken down after it. */
function giveUp(): Promise<void> {
  const all = async (): Promise<void> => {
    await takeDown(clusterFolder);
    if (existsSync(clusterFolder)) await takeDown(clusterFolder);
  };
  down ??= all();
  return down;
}

async function startByHand(rung: Rung): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      say("Interrupted: taking down what was started …");
      void giveUp().finally(() => process.exit(1));
    });
  }
  const beganAt = performance.now();
  say(`Starting the ${rung} rung …`);
  try {
    const cluster = await start(rung);
    note(cluster);
    const seconds = ((performance.now() - beganAt) / 1_000).toFixed(1);
    say(
      `Kubernetes ${cluster.kubernetesVersion} on etcd ${cluster.etcdVersion} is up after ${seconds} s.`,
    );
    console.log(hints(cluster));
    return 0;
  } catch (error) {
    if (down === undefined) say((error as Error).message);
    await giveUp();
    return 1;
  }
}

async function start(rung: Rung): Promise<ByHand> {
  const { version: etcdVersion } = await fetchEtcd({ version: "3.7" });
  const options = { folder: clusterFolder, held: false };
  const kubernetes = rung === "oldest" ? "kubernetes-oldest" : "kubernetes";
  const cluster =
    rung === "real"
      ? await startReal(options)
      : await startLight({ ...options, kubernetes, scheduler: true });
  const { url, kubernetesVersion, kubeconfig, programs } = cluster;
  return { rung, url, kubernetesVersion, etcdVersion, kubeconfig, programs };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  say(error.message);
  process.exitCode = 1;
}
