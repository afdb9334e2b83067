/**
 * Pods asked for without a pause, while something happens to those who put sidecars into them: every tenth of a second the API
 * server is asked, some times over, whether it would make one (a dry run, which goes through the webhooks like any other), and a Job makes
 * real ones, one after another, each of which takes a lock and ends. What was answered is kept, to be judged by the test.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { sidecarLabel } from "#api/names.ts";
import { Cluster, configOfFile } from "#operator/kube/cluster.ts";
import { reasonText, recordOf } from "#operator/kube/errors.ts";
import { collectionPath, podResource } from "#operator/kube/objects.ts";
import { Transport } from "#operator/kube/transport.ts";
import { testRuntime } from "#test/support/etcd-users.ts";
import { never, Scrape } from "#test/support/kube/stage.ts";
import { until } from "#tools/cluster/until.ts";
import { takesAndEnds } from "./apps.ts";
import type { Installation } from "./installation.ts";

/** Each on a connection of the API server's own to the webhooks, so that both operators are asked. */
const lanes = 4;
const everyMs = 100;
const jobName = "one-after-another";
/** More than ever come. */
const completions = 10_000;

/** What the API server said to one question. */
interface Answer {
  readonly atMs: number;
  readonly tookMs: number;
  /** Undefined: it would be made, with a sidecar. */
  readonly problem: string | undefined;
}

export interface Span {
  readonly asked: number;
  readonly refusals: readonly Answer[];
  /** From the first refusal to the first answer after the last one; 0: there was none. */
  readonly outMs: number;
  readonly slowestMs: number;
}

export interface JobSeen {
  readonly succeeded: number;
  readonly failed: number;
  /** Pods that have no sidecar. */
  readonly without: readonly string[];
}

export class AskedPods implements AsyncDisposable {
  readonly #made: Installation;
  readonly #namespace: string;
  readonly #api: Transport;
  readonly #answers: Answer[] = [];
  readonly #ended = new AbortController();
  readonly #asking: Promise<unknown>;

  private constructor(made: Installation, namespace: string) {
    this.#made = made;
    this.#namespace = namespace;
    this.#api = new Transport({
      cluster: new Cluster(configOfFile(made.cluster.kubeconfig), testRuntime),
      runtime: testRuntime,
      metrics: new Scrape().kube,
    });
    this.#asking = Promise.all(Array.from({ length: lanes }, () => this.#ask()));
  }

  static async start(made: Installation, namespace: string): Promise<AskedPods> {
    await made.apply(namespace, takesAndEnds(jobName, completions));
    return new AskedPods(made, namespace);
  }

  /** All that is asked while `act` runs, and a second longer: what is cut off may only now be missed. */
  async during(act: () => Promise<void>): Promise<Span> {
    const from = this.#answers.length;
    await act();
    await this.#more(10 * lanes);
    const span = this.#answers.slice(from).toSorted((one, other) => one.atMs - other.atMs);
    const refusals = span.filter(({ problem }) => problem !== undefined);
    const [first] = refusals;
    const after = span.find(({ atMs }) => atMs > (refusals.at(-1)?.atMs ?? Infinity));
    return {
      ...{ asked: span.length, refusals },
      outMs: first === undefined ? 0 : (after?.atMs ?? Infinity) - first.atMs,
      slowestMs: Math.max(...span.map(({ tookMs }) => tookMs)),
    };
  }

  /** Waits until one more pod of the Job has ended well than have by now. */
  async oneMore(): Promise<void> {
    const { succeeded } = await this.job();
    await until(
      "one more pod of the Job to end",
      async () => (await this.job()).succeeded > succeeded,
      { withinMs: 90_000 },
    );
  }

  async job(): Promise<JobSeen> {
    const own = ["-n", this.#namespace, "-o", "json"];
    const job = JSON.parse(await this.#made.kubectl("get", "job", jobName, ...own)) as {
      status?: { succeeded?: number; failed?: number };
    };
    const selected = ["-l", `batch.kubernetes.io/job-name=${jobName},${sidecarLabel}!=injected`];
    const without = await this.#made.kubectl(
      ...["get", "pods", ...selected, "-n", this.#namespace, "-o", "name"],
    );
    return {
      succeeded: job.status?.succeeded ?? 0,
      failed: job.status?.failed ?? 0,
      without: without.split("\n").filter((line) => line !== ""),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#asking;
    await this.#api.close();
  }

  async #more(count: number): Promise<void> {
    const wanted = this.#answers.length + count;
    await until("more answers", () => Promise.resolve(this.#answers.length >= wanted));
  }

  async #ask(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const atMs = performance.now();
      const problem = await this.#would();
      this.#answers.push({ atMs, tookMs: performance.now() - atMs, problem });
      await sleep(everyMs);
    }
  }

  /** Undefined: it would be made, and its first init container is ours. */
  async #would(): Promise<string | undefined> {
    const answer = await this.#api.request(
      {
        method: "POST",
        path: collectionPath(podResource, this.#namespace),
        query: { dryRun: "All" },
        body: {
          ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "would-be" } },
          spec: { containers: [{ name: "app", image: "app" }] },
        },
      },
      never,
    );
    if (answer.kind !== "done") return reasonText(answer);
    const { initContainers } = recordOf(recordOf(answer.value)["spec"]);
    const [first] = Array.isArray(initContainers) ? (initContainers as unknown[]) : [];
    return recordOf(first)["name"] === "holdfast" ? undefined : "made WITHOUT a sidecar";
  }
}
