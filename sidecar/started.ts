/** Whether the sidecar has what it needs to serve, for the first time since its start. */
import { after, type Runtime } from "#core/runtime.ts";
import { orAbort } from "./or-abort.ts";
import type { Kernel } from "./kernel.ts";
import type { Checks } from "#host/health.ts";

/** While it cannot serve, it says so this often. */
const sayEveryMs = 10_000;

export interface StartedParts {
  readonly runtime: Runtime;
  readonly kernel: Kernel;
  /** In standalone mode the resources of the files, which must have got their records. */
  readonly wanted: () => readonly { readonly kind: string; readonly name: string }[];
  /** Why etcd cannot be used; undefined: it can. */
  readonly etcdProblem: () => string | undefined;
}

/** What is still missing, by name; also for /startupz. */
export function startChecks({ kernel, wanted, etcdProblem }: StartedParts) {
  return {
    session: () => {
      if (kernel.sessions.current !== undefined) return undefined;
      return `there is none: ${kernel.sessions.reason ?? etcdProblem() ?? "it is being made"}`;
    },
    resources: () => {
      const { specs } = kernel;
      if (!specs.isReady) return "they were not read from etcd yet";
      if (specs.installation === undefined) return "nobody has set the fence base in etcd yet";
      const missing = wanted().find(({ kind, name }) => specs.record(kind, name) === undefined);
      return missing === undefined
        ? undefined
        : `${missing.kind} '${missing.name}' is not published yet`;
    },
  };
}

/** Resolves when every check passes; rejects with the signal's reason. */
export async function whenStarted(parts: StartedParts, signal: AbortSignal): Promise<void> {
  const { runtime, kernel } = parts;
  const checks = startChecks(parts);
  const say = (): void => {
    runtime.log.warn("not ready: the sidecar serves as soon as it can", {
      missing: failing(checks),
    });
    timer = runtime.timer(after(runtime.now(), sayEveryMs), say);
  };
  let timer = runtime.timer(after(runtime.now(), sayEveryMs / 5), say);
  try {
    await orAbort(kernel.specs.ready, signal);
    for (;;) {
      await kernel.sessions.live(signal);
      signal.throwIfAborted();
      if (failing(checks).length === 0) return;
      // A session that ends here is seen by the next turn.
      if (kernel.sessions.current !== undefined) await kernel.specs.nextChange(signal);
    }
  } finally {
    timer.cancel();
  }
}

function failing(checks: Checks): string[] {
  return Object.entries(checks).flatMap(([name, check]) => {
    const problem = check();
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
}
