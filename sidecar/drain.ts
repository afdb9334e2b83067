/** The end of the process on SIGTERM: bounded as a whole, whatever hangs. */
import type { Kernel } from "./kernel.ts";
import { after, type Runtime } from "#core/runtime.ts";
import type { HttpServer } from "#host/http/server.ts";

/** From the signal to the end of the process: Kubernetes and people give us two seconds. */
const endMs = 1_900;
/** Of that, for core to let go of what it holds, and after it for the answers to leave. */
const letGoMs = 1_200;
const answersMs = 300;

export interface DrainParts {
  readonly runtime: Runtime;
  readonly kernel: Kernel;
  readonly http: HttpServer;
  /** See the option `appEndsFirst`. */
  readonly callersEnded: boolean;
}

/** Takes no more connections, ends waits, releases what carries no running guarantee, and lets the answers leave. */
export async function drain(parts: DrainParts): Promise<void> {
  const { runtime, kernel, http, callersEnded } = parts;
  http.stopAccepting();
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
  await kernel.drain({ signal: letGo.signal, deadline: letGoAt, callersEnded });
  await http.drain(answers.signal);
  for (const timer of timers) timer.cancel();
}

/** Ends the process where its parts do not close in time. What hangs on etcd goes with the lease. */
export function endInTime(runtime: Runtime): void {
  setTimeout(() => {
    runtime.log.warn("not all could be closed in time; the process ends all the same");
    process.exit(0);
  }, endMs).unref();
}
