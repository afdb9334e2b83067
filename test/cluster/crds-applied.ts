/** A light cluster with the project's kinds in it, for tests that ask what the API server makes of a resource. */
import process from "node:process";
import {
  startLight,
  type LightCluster,
  type LightOptions,
} from "#tools/cluster/light/light-cluster.ts";

/** Whether this suite runs on the oldest Kubernetes that is supported. */
export const isOldest = process.env["HOLDFAST_TEST_RUNG"] === "oldest";

export async function startWithCrds(options: LightOptions = {}): Promise<LightCluster> {
  const kubernetes = isOldest ? "kubernetes-oldest" : "kubernetes";
  const cluster = await startLight({ controllerManager: false, kubernetes, ...options });
  try {
    await cluster.kubectl.run(["apply", "--server-side", "-f", "crds"]);
    const crds = (await cluster.kubectl.run(["get", "crds", "-o", "name"])).trim().split("\n");
    await cluster.kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", ...crds]);
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}
