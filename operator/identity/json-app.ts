/** What the operator's two ports have in common of HTTP: an application that tells nothing of itself, and bodies of JSON. */
import express from "express";
import { numberOf } from "#core/json.ts";
import type { Log } from "#core/runtime.ts";
import { recordOf } from "../kube/errors.ts";

export function bareApp(): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  return app;
}

export function readJson(bytesMax: number): express.RequestHandler {
  return express.json({ limit: bytesMax, strict: true, inflate: false });
}

export interface BodyProblem {
  /** Of HTTP: 413, 415, or another 4xx. */
  readonly status: number;
  readonly message: string;
}

/** What {@link readJson} throws, in words; undefined: it is none of its errors. */
export function bodyProblemOf(error: unknown, bytesMax: number): BodyProblem | undefined {
  const { type, status } = recordOf(error);
  const code = numberOf(status);
  if (typeof type !== "string" || code === undefined || code < 400 || code >= 500) return undefined;
  const message =
    type === "entity.too.large"
      ? `Send at most ${bytesMax} bytes.`
      : "The body is no JSON object in UTF-8, as it is.";
  return { status: code, message };
}

/**
 * Whether nobody can be told of the error any more: who asked has left, or was answered in part. Ends what is left of it.
 * Express, if it were left to that, would write it to the process's own output, for anybody who reaches the port.
 */
export function isTooLate(error: unknown, response: express.Response, log: Log): boolean {
  if (!response.headersSent && !response.req.socket.destroyed) return false;
  log.debug("who asked has left before the answer", { error });
  response.destroy();
  return true;
}
