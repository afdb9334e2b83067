/**
 * One sidecar: what it is made of, in the order in which it is put together, and how it ends.
 *
 *   options → log → clocks → identity → etcd → core → resources → HTTP → health
 *
 * Each is closed in reverse, also when a later one fails to start. SIGTERM drains first: nothing new is taken, waits end,
 * what carries no running guarantee is released; all within two seconds.
 */
import packageFile from "../package.json" with { type: "json" };
import { Kernel } from "./kernel.ts";
import type { Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { EtcdStore } from "#etcd/store.ts";
import { ListenRefused } from "#host/listen.ts";
import { LoopWatch } from "#host/loop-watch.ts";
import { Metrics } from "#host/metrics.ts";
import { runProgram, type Die } from "#host/program.ts";
import { listenForTermination } from "#host/signals.ts";
import { startApi } from "./api-server.ts";
import { drain, endInTime } from "./drain.ts";
import type { Identity } from "./identity/identity.ts";
import { etcdAccess, IdentityRefused, type AccessParts, type EtcdAccess } from "./etcd-access.ts";
import { tellWhenFull, viewEtcd } from "./etcd-status.ts";
import {
  checkTogether,
  defaultPod,
  options as optionTable,
  type SidecarOptions,
} from "./options.ts";
import { Streams } from "./handlers/streams.ts";
import { startProbes } from "./probes.ts";
import { CopyKeeper } from "./resources/copy-keeper.ts";
import { logServed, rememberedCopy } from "./resources/from-etcd.ts";
import { Standalone } from "./resources/standalone.ts";
import type { Running } from "./running.ts";
import { whenStarted } from "./started.ts";

await runProgram({
  name: "holdfast sidecar",
  purpose: "locks for the pods of one namespace, on localhost",
  options: optionTable,
  checkTogether,
  logOf: (options) => options,
  isRefusal: (error): error is ListenRefused | IdentityRefused =>
    error instanceof ListenRefused || error instanceof IdentityRefused,
  run,
});

async function run(options: SidecarOptions, runtime: Runtime, onBug: Die): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const termination = stack.use(listenForTermination());
  const metrics = new Metrics();
  const given = { options, runtime, metrics, onBug };
  const access = await accessOrLeave(given, termination.requested);
  if (access === undefined) return;
  if (access.identity !== undefined) stack.use(access.identity);
  const running = await startBehind(stack, { ...given, access });
  const { kernel, standalone } = running;
  const streams = new Streams(runtime);
  const http = stack.use(await startApi(running, streams));

  const startParts = {
    runtime,
    kernel,
    wanted: () => standalone?.documents() ?? [],
    etcdProblem: () =>
      access.identity?.view().problem ?? viewEtcd(running.store.client.status()).problem,
  };
  const { health, started } = await startProbes(running, { http, streams }, startParts);
  stack.use(health);

  const about = {
    namespace: options.namespace,
    pod: running.pod,
    http: http.addresses,
    health: health.addresses,
    pid: process.pid,
  };
  runtime.log.info("listening", about);
  const tasks = new Tasks(onBug);
  stack.defer(() => tasks.close());
  tasks.run("telling when it is ready", async (signal) => {
    await whenStarted(startParts, signal);
    started();
    runtime.log.info("ready", { ...about, sinceStartMs: Math.round(performance.now()) });
  });
  tasks.run("telling what is served", (signal) => logServed(kernel.specs, runtime.log, signal));
  const isFull = () => viewEtcd(running.store.client.status()).full;
  const { identity } = access;
  if (identity !== undefined) await watchOver(identity, running, tasks);
  tasks.run("telling when etcd is full", (signal) => tellWhenFull(runtime, isFull, signal));

  const signal = await termination.requested;
  runtime.log.info("shutting down", { signal });
  endInTime(runtime, options.appEndsFirst);
  await drain({ runtime, kernel, http, streams, callersEnded: options.appEndsFirst });
}

/** Loaded where there is an identity, as that is. */
async function watchOver(
  identity: Identity,
  { runtime, store }: Running,
  tasks: Tasks,
): Promise<void> {
  const { askWhenShutOut } = await import("./identity/shut-out.ts");
  const isReachable = () => viewEtcd(store.client.status()).reachable;
  const ask = (): void => {
    identity.askAgain();
  };
  tasks.run("asking for another identity where etcd takes this one no more", (signal) =>
    askWhenShutOut({ runtime, isReachable, ask }, signal),
  );
}

/** Where the resources are files there is no operator. */
function reportOf({ resources, node }: SidecarOptions) {
  return resources === undefined ? { version: packageFile.version, node } : undefined;
}

/** Undefined: the process was asked to end while it waited for its identity. */
async function accessOrLeave(
  parts: AccessParts,
  requested: Promise<NodeJS.Signals>,
): Promise<EtcdAccess | undefined> {
  const leaving = new AbortController();
  void requested.then((signal) => {
    leaving.abort(new Error(signal));
  });
  try {
    return await etcdAccess(parts, leaving.signal);
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    parts.runtime.log.info("shutting down before there is an identity");
    return undefined;
  }
}

interface Given extends AccessParts {
  readonly access: EtcdAccess;
}

/** Everything behind the fronts. */
async function startBehind(
  stack: AsyncDisposableStack,
  { options, runtime, metrics, onBug, access }: Given,
): Promise<Running> {
  const { namespace, pod = defaultPod(), resources } = options;
  const loop = stack.use(new LoopWatch(runtime));
  const store = stack.use(
    await EtcdStore.start(
      {
        runtime,
        ...{ endpoints: access.endpoints, tls: access.tls, auth: access.auth },
        onFailure: onBug,
      },
      new AbortController().signal,
    ),
  );
  const { stateFolder } = options;
  const { sessionTtlMs, identity } = access;
  const copy = await rememberedCopy({ folder: stateFolder, namespace, log: runtime.log });
  let standalone: Standalone | undefined;
  const kernel = stack.adopt(
    Kernel.start({
      runtime,
      store,
      options: { namespace, pod, sessionTtlMs, report: reportOf(options) },
      remembered: copy?.records,
      onBug,
      onAnew: () => standalone?.begunAnew(),
    }),
    (made) => made.close(),
  );
  if (stateFolder !== undefined) {
    const { specs } = kernel;
    stack.use(CopyKeeper.start({ runtime, folder: stateFolder, namespace, specs, onBug }));
  }
  if (resources !== undefined) {
    standalone = stack.use(
      await Standalone.start({ path: resources, namespace, runtime, kernel, onFatal: onBug }),
    );
  }
  if (options.etcdMaintenance) {
    const { Maintenance } = await import("#etcd/maintenance.ts");
    const { MaintenanceCalls } = await import("#etcd/maintenance-calls.ts");
    stack.use(
      Maintenance.start({ ports: [new MaintenanceCalls(store.client)], runtime, onFailure: onBug }),
    );
  }
  return { options, pod, runtime, store, identity, kernel, standalone, loop, metrics, onBug };
}
