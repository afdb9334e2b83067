/** The HTTP front over locks that live in memory: what is tested is the front, and core has its own tests. */
import { once } from "node:events";
import { request, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import type { GrantObserver, WaitObserver } from "#core/lock/events.ts";
import type { Acquired, GrantView, Hold } from "#core/lock/views.ts";
import { Refusal } from "#core/refusal.ts";
import type { Epoch, Runtime } from "#core/runtime.ts";
import { address } from "#host/address.ts";
import { Metrics } from "#host/metrics.ts";
import { realRuntime } from "#host/runtime.ts";
import type { LocksApi } from "#sidecar/handlers/locks.ts";
import { lockHandlers } from "#sidecar/handlers/locks.ts";
import type { SeenEvent } from "#sidecar/lock-onlooker.ts";
import { Streams } from "#sidecar/handlers/streams.ts";
import { acquireAsStream, watchingHandlers, type WatchingApi } from "#sidecar/handlers/watching.ts";
import { statusHandlers, type StatusApi } from "#sidecar/handlers/status.ts";
import { Admission } from "#sidecar/http/admission.ts";
import type { Bounds } from "#host/http/limits.ts";
import { HttpServer } from "#host/http/server.ts";
import { Service } from "#sidecar/http/serve.ts";
import { keepingLog } from "../../host/silent-log.ts";

/** Grants every lock at once, but `held` ones, for which callers wait until they are told otherwise. */
export class MemoryLocks implements LocksApi, WatchingApi {
  readonly asked: Parameters<LocksApi["acquire"]>[0][] = [];
  readonly givenBack: string[] = [];
  readonly waits: {
    readonly settle: (acquired: Acquired) => void;
    readonly caller: AbortSignal;
    readonly observer: WaitObserver | undefined;
  }[] = [];
  /** By their grants. */
  readonly followers = new Map<string, GrantObserver>();
  /** By their locks. */
  readonly observers = new Map<string, (event: SeenEvent) => void>();
  readonly closedStreams: string[] = [];
  /** Told at each change of the lists above. */
  readonly changed = new EventTarget();
  /** Does not hear callers leave: as core for a moment, when it has just granted. */
  deaf = false;
  #fence = 1;

  acquire(
    request: Parameters<LocksApi["acquire"]>[0],
    caller: AbortSignal,
    observer?: WaitObserver,
  ): Promise<Acquired> {
    this.asked.push(request);
    if (request.pool === "nowhere")
      throw new Refusal("pool_not_found", "There is no lock pool 'nowhere'.", { pool: "nowhere" });
    if (request.pool === "busy")
      throw new Refusal("too_many_waiters", "Too many.", {
        limit: "spec.limits.waitersPerLock",
        max: 1,
      });
    if (request.pool === "broken") throw new Error("secret detail");
    if (request.pool === "unsure") return Promise.resolve({ kind: "unknown" });
    if (request.name !== "held")
      return Promise.resolve({ kind: "granted", grant: this.grantOf(request) });
    if (request.waitMs === 0) {
      const holder = {
        holder: "worker-1",
        ...{ pod: "pod-a", mode: "exclusive" as const, permits: 1 },
        since: 0 as Epoch,
        metadata: {},
        localWaiters: 0,
      };
      return Promise.resolve({ kind: "held", holder, waiting: 2 });
    }
    return new Promise((resolve, reject) => {
      this.waits.push({ settle: resolve, caller, observer });
      caller.addEventListener("abort", () => {
        if (!this.deaf) reject(caller.reason as Error);
        this.changed.dispatchEvent(new Event("change"));
      });
      this.changed.dispatchEvent(new Event("change"));
    });
  }

  grantOf({
    pool,
    name,
    hold,
    ttlMs,
  }: {
    pool: string;
    name: string;
    hold: Hold;
    ttlMs?: number | undefined;
  }): GrantView {
    const n = this.#fence++;
    return {
      grantId: `g-${String(n)}`,
      pool,
      name,
      mode: "exclusive",
      permits: 1,
      fence: String(n),
      hold,
      ttlMs: ttlMs ?? 30_000,
      expiresInMs: 29_990.7,
      guaranteedForMs: 8_500,
      acquiredAt: 0 as Epoch,
      holder: "me",
      metadata: {},
    };
  }

  undelivered(grantId: string): void {
    this.givenBack.push(grantId);
    this.changed.dispatchEvent(new Event("change"));
  }

  follow(grantId: string, observer: GrantObserver): () => void {
    this.followers.set(grantId, observer);
    this.changed.dispatchEvent(new Event("change"));
    return () => {
      this.followers.delete(grantId);
    };
  }

  streamClosed(grantId: string, why: string): void {
    this.closedStreams.push(`${grantId} ${why}`);
    const lost = { kind: "lost", why: "slow", at: 0 as Epoch, guaranteedForMs: 8_000 } as const;
    if (why === "slow") this.followers.get(grantId)?.told(lost);
    this.changed.dispatchEvent(new Event("change"));
  }

  observe(
    { pool, name }: { pool: string; name: string },
    told: (event: SeenEvent) => void,
  ): () => void {
    const lock = `${pool}/${name}`;
    this.observers.set(lock, told);
    told({ kind: "vacant", lost: [] });
    return () => {
      this.observers.delete(lock);
      this.changed.dispatchEvent(new Event("change"));
    };
  }

  grant(grantId: string): Promise<GrantView> {
    if (grantId === "over")
      throw new Refusal("grant_lost", "It is over.", { grantId, why: "expired", endedAt: 0 });
    return Promise.resolve({
      ...this.grantOf({ pool: "orders", name: "42", hold: "ttl" }),
      grantId,
    });
  }

  renew(grantId: string): Promise<GrantView> {
    return this.grant(grantId);
  }

  release(grantId: string): Promise<"released" | "unknown"> {
    return Promise.resolve(grantId === "unsure" ? "unknown" : "released");
  }

  releaseByHolder() {
    return Promise.resolve({ released: 3, freed: "released" as const });
  }

  look(pool: string, name: string) {
    return Promise.resolve({
      pool,
      name,
      holders: [],
      waiters: [],
      reserved: [],
      idle: [],
      lost: [],
    });
  }

  list({ pool }: { pool: string }) {
    return Promise.resolve({ pool, totals: { names: 0, held: 0, waiting: 0 }, locks: [] });
  }

  forceRelease({ pool }: { pool: string }) {
    if (pool === "orders") return Promise.resolve({ outcome: "vacant" as const, holders: [] });
    throw new Refusal("not_admin", "Not this pod.", { pool, admin: "Nobody" });
  }

  deadlocks() {
    return Promise.resolve([]);
  }

  /** Resolves when `holds` does. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.changed, "change");
  }
}

const status: StatusApi = {
  namespace: "default",
  pod: "pod-a",
  source: "files",
  session: () => ({
    state: "held",
    session: "s1",
    since: 0 as Epoch,
    deadlineInMs: 8_000,
    ttlMs: 10_000,
    losses: 0,
    intents: 0,
  }),
  etcd: () => ({ reachable: true, version: "3.6.14", full: true }),
  identity: () => undefined,
  grants: () => 1,
  resources: () => ({ resources: [], problems: [] }),
  openapi: () => Promise.resolve('{"openapi":"3.1.1"}'),
};

export async function front(
  given: {
    locks?: MemoryLocks;
    allowedHosts?: string[];
    bounds?: Partial<Bounds>;
    streamsMax?: number;
    runtime?: Runtime;
    nowMs?: () => number;
    onBug?: () => void;
  } = {},
) {
  const locks = given.locks ?? new MemoryLocks();
  const log = keepingLog();
  const metrics = new Metrics();
  const streams = new Streams(given.runtime ?? realRuntime(log), given.streamsMax);
  const failed = (operation: string): void => {
    log.error("a request failed", { operation });
  };
  const watching = { locks, views: locks, streams, failed };
  const service = new Service({
    admission: new Admission(given.allowedHosts ?? []),
    handlers: {
      ...lockHandlers(locks, locks, (input, call) => acquireAsStream(watching, input, call)),
      ...watchingHandlers(watching),
      ...statusHandlers(status),
    },
    log,
    answered: metrics.counters({
      name: "holdfast_http_requests",
      help: "R.",
      labels: ["operation", "status"],
    }),
    onBug: given.onBug ?? (() => undefined),
  });
  const server = await HttpServer.start({
    address: address("127.0.0.1:0"),
    option: { env: "HOLDFAST_HTTP_ADDRESS" },
    serve: (exchange) => {
      service.serve(exchange);
    },
    ...(given.bounds === undefined ? {} : { bounds: given.bounds }),
    ...(given.nowMs === undefined ? {} : { nowMs: given.nowMs }),
  });
  const port = server.port ?? 0;
  return {
    locks,
    log,
    metrics,
    server,
    streams,
    port,
    ask: (method: string, path: string, more: AskMore = {}) => ask(port, { method, path, ...more }),
    raw: () => connect({ host: "127.0.0.1", port }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

interface AskMore {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  readonly body: Record<string, unknown>;
}

/** By node:http and not by fetch, which forbids Host and others. */
function ask(port: number, what: AskMore & { method: string; path: string }): Promise<Answer> {
  const { method, path, headers = {}, body } = what;
  return new Promise((resolve, reject) => {
    const req = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (res) => {
      let text = "";
      res.setEncoding("utf8");
      res.on("data", (chunk: string) => (text += chunk));
      res.on("end", () => {
        const isJson = (res.headers["content-type"] ?? "").includes("json") && text !== "";
        const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, body: parsed });
      });
      res.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** All that the server says until it closes the connection. */
export async function all(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.on("error", () => undefined);
  await once(socket, "close");
  return text;
}
