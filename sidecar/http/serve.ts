/** From a request to its operation and back: routing, checks, body, input, handler, answer. */
import { acceptedForm } from "#api/operations/accept.ts";
import { describeProblem } from "#api/fields/read.ts";
import type { OperationId } from "#api/operations/operations.ts";
import { parseRequest } from "#api/operations/parse.ts";
import { route } from "#api/operations/route.ts";
import { Bug, Refusal } from "#core/refusal.ts";
import type { Log } from "#core/runtime.ts";
import type { Counter } from "#host/metrics.ts";
import { parseTraceparent } from "#host/trace.ts";
import { handlerOf, type Handlers } from "../handlers/handlers.ts";
import { presentFacts } from "../handlers/refusals.ts";
import { contentTypeRefusal, headerRefusal, type Admission, type Refused } from "./admission.ts";
import { bodyTooLarge, hasBody, isDeclaredTooLarge, readBody } from "./body.ts";
import { CallerGone, type Exchange } from "./exchange.ts";
import { uriCharsMax } from "./limits.ts";
import { problem, type Reply } from "./reply.ts";

export interface ServeParts {
  readonly admission: Admission;
  readonly handlers: Handlers;
  readonly log: Log;
  /** Answers by operation and status. */
  readonly answered: (operation: string, status: string) => Counter;
  /** An invariant is broken: the process must end. */
  readonly onBug: (name: string, error: unknown) => void;
}

/** Never throws. The exchange is answered exactly once, now or later. */
export type Serve = (exchange: Exchange) => void;

interface Target {
  readonly id: OperationId;
  readonly values: readonly string[];
  readonly query: string;
}

const noOperation = "none";

export function makeServe(parts: ServeParts): Serve {
  const { log, answered, onBug } = parts;

  function answer(exchange: Exchange, operation: string, reply: Reply): void {
    answered(operation, String(reply.status)).add();
    exchange.answer(reply);
  }

  function refuse(exchange: Exchange, operation: string, refused: Refused): void {
    const reply = problem(refused);
    const trace = parseTraceparent(header(exchange, "traceparent"));
    log.debug("refused", { operation, code: refused.code, detail: refused.detail, ...trace });
    answer(exchange, operation, reply);
  }

  /** What was thrown by a handler. */
  function fail(exchange: Exchange, operation: string, error: unknown): void {
    if (error instanceof Refusal) {
      const facts = presentFacts(error.code, error.facts);
      refuse(exchange, operation, { code: error.code, detail: error.message, facts });
      return;
    }
    if (error instanceof CallerGone) return;
    const trace = parseTraceparent(header(exchange, "traceparent"));
    log.error("a request failed", { operation, error, ...trace });
    answer(
      exchange,
      operation,
      problem({ code: "internal", detail: "The sidecar failed; its log says why." }),
    );
    if (error instanceof Bug) onBug(`operation ${operation}`, error);
  }

  function run(exchange: Exchange, target: Target, body: unknown): void {
    const { id } = target;
    const parsed = parseRequest(id, { path: target.values, query: target.query, body });
    if (!parsed.ok) {
      const { code, field } = parsed.problem;
      refuse(exchange, id, {
        code,
        detail: `${describeProblem(parsed.problem)}.`,
        facts: { field },
      });
      return;
    }
    exchange.work();
    try {
      const reply = handlerOf(parts.handlers, id)(parsed.input, exchange);
      if (!(reply instanceof Promise)) {
        answer(exchange, id, reply);
        return;
      }
      reply.then(
        (settled) => {
          answer(exchange, id, settled);
        },
        (error: unknown) => {
          fail(exchange, id, error);
        },
      );
    } catch (error) {
      fail(exchange, id, error);
    }
  }

  return (exchange) => {
    const { req } = exchange;
    const bodied = hasBody(req);
    exchange.bodyPending = bodied;
    const at = locate(req.url ?? "");
    const unwelcome =
      parts.admission.refusal(req.headers, at.authority) ??
      headerRefusal(req.rawHeaders) ??
      (at.tooLong ? uriTooLong : undefined);
    if (unwelcome !== undefined) {
      refuse(exchange, noOperation, unwelcome);
      return;
    }
    const found = route(req.method === "HEAD" ? "GET" : (req.method ?? ""), at.path);
    if (found.kind !== "operation") {
      const reply = found.kind === "notFound" ? noSuchPath : methodNotAllowed(found.allow);
      answer(exchange, noOperation, reply);
      return;
    }
    const accepted = acceptedForm(found.id, req.headers.accept);
    const wrong = accepted.ok
      ? req.method === "POST" || bodied
        ? contentTypeRefusal(req.headers["content-type"], bodied)
        : undefined
      : {
          ...accepted.problem,
          detail: `${describeProblem(accepted.problem)}.`,
          facts: { field: "Accept" },
        };
    if (wrong !== undefined) {
      refuse(exchange, found.id, isDeclaredTooLarge(req) ? bodyTooLarge : wrong);
      return;
    }
    if (accepted.ok) exchange.form = accepted.form;
    const target = { id: found.id, values: found.values, query: at.query };
    if (!bodied) {
      run(exchange, target, undefined);
      return;
    }
    readBody(req, (body) => {
      exchange.bodyPending = body.kind === "refused" && body.read === "part";
      if (body.kind === "refused") refuse(exchange, found.id, body.refused);
      else run(exchange, target, body.value);
    });
  };
}

interface Located {
  readonly path: string;
  readonly query: string;
  readonly authority: string | undefined;
  readonly tooLong: boolean;
}

/** Of the request line's target, by hand: a URL object would cost more than all the rest. */
function locate(target: string): Located {
  let authority: string | undefined;
  let rest = target;
  if (!target.startsWith("/") && target.slice(0, 7).toLowerCase() === "http://") {
    const slash = target.indexOf("/", 7);
    authority = target.slice(7, slash < 0 ? undefined : slash);
    rest = slash < 0 ? "/" : target.slice(slash);
  }
  const mark = rest.indexOf("?");
  return {
    path: mark < 0 ? rest : rest.slice(0, mark),
    query: mark < 0 ? "" : rest.slice(mark + 1),
    authority,
    tooLong: target.length > uriCharsMax,
  };
}

const uriTooLong: Refused = {
  code: "uri_too_long",
  detail: `The path and query have more than ${String(uriCharsMax)} characters. Put the fields into a JSON body.`,
  facts: { limit: "uri", max: uriCharsMax },
};

const noSuchPath = problem({
  code: "not_found",
  detail: "There is no such path. See /openapi.json for those there are.",
});

function methodNotAllowed(allow: readonly string[]): Reply {
  const methods = allow.includes("GET") ? [...allow, "HEAD"] : allow;
  const list = methods.join(", ");
  return problem({ code: "method_not_allowed", detail: `This path takes ${list}.` }, [
    "Allow",
    list,
  ]);
}

function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.req.headers[name];
  return typeof value === "string" ? value : undefined;
}
