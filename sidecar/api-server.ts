/** The HTTP API over everything behind it. */
import { Admission } from "./http/admission.ts";
import { Bug } from "#core/refusal.ts";
import { HttpServer } from "#host/http/server.ts";
import { Service } from "./http/serve.ts";
import { viewEtcd } from "./etcd-status.ts";
import { lockHandlers } from "./handlers/locks.ts";
import { statusHandlers, type StatusApi } from "./handlers/status.ts";
import type { Streams } from "./handlers/streams.ts";
import { acquireAsStream, watchingHandlers } from "./handlers/watching.ts";
import { answersCounter } from "./metrics.ts";
import { options as optionTable } from "./options.ts";
import { viewResources } from "./resources/view.ts";
import type { Running } from "./running.ts";

/** Throws ListenRefused. */
export function startApi(running: Running, streams: Streams): Promise<HttpServer> {
  const { options, runtime, kernel, metrics, onBug } = running;
  const { locks } = kernel;
  const failed = (operation: string, error: unknown): void => {
    runtime.log.error("a request failed", { operation, error });
    if (error instanceof Bug) onBug(`operation ${operation}`, error);
  };
  const watching = { locks, views: kernel.views, streams, failed };
  const service = new Service({
    admission: new Admission(options.allowedHosts ?? []),
    handlers: {
      ...lockHandlers(locks, kernel.views, (request, call) =>
        acquireAsStream(watching, request, call),
      ),
      ...watchingHandlers(watching),
      ...statusHandlers(statusOf(running)),
    },
    log: runtime.log,
    answered: answersCounter(metrics),
    onBug,
  });
  return HttpServer.start({
    address: options.httpAddress,
    option: optionTable.httpAddress,
    serve: (exchange) => {
      service.serve(exchange);
    },
  });
}

function statusOf({ options, pod, store, identity, kernel, standalone }: Running): StatusApi {
  return {
    namespace: options.namespace,
    pod,
    source: standalone === undefined ? "etcd" : "files",
    session: () => kernel.sessions.status(),
    etcd: () => viewEtcd(store.client.status()),
    identity: () => identity?.view(),
    grants: () => {
      let held = 0;
      for (const { granted, over } of kernel.locks.counters().values()) held += granted - over;
      return held;
    },
    resources: () =>
      viewResources({
        records: kernel.specs.resources(),
        remembered: kernel.specs.remembered(),
        fileProblems: standalone?.problems() ?? [],
        differing: standalone?.differing() ?? [],
      }),
    openapi: readOpenapi,
  };
}

let openapiText: string | undefined;

/** Few ask for it, so it is loaded for the first who does. */
async function readOpenapi(): Promise<string> {
  if (openapiText === undefined) {
    const { openapi } = await import("#api/generated/openapi.ts");
    openapiText = JSON.stringify(openapi);
  }
  return openapiText;
}
