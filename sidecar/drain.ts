/**
 * The end of the process on SIGTERM: bounded as a whole, whatever hangs.
 *
 * In a pod the app ends first, and then what it was promised binds us no more. But the kubelet asks a sidecar to end also
 * when the pod's time is over and the app still runs (it ignores SIGTERM, or its preStop takes all the time): both are
 * killed two seconds later. So what carries a running guarantee is given back by one who lives on after that time, and by
 * nobody else (docs/decisions/0021-release-after-the-app.md).
 */
import type { Kernel } from "./kernel.ts";
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import type { HttpServer } from "#host/http/server.ts";
import type { Streams } from "./handlers/streams.ts";

/** From the signal to the end of the process: Kubernetes and people give us two seconds. */
const endMs = 1_900;
/** Of that, for core to let go of what it holds, and after it for the answers to leave. */
const letGoMs = 1_200;
const answersMs = 300;
/** Before it, where the app ends first: the kubelet's least time for a container (2 s), and by how much a busy node may be late. */
const appKilledMs = 5_000;

export interface DrainParts {
  readonly runtime: Runtime;
  readonly kernel: Kernel;
  readonly http: HttpServer;
  readonly streams: Streams;
  /** See the option `appEndsFirst`. */
  readonly callersEnded: boolean;
}

/** Takes no more connections, ends waits, releases what carries no running guarantee, and lets the answers leave. */
export async function drain(parts: DrainParts): Promise<void> {
  const { http, runtime, callersEnded } = parts;
  const askedAt = runtime.now();
  http.stopAccepting();
  if (callersEnded) await untilCallersEnded(parts, after(askedAt, appKilledMs));
  await letGoOfAll(parts);
}

/** Returns at once where nothing is promised to anybody. */
async function untilCallersEnded({ runtime, kernel }: DrainParts, endedAt: Instant): Promise<void> {
  const { signal } = new AbortController();
  const deadline = after(runtime.now(), letGoMs);
  const isPromised = await kernel.letGo({ signal, deadline, callersEnded: false });
  if (isPromised) await sleep(runtime, Math.max(endedAt - runtime.now(), 0));
}

async function letGoOfAll({
  runtime,
  kernel,
  http,
  streams,
  callersEnded,
}: DrainParts): Promise<void> {
  const letGo = new AbortController();
  const answers = new AbortController();
  const letGoAt = after(runtime.now(), letGoMs);
  const timers = [
    runtime.timer(letGoAt, () => {
      letGo.abort(new Error("the time to let go is over"));
    }),
    runtime.timer(after(letGoAt, answersMs), () => {
      answers.abort(new Error("the time to answer is over"));
    }),
  ];
  const all = await kernel.drain({ signal: letGo.signal, deadline: letGoAt, callersEnded });
  runtime.log.info(all ? "all locks are given back" : "locks are left to the end of the session");
  // Those of grants were told of their loss.
  streams.endAll({
    code: "draining",
    detail: "This sidecar is shutting down. Join its successor.",
  });
  await http.drain(answers.signal);
  for (const timer of timers) timer.cancel();
}

/** Ends the process where its parts do not close in time. What hangs on etcd goes with the lease. */
export function endInTime(runtime: Runtime, callersEnded: boolean): void {
  setTimeout(
    () => {
      runtime.log.warn("not all could be closed in time; the process ends all the same");
      process.exit(0);
    },
    endMs + (callersEnded ? appKilledMs : 0),
  ).unref();
}
