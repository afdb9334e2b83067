/** From a request to its operation and back: routing, checks, body, input, handler, answer. */
import { acceptedForm } from "#api/operations/accept.ts";
import { describeProblem, type FieldProblem } from "#api/fields/read.ts";
import type { OperationId } from "#api/operations/operations.ts";
import { parseRequest } from "#api/operations/parse.ts";
import { route } from "#api/operations/route.ts";
import { Bug, Refusal } from "#core/refusal.ts";
import type { Log } from "#core/runtime.ts";
import type { Counter } from "#host/metrics.ts";
import { parseTraceparent, type Trace } from "#host/trace.ts";
import { handlerOf, type Handlers } from "../handlers/handlers.ts";
import { refusedOf } from "../handlers/refusals.ts";
import type { Refused } from "#host/http/refused.ts";
import { contentTypeRefusal, headerRefusal, type Admission } from "./admission.ts";
import { readBody } from "./body.ts";
import { CallerGone, type Exchange } from "#host/http/exchange.ts";
import { uriCharsMax } from "#host/http/limits.ts";
import { problem, type Reply } from "#host/http/reply.ts";

export interface ServeParts {
  readonly admission: Admission;
  readonly handlers: Handlers;
  readonly log: Log;
  /** Answers by operation and status. */
  readonly answered: (operation: string, status: string) => Counter;
  /** An invariant is broken: the process must end. */
  readonly onBug: (name: string, error: unknown) => void;
}

interface Target {
  readonly id: OperationId;
  readonly values: readonly string[];
  readonly query: string;
}

/** For answers to what is no operation, in metrics and the log. */
const noOperation = "none";

export class Service {
  readonly #parts: ServeParts;

  constructor(parts: ServeParts) {
    this.#parts = parts;
  }

  /** Never throws. The exchange is answered exactly once, now or later. */
  serve(exchange: Exchange): void {
    const { request } = exchange;
    const at = locate(request.target);
    const unwelcome =
      this.#parts.admission.refusal(request, at.authority) ??
      headerRefusal(request) ??
      (at.tooLong ? uriTooLong : undefined);
    if (unwelcome !== undefined) {
      this.#refuse(exchange, noOperation, unwelcome);
      return;
    }
    const found = route(request.method === "HEAD" ? "GET" : request.method, at.path);
    switch (found.kind) {
      case "operation":
        this.#take(exchange, { id: found.id, values: found.values, query: at.query });
        return;
      case "notFound":
        this.#answer(exchange, noOperation, noSuchPath);
        return;
      case "methodNotAllowed":
        this.#answer(exchange, noOperation, methodNotAllowed(found.allow));
        return;
      default:
        found satisfies never;
    }
  }

  /** What the headers say of answer and body, then the body, then the operation. */
  #take(exchange: Exchange, target: Target): void {
    const { request } = exchange;
    const hasBody = request.bodyLength !== 0;
    exchange.form = acceptedForm(target.id, exchange.header("accept"));
    if (request.method === "POST" || hasBody) {
      const wrongType = contentTypeRefusal(exchange.header("content-type"), hasBody);
      if (wrongType !== undefined) {
        this.#refuse(exchange, target.id, wrongType);
        return;
      }
    }
    if (!hasBody) {
      this.#run(exchange, target, undefined);
      return;
    }
    readBody(exchange, (body) => {
      if (body.kind === "refused") this.#refuse(exchange, target.id, body.refused);
      else this.#run(exchange, target, body.value);
    });
  }

  #run(exchange: Exchange, { id, values, query }: Target, body: unknown): void {
    const parsed = parseRequest(id, { path: values, query, body });
    if (!parsed.ok) {
      this.#refuse(exchange, id, fieldRefusal(parsed.problem));
      return;
    }
    exchange.work();
    try {
      const reply = handlerOf(this.#parts.handlers, id)(parsed.input, exchange);
      if (reply instanceof Promise) this.#answerLater(exchange, id, reply);
      else this.#answer(exchange, id, reply);
    } catch (error) {
      this.#fail(exchange, id, error);
    }
  }

  #answerLater(exchange: Exchange, id: OperationId, reply: Promise<Reply>): void {
    reply.then(
      (settled) => {
        this.#answer(exchange, id, settled);
      },
      (error: unknown) => {
        this.#fail(exchange, id, error);
      },
    );
  }

  #answer(exchange: Exchange, operation: string, reply: Reply): void {
    this.#parts.answered(operation, String(reply.status)).add();
    exchange.answer(reply);
  }

  #refuse(exchange: Exchange, operation: string, refused: Refused): void {
    const { code, detail } = refused;
    this.#parts.log.debug("refused", { operation, code, detail, ...traceOf(exchange) });
    this.#answer(exchange, operation, problem(refused));
  }

  /** What a handler threw. */
  #fail(exchange: Exchange, operation: string, error: unknown): void {
    if (error instanceof CallerGone) return;
    if (error instanceof Refusal) {
      this.#refuse(exchange, operation, refusedOf(error));
      return;
    }
    this.#parts.log.error("a request failed", { operation, error, ...traceOf(exchange) });
    this.#answer(exchange, operation, failed);
    if (error instanceof Bug) this.#parts.onBug(`operation ${operation}`, error);
  }
}

function traceOf(exchange: Exchange): Trace | undefined {
  const traceparent = exchange.header("traceparent");
  return traceparent === undefined ? undefined : parseTraceparent(traceparent);
}

function fieldRefusal(wrong: FieldProblem): Refused {
  const { code, field, facts } = wrong;
  return { code, detail: `${describeProblem(wrong)}.`, facts: { field, ...facts } };
}

const failed = problem({ code: "internal", detail: "The sidecar failed; its log says why." });

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
