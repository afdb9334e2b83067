/** The gate in a service on plain node:http. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fenceHeader, type FenceGate } from "./fence-gate.ts";

/** Answers who may not write; else the write answers. */
export async function fenced(
  gate: FenceGate,
  thing: string,
  { request, response, write }: Exchange,
): Promise<void> {
  const header = request.headers[fenceHeader];
  const refusal = await gate.pass(thing, header?.toString(), write);
  if (refusal === undefined) return;
  response.writeHead(refusal.status, { "Content-Type": "application/problem+json" });
  response.end(JSON.stringify(refusal));
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly write: () => Promise<void>;
}
