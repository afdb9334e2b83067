/** The gate as a middleware of express: what follows it runs only for writers that may. */
import type { RequestHandler } from "express";
import { fenceHeader, type FenceGate } from "./fence-gate.ts";

/** `thing`: what is written to, as the lock is called. */
export function fenced(
  gate: FenceGate,
  thing: (params: Readonly<Record<string, string>>) => string,
): RequestHandler<Record<string, string>> {
  return async (request, response, next) => {
    const over = new Promise<void>((resolve) => response.once("close", resolve));
    const refusal = await gate.pass(thing(request.params), request.get(fenceHeader), () => {
      next();
      // The next writer's turn comes when this one is answered, or has gone away.
      return over;
    });
    if (refusal === undefined) return;
    const { status, detail } = refusal;
    response.status(status).type("application/problem+json").send({ status, detail });
  };
}
