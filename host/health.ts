/**
 * The health port: /startupz /livez /readyz for the kubelet and /metrics for a scraper. Answers are lines for people,
 * since the kubelet puts them into the pod's events.
 */
import type { Log } from "#core/runtime.ts";
import type { Address } from "./address.ts";
import type { Exchange } from "./http/exchange.ts";
import type { Reply } from "./http/reply.ts";
import { HttpServer } from "./http/server.ts";
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

const bounds = { connectionsMax: 64, requestsMax: 64, requestMs: 10_000, idleMs: 10_000 } as const;

export class Health implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly #server: HttpServer;

  private constructor(server: HttpServer) {
    this.addresses = server.addresses;
    this.#server = server;
  }

  /** Throws ListenRefused. */
  static async start(parts: HealthParts): Promise<Health> {
    const { address, option } = parts;
    const answer = answerer(parts);
    const serve = (exchange: Exchange): void => {
      const { method, target, version } = exchange.request;
      const isRead = method === "GET" || method === "HEAD";
      if (version === "1.1" && exchange.header("host") === undefined) exchange.answer(noHost);
      else exchange.answer(isRead ? answer(target.split("?", 1)[0] ?? "") : onlyRead);
    };
    return new Health(await HttpServer.start({ address, option, serve, bounds }));
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const textType = "text/plain; charset=utf-8";

/** Answers of a moment: nobody may keep them. */
function said(status: number, text: string, type = textType): Reply {
  return { status, body: { type, text }, headers: ["Cache-Control", "no-store"] };
}

const onlyRead: Reply = {
  ...said(405, "only GET and HEAD\n"),
  headers: ["Allow", "GET, HEAD", "Cache-Control", "no-store"],
};
const noHost = said(400, "the Host header is missing\n");

function answerer({ startup, live, ready, metrics, log }: HealthParts): (path: string) => Reply {
  return (path) => {
    switch (path) {
      case "/startupz":
        return checked(startup);
      case "/livez":
        return checked(live);
      case "/readyz":
        return checked(ready);
      case "/metrics":
        return said(200, metrics.render(tell), metricsContentType);
      default:
        return said(404, "/startupz /livez /readyz /metrics\n");
    }
  };

  function tell(family: string, error: unknown): void {
    log.error("a metric could not be read", { family, error });
  }
}

function checked(checks: Checks): Reply {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: check() }));
  const bad = results.some(({ problem }) => problem !== undefined);
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+] ${name}` : `[-] ${name}: ${problem}`,
  );
  return said(bad ? 503 : 200, `${[...lines, bad ? "failed" : "ok"].join("\n")}\n`);
}
