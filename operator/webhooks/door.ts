/**
 * The door at which the API server asks about pods: port 4656, by TLS, on every replica. What is answered is in reviewer.ts;
 * here are HTTP and the limits. Whoever else comes learns nothing but what the operator would do with a pod of his.
 */
import type { ErrorRequestHandler, Express, NextFunction, Request, RequestHandler } from "express";
import type { Runtime } from "#core/runtime.ts";
import type { Address } from "#host/address.ts";
import { bareApp, bodyProblemOf, isTooLate, readJson } from "../identity/json-app.ts";
import type { Serving } from "../identity/serving.ts";
import { TlsDoor } from "../identity/tls-door.ts";
import { injectPath } from "./configuration.ts";
import type { WebhookRequests } from "./metrics.ts";
import { answerOf, readReview } from "./review.ts";
import type { Reviewer } from "./reviewer.ts";

export interface WebhookDoorParts {
  readonly runtime: Runtime;
  readonly reviewer: Pick<Reviewer, "answer">;
  readonly serving: Pick<Serving, "secure">;
  readonly requests: WebhookRequests;
  readonly address: Address;
  readonly option: { readonly env: string };
}

/** What the API server takes for one object, and its review around it. */
const bodyBytesMax = 3 * 1024 * 1024;
/** Under way at once. */
const runningMax = 128;

/** Throws ListenRefused. */
export function startWebhookDoor(parts: WebhookDoorParts): Promise<TlsDoor> {
  const { runtime, serving, address, option } = parts;
  const app = (closing: AbortSignal): Express => appOf(parts, closing);
  return TlsDoor.start({ runtime, serving, address, option, called: "webhooks", app });
}

/** An answer other than a review's: the API server shows its text. */
class Unanswered extends Error {
  override readonly name = "Unanswered";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function appOf({ reviewer, runtime, requests }: WebhookDoorParts, closing: AbortSignal): Express {
  const app = bareApp();
  const read = readJson(bodyBytesMax);
  app.use(injectPath, measuring(runtime, requests));
  app.post(injectPath, limiting(), isJson, read, async (request, response) => {
    const review = readReview(request.body);
    if (review === undefined)
      throw new Unanswered(400, "This is no AdmissionReview of admission.k8s.io/v1.");
    response.json(answerOf(review.uid, await reviewer.answer(review, closing)));
  });
  app.all(injectPath, (_request, response) => {
    response.set("Allow", "POST");
    throw new Unanswered(405, "Use POST.");
  });
  app.use(() => {
    throw new Unanswered(404, `There is only ${injectPath} here.`);
  });
  app.use(failing(runtime));
  return app;
}

/** Each request, whatever becomes of it: also one that is turned away, and one whose asker does not wait for the answer. */
function measuring(runtime: Runtime, { answered, inFlight }: WebhookRequests): RequestHandler {
  let running = 0;
  return (_request, response, next) => {
    const began = runtime.now();
    inFlight.set((running += 1));
    response.once("close", () => {
      inFlight.set((running -= 1));
      const isAnswered = response.writableFinished;
      const { requests, latency } = answered(isAnswered ? String(response.statusCode) : "0");
      requests.add();
      latency.observe((runtime.now() - began) / 1_000);
    });
    next();
  };
}

/** Before the body is read. */
function limiting(): RequestHandler {
  let running = 0;
  return (_request, response, next) => {
    if (running >= runningMax)
      throw new Unanswered(429, `${runningMax} are being answered. Ask again.`);
    running += 1;
    response.once("close", () => {
      running -= 1;
    });
    next();
  };
}

function isJson(request: Request, _response: unknown, next: NextFunction): void {
  if (request.is("application/json") === false) throw new Unanswered(415, "Send application/json.");
  next();
}

function failing(runtime: Runtime): ErrorRequestHandler {
  // Express knows it for one that is told of errors by its four parameters.
  return (error: unknown, _request, response, _next) => {
    if (isTooLate(error, response, runtime.log)) return;
    const { status, message } = unansweredOf(error);
    if (status >= 500) runtime.log.error("a review failed", { error });
    response.status(status).type("text/plain").send(message);
  };
}

function unansweredOf(error: unknown): Pick<Unanswered, "status" | "message"> {
  if (error instanceof Unanswered) return error;
  const problem = bodyProblemOf(error, bodyBytesMax);
  if (problem !== undefined) return problem;
  return { status: 500, message: "The operator failed; see its log." };
}
