/** docs/quickstart.md, as somebody types it: each block of shell in its order, and what it promises beside. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { answerOf } from "#tools/cluster/answer.ts";
import { fetchHelm } from "#tools/fetch/helm.ts";
import { importProjectImages } from "#tools/cluster/real/project-images.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";

const folder = path.resolve(".cache/cluster-real");
const text = readFileSync("docs/quickstart.md", "utf8");
const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block.trim());
const blockMaxMs = 240_000;

/** `helm install …` and such: what a block is known by. */
const titleOf = (block: string): string => (block.split("\n")[0] ?? "").slice(0, 80);

describe("the quickstart", function () {
  this.timeout(300_000);
  let cluster: RealCluster;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    // Of a run that was killed.
    await takeDown(folder);
    cluster = await startReal({ folder });
    const { path: helm } = await fetchHelm("4");
    const programs = [cluster.programs, path.dirname(helm), process.env["PATH"] ?? ""];
    // What kubectl and helm remember goes with the cluster.
    const at = (name: string): string => path.join(folder, "home", name);
    env = {
      ...{ PATH: programs.join(path.delimiter), KUBECONFIG: cluster.kubeconfig },
      ...{ KUBECACHEDIR: at("kube"), HELM_CACHE_HOME: at("helm-cache") },
      ...{ HELM_CONFIG_HOME: at("helm-config"), HELM_DATA_HOME: at("helm-data") },
    };
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    for (const args of [
      ["get", "pods,hflock,hfbackend", "-A", "-o", "wide"],
      ["get", "events", "-A", "--sort-by=.lastTimestamp"],
    ])
      console.error((await cluster.kubectl.ask(args)).out.slice(-6_000));
  });

  async function type(block: string): Promise<string> {
    const shell = ["-euo", "pipefail", "-c", `exec 2>&1; ${block}`];
    const { code, out } = await answerOf("bash", shell, { env, withinMs: blockMaxMs });
    assert.equal(code, 0, `${block}\n${out}`);
    return out;
  }

  /** By what its output must have, where the page says so; it is typed again until then. */
  const promises: readonly (readonly [start: string, promise: RegExp])[] = [
    ["kubectl get pods --namespace shop", /2\/2\s+Running.*\n.*2\/2\s+Running/],
    ["kubectl logs --namespace shop", /mine, fence \d+/],
    ["kubectl exec --namespace shop", /"holders":\[\{"holder":"worker-/],
    ["kubectl get hflock --namespace shop", /orders\s+Mutex\s+1\s/],
  ];

  it("has blocks for all that is promised", () => {
    for (const [start] of promises)
      assert.ok(
        blocks.some((block) => block.startsWith(start)),
        start,
      );
  });

  for (const block of blocks)
    it(`works: ${titleOf(block)}`, async () => {
      const promise = promises.find(([start]) => block.startsWith(start))?.[1];
      if (promise === undefined) await type(block);
      else
        await until(
          `its output to be like ${String(promise)}`,
          async () => {
            const out = await type(block);
            if (!promise.test(out)) throw new Error(out);
            return true;
          },
          { withinMs: 90_000 },
        );
      // What a person brings to the nodes by the line for that kind of cluster.
      if (block === "make image") await importProjectImages(cluster);
    });
});
