/** Starts a light cluster, tells its folder, and stays until it is killed: run by light.test.ts. */
import { setInterval } from "node:timers";
import { startLight } from "#tools/cluster/light/light-cluster.ts";

const cluster = await startLight({ controllerManager: false });
console.log(cluster.folder);
setInterval(() => undefined, 60_000);
