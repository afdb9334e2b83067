/**
 * The door at which sidecars ask who they are: port 4658, by TLS, on every replica. What is answered is in exchange.ts;
 * here are HTTP, the limits and the counting.
 */
import type { ErrorRequestHandler, Express, Request, Response } from "express";
import { identityBodyBytesMax, identityPath } from "#api/identity.ts";
import { problemMediaType } from "#api/operations/problem-body.ts";
import type { Runtime } from "#core/runtime.ts";
import type { Address } from "#host/address.ts";
import type { Counter } from "#host/metrics.ts";
import type { Exchange } from "./exchange.ts";
import { bareApp, bodyProblemOf, isTooLate, readJson } from "./json-app.ts";
import { ExchangeLimits } from "./limits.ts";
import {
  ExchangeRefused,
  refusalBody,
  refusals,
  type RefusalCode,
  type RefusalFacts,
} from "./refusals.ts";
import type { Serving } from "./serving.ts";
import { TlsDoor } from "./tls-door.ts";

export interface DoorParts {
  readonly runtime: Runtime;
  readonly exchange: Pick<Exchange, "answer">;
  readonly serving: Pick<Serving, "secure">;
  readonly address: Address;
  readonly option: { readonly env: string };
  /** By outcome. */
  readonly counted: (outcome: string) => Counter;
}

/** Throws ListenRefused. */
export function startIdentityDoor(parts: DoorParts): Promise<TlsDoor> {
  const { runtime, serving, address, option } = parts;
  const app = (closing: AbortSignal): Express => appOf(parts, closing);
  return TlsDoor.start({ runtime, serving, address, option, called: "identity", app });
}

function appOf(parts: DoorParts, signal: AbortSignal): Express {
  const { exchange, runtime } = parts;
  const limits = new ExchangeLimits(runtime);
  const app = bareApp();
  // Before the body is read.
  const limited = (request: Request, response: Response, next: () => void): void => {
    const entered = limits.enter(request.socket.remoteAddress ?? "");
    if (typeof entered === "string") throw tooMany(entered);
    response.once("close", () => {
      entered[Symbol.dispose]();
    });
    next();
  };
  const read = readJson(identityBodyBytesMax);
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
  // Express knows it for one that is told of errors by its four parameters.
  return (error: unknown, request, response, _next) => {
    if (isTooLate(error, response, runtime.log)) return;
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

const codes: Readonly<Record<number, RefusalCode>> = {
  413: "body_too_large",
  415: "unsupported_media_type",
};

function factsOf(error: unknown): RefusalFacts {
  if (error instanceof ExchangeRefused) return error.facts;
  const problem = bodyProblemOf(error, identityBodyBytesMax);
  if (problem !== undefined)
    return { code: codes[problem.status] ?? "malformed", detail: problem.message };
  return { code: "internal", detail: "The operator failed; see its log." };
}

function tooMany(why: string): ExchangeRefused {
  return new ExchangeRefused({
    ...{ code: "too_many_requests", retryAfterSeconds: 2 },
    detail: `${why}. Ask again later.`,
  });
}
