/**
 * One operator: what it is made of, in the order in which it is put together, and how it ends.
 *
 *   options → log → clocks → Kubernetes → caches → election → authorities → leadership → identity → webhooks → health
 *
 * Each is closed in reverse, also when a later one fails to start. SIGTERM drains first: who still comes is answered for
 * some seconds, what is reconciled ends, then all that acts, then the Lease is given back; all within thirty seconds.
 */
import { hostname } from "node:os";
import type { Runtime } from "#core/runtime.ts";
import { ListenRefused } from "#host/listen.ts";
import { LoopWatch } from "#host/loop-watch.ts";
import { Metrics } from "#host/metrics.ts";
import { runProgram, type Die } from "#host/program.ts";
import { listenForTermination } from "#host/signals.ts";
import { publishedKinds } from "./controllers/published/kinds.ts";
import { Objects } from "./controllers/published/objects.ts";
import { drain, endInTime } from "./drain.ts";
import { Authorities } from "./identity/authorities.ts";
import { overlapMsDefault } from "./identity/renewal.ts";
import { Serving } from "./identity/serving.ts";
import { startIdentity } from "./identity/start.ts";
import { Cluster, ClusterRefused, configOfFile, configOfPod } from "./kube/cluster.ts";
import { Election } from "./kube/election.ts";
import { Recorder } from "./kube/events.ts";
import { KubeMetrics } from "./kube/metrics.ts";
import { Transport } from "./kube/transport.ts";
import { Leadership } from "./leadership.ts";
import { repairedCounter } from "./metrics.ts";
import { checkTogether, options as optionTable, type OperatorOptions } from "./options.ts";
import { startProbes } from "./probes.ts";
import type { Running } from "./running.ts";
import { startWebhooks } from "./webhooks/start.ts";

await runProgram({
  name: "holdfast operator",
  purpose: "publishes Holdfast's resources of a cluster to etcd",
  options: optionTable,
  checkTogether,
  logOf: (options) => options,
  isRefusal: (error): error is ListenRefused | ClusterRefused =>
    error instanceof ListenRefused || error instanceof ClusterRefused,
  run,
});

async function run(options: OperatorOptions, runtime: Runtime, onBug: Die): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const termination = stack.use(listenForTermination());
  const identity = options.identity ?? `${hostname()}_${runtime.randomId(8)}`;
  const running = await startBehind(stack, { options, runtime, onBug, identity });
  const leadership = stack.use(Leadership.start(running));
  const door = stack.use(await startIdentity(running));
  const webhooks = stack.use(await startWebhooks(running));
  let isDraining = false;
  const problems = {
    draining: () => (isDraining ? "the operator is shutting down" : undefined),
    identity: () => door.problem() ?? running.serving.problem(),
    webhooks: () => webhooks.problem(),
  };
  const health = stack.use(await startProbes(running, leadership, problems));
  const addresses = {
    ...{ health: health.addresses, identityDoor: door.addresses },
    webhooks: webhooks.addresses,
  };
  runtime.log.info("listening", { identity, ...addresses, pid: process.pid });

  const signal = await termination.requested;
  isDraining = true;
  runtime.log.info("shutting down", { signal });
  endInTime(runtime);
  await drain({ runtime, leadership, doors: [door, webhooks], lingerMs: options.linger });
}

interface Given {
  readonly options: OperatorOptions;
  readonly runtime: Runtime;
  readonly onBug: Die;
  readonly identity: string;
}

/** Everything that lives as long as the process. */
async function startBehind(
  stack: AsyncDisposableStack,
  { options, runtime, onBug, identity }: Given,
): Promise<Running> {
  const loop = stack.use(new LoopWatch(runtime));
  const metrics = new Metrics();
  const kubeMetrics = new KubeMetrics(metrics);
  const { kubeconfig, kubeContext, namespaces } = options;
  const load = kubeconfig === undefined ? configOfPod : configOfFile(kubeconfig, kubeContext);
  const cluster = new Cluster(load, runtime);
  await cluster.access();
  const api = stack.use(new Transport({ cluster, runtime, metrics: kubeMetrics }));
  const common = { api, runtime, metrics: kubeMetrics, onFailure: onBug };
  const objects = publishedKinds.map((kind) =>
    stack.use(Objects.follow({ ...common, kind, namespaces })),
  );
  const controller = "holdfast.dev/operator";
  const recorder = stack.use(Recorder.start({ ...common, controller, instance: identity }));
  const { namespace, installation } = options;
  const lease = { namespace, name: options.lease };
  const election = stack.use(Election.start({ ...common, lease, identity }));
  const leads = (): boolean => election.leads();
  const authorities = stack.use(
    await Authorities.start({
      ...{ api, runtime, metrics, namespace, installation, leads, onFailure: onBug },
      overlapMs: Math.max(overlapMsDefault, 2 * options.certificateLife),
    }),
  );
  const serving = stack.use(
    Serving.start({ authorities, runtime, metrics, service: options.service, namespace }),
  );
  return {
    ...{ options, runtime, api, objects, election, recorder, loop, authorities, serving },
    ...{ metrics, kubeMetrics, onBug, repaired: repairedCounter(metrics) },
  };
}
