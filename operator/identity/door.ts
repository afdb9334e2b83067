/**
 * The door at which sidecars ask who they are: port 4658, by TLS, on every replica. What is answered is in exchange.ts;
 * here are HTTP, the limits and the counting.
 */
import { createServer, type Server } from "node:https";
import express, { type ErrorRequestHandler, type Request, type Response } from "express";
import { identityBodyBytesMax, identityPath } from "#api/identity.ts";
import { problemMediaType } from "#api/operations/problem-body.ts";
import { numberOf, textOf } from "#core/json.ts";
import type { Runtime } from "#core/runtime.ts";
import type { Address } from "#host/address.ts";
import { listen } from "#host/listen.ts";
import type { Counter } from "#host/metrics.ts";
import { recordOf } from "../kube/errors.ts";
import type { Exchange } from "./exchange.ts";
import { ExchangeLimits } from "./limits.ts";
import { ExchangeRefused, refusalBody, refusals, type RefusalFacts } from "./refusals.ts";
import { tlsVersionMin, type Serving } from "./serving.ts";

export interface DoorParts {
  readonly runtime: Runtime;
  readonly exchange: Pick<Exchange, "answer">;
  readonly serving: Pick<Serving, "secure">;
  readonly address: Address;
  readonly option: { readonly env: string };
  /** By outcome. */
  readonly counted: (outcome: string) => Counter;
}

const timeouts = {
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
const connectionsMax = 1_024;
const headerBytesMax = 16 * 1024;
/** Answers that are under way when it closes. */
const lastMs = 1_000;

export class IdentityDoor implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly #servers: readonly Server[];
  readonly #attached = new DisposableStack();
  readonly #closing: AbortController;
  #closed: Promise<void> | undefined;

  private constructor(
    addresses: readonly string[],
    servers: readonly Server[],
    closing: AbortController,
  ) {
    this.addresses = addresses;
    this.#servers = servers;
    this.#closing = closing;
  }

  /** Throws ListenRefused. */
  static async start(parts: DoorParts): Promise<IdentityDoor> {
    const { address, option, serving, runtime } = parts;
    const closing = new AbortController();
    const app = appOf(parts, closing.signal);
    const make = (): Server => {
      const settings = { ...timeouts, minVersion: tlsVersionMin, maxHeaderSize: headerBytesMax };
      const server = createServer(settings, app);
      server.maxConnections = connectionsMax;
      // Anybody may knock: what comes of it is his.
      server.on("tlsClientError", (error) => {
        runtime.log.debug("a handshake for an identity failed", { error: error.message });
      });
      return server;
    };
    const { servers, addresses } = await listen({ address, option, make });
    const door = new IdentityDoor(addresses, servers, closing);
    for (const server of servers) door.#attached.use(serving.secure(server));
    return door;
  }

  /** Why nobody can come in; undefined: it listens. */
  problem(): string | undefined {
    return this.#closed === undefined && this.#servers.every((server) => server.listening)
      ? undefined
      : "the identity port does not listen";
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    const ended = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    for (const server of this.#servers) server.closeIdleConnections();
    const late = setTimeout(() => {
      this.#closing.abort(new Error("the operator is shutting down"));
      for (const server of this.#servers) server.closeAllConnections();
    }, lastMs);
    await Promise.all(ended);
    clearTimeout(late);
    this.#attached.dispose();
  }
}

function appOf(parts: DoorParts, signal: AbortSignal): express.Express {
  const { exchange, runtime } = parts;
  const limits = new ExchangeLimits(runtime);
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  // Before the body is read.
  const limited = (request: Request, response: Response, next: () => void): void => {
    const entered = limits.enter(request.socket.remoteAddress ?? "");
    if (typeof entered === "string") throw tooMany(entered);
    response.once("close", () => {
      entered[Symbol.dispose]();
    });
    next();
  };
  const read = express.json({ limit: identityBodyBytesMax, strict: true, inflate: false });
  app.post(identityPath, limited, isJson, read, async (request, response) => {
    const { authorization } = request.headers;
    const asked = { authorization, body: request.body as unknown };
    const answer = await exchange.answer(asked, signal);
    parts.counted("issued").add();
    response.set("Cache-Control", "no-store").json(answer);
  });
  app.all(identityPath, (_request, response) => {
    response.set("Allow", "POST");
    throw new ExchangeRefused({ code: "method_not_allowed", detail: "Use POST." });
  });
  app.use(() => {
    throw new ExchangeRefused({ code: "not_found", detail: `There is only ${identityPath} here.` });
  });
  app.use(refusing(parts));
  return app;
}

function isJson(request: Request, _response: Response, next: () => void): void {
  if (request.is("application/json") !== false) next();
  else
    throw new ExchangeRefused({
      code: "unsupported_media_type",
      detail: "Send application/json.",
    });
}

function refusing({ runtime, counted }: DoorParts): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent || request.socket.destroyed) {
      next(error);
      return;
    }
    const facts = factsOf(error);
    counted(facts.code).add();
    if (facts.code === "internal") runtime.log.error("an exchange of identity failed", { error });
    else
      runtime.log.debug("an identity was refused", {
        ...{ code: facts.code, detail: facts.detail, from: request.socket.remoteAddress },
      });
    const { status } = refusals[facts.code];
    if (facts.retryAfterSeconds !== undefined)
      response.set("Retry-After", String(facts.retryAfterSeconds));
    if (status === 401) response.set("WWW-Authenticate", "Bearer");
    response
      .status(status)
      .set({ "Content-Type": problemMediaType, "Cache-Control": "no-store" })
      .send(JSON.stringify(refusalBody(facts)));
  };
}

function factsOf(error: unknown): RefusalFacts {
  if (error instanceof ExchangeRefused) return error.facts;
  const { type, status } = recordOf(error);
  // What the reader of bodies throws.
  if (type === "entity.too.large")
    return { code: "body_too_large", detail: `Send at most ${identityBodyBytesMax} bytes.` };
  const code = numberOf(status) ?? 500;
  if (textOf(type) !== undefined && code >= 400 && code < 500)
    return {
      code: code === 415 ? "unsupported_media_type" : "malformed",
      detail: "The body is no JSON object in UTF-8, as it is.",
    };
  return { code: "internal", detail: "The operator failed; see its log." };
}

function tooMany(why: string): ExchangeRefused {
  return new ExchangeRefused({
    ...{ code: "too_many_requests", retryAfterSeconds: 2 },
    detail: `${why}. Ask again later.`,
  });
}
