/**
 * The health port: /startupz /livez /readyz for the kubelet and /metrics for a scraper. Answers are lines for people,
 * since the kubelet puts them into the pod's events.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Log } from "#core/runtime.ts";
import type { Address } from "./address.ts";
import { listen } from "./listen.ts";
import { createServer } from "./node-http.ts";
import { metricsContentType, type Metrics } from "./metrics.ts";

/** What is wrong, in words; undefined: all is well. */
export type Check = () => string | undefined;
export type Checks = Readonly<Record<string, Check>>;

export interface HealthParts {
  readonly address: Address;
  readonly option: { readonly env: string };
  readonly startup: Checks;
  readonly live: Checks;
  readonly ready: Checks;
  readonly metrics: Metrics;
  readonly log: Log;
}

const connectionsMax = 64;
const headerBytesMax = 8 * 1024;
const requestMs = 10_000;
const idleMs = 30_000;

export class Health implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly #servers: readonly Server[];
  #closed: Promise<void> | undefined;

  private constructor(addresses: readonly string[], servers: readonly Server[]) {
    this.addresses = addresses;
    this.#servers = servers;
  }

  /** Throws ListenRefused. */
  static async start(parts: HealthParts): Promise<Health> {
    const answer = answerer(parts);
    const { servers, addresses } = await listen({
      address: parts.address,
      option: parts.option,
      make: () => makeServer(answer),
    });
    return new Health(addresses, servers);
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#servers.map(closeServer)).then(() => undefined);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function makeServer(answer: (path: string) => Answer): Server {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
  });
  server.maxConnections = connectionsMax;
  server.on("request", (req: IncomingMessage, res: ServerResponse) => {
    const path = (req.url ?? "").split("?", 1)[0] ?? "";
    const { status, type, body } =
      req.method === "GET" || req.method === "HEAD"
        ? answer(path)
        : { status: 405, type: textType, body: "only GET and HEAD\n" };
    const length = String(Buffer.byteLength(body));
    res.writeHead(status, {
      "Content-Type": type,
      "Content-Length": length,
      "Cache-Control": "no-store",
    });
    res.end(req.method === "HEAD" ? undefined : body);
  });
  return server;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

const textType = "text/plain; charset=utf-8";

function answerer({ startup, live, ready, metrics, log }: HealthParts): (path: string) => Answer {
  return (path) => {
    switch (path) {
      case "/startupz":
        return checked(startup);
      case "/livez":
        return checked(live);
      case "/readyz":
        return checked(ready);
      case "/metrics":
        return { status: 200, type: metricsContentType, body: metrics.render(tell) };
      default:
        return { status: 404, type: textType, body: "/startupz /livez /readyz /metrics\n" };
    }
  };

  function tell(family: string, error: unknown): void {
    log.error("a metric could not be read", { family, error });
  }
}

function checked(checks: Checks): Answer {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: check() }));
  const bad = results.some(({ problem }) => problem !== undefined);
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+] ${name}` : `[-] ${name}: ${problem}`,
  );
  return {
    status: bad ? 503 : 200,
    type: textType,
    body: `${[...lines, bad ? "failed" : "ok"].join("\n")}\n`,
  };
}
