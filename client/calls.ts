/**
 * Operations of the API, asked: fields to a request, an answer to a value or an error. What became of one that was sent
 * and not answered is for the caller to find out: every operation may be repeated, an acquire by its requestId.
 */
import type { Clock } from "./clock.ts";
import { HoldfastError, noAnswer, problemOf, unexpected, unreachable } from "./error.ts";
import { readDurationMs } from "./generated/duration.ts";
import {
  operations,
  type AnyGrant,
  type OperationId,
  type Operations,
} from "./generated/operations.ts";
import type { Answer } from "./http/answer-reader.ts";
import type { Exchanged } from "./http/connection.ts";
import type { ServerEvent } from "./http/event-reader.ts";
import { readEvents } from "./http/event-source.ts";
import type { Sending } from "./http/connections.ts";
import type { Place } from "./http/place.ts";
import { jsonObject } from "./json.ts";

/** When a request was sent: all that its answer promises counts from there. */
export interface SentAt {
  /** By the {@link Clock}. */
  readonly atMs: number;
  /** How long the machine had slept by then. */
  readonly sleptMs: number;
}

export type Told<Value> =
  | { readonly kind: "done"; readonly value: Value; readonly sent: SentAt }
  /** The sidecar said no. */
  | { readonly kind: "refused"; readonly error: HoldfastError }
  /** Nothing was sent. */
  | { readonly kind: "unsent"; readonly error: HoldfastError }
  /** It may have been carried out. */
  | { readonly kind: "unknown"; readonly error: HoldfastError }
  /** The caller left, and nothing was done. */
  | { readonly kind: "left" };

export interface Asking<Id extends OperationId> {
  readonly path: Operations[Id]["path"];
  readonly fields: Operations[Id]["fields"];
}

export type Manner = Pick<Sending, "lane" | "patienceMs" | "leave">;

/** The port to the sidecar. */
export interface Wire {
  send(sending: Sending): Promise<Exchanged>;
}

/** Far beyond what an answer takes that waits for nothing but etcd. */
export const answerMs = 10_000;
export const short: Manner = { lane: "short", patienceMs: answerMs };
/** For what may wait for so long before it is answered. */
export const waiting = (waitMs: number): Manner => ({
  lane: waitMs < 1 ? "short" : "long",
  patienceMs: waitMs + answerMs,
});
/** For what the sidecar answers by itself. */
export const own: Manner = { lane: "own", patienceMs: answerMs };

export class Calls {
  readonly #wire: Wire;
  readonly #place: Place;
  readonly clock: Clock;

  constructor(wire: Wire, place: Place, clock: Clock) {
    this.#wire = wire;
    this.#place = place;
    this.clock = clock;
  }

  /** An event stream, from now on until `signal` aborts or it ends by itself. Throws what kept it from beginning. */
  stream<Id extends OperationId>(
    id: Id,
    asking: Asking<Id>,
    signal: AbortSignal,
  ): AsyncGenerator<ServerEvent, void> {
    const text = requestText(id, asking, this.#place.hostHeader);
    return readEvents(this.#place, text, signal);
  }

  /** Never rejects but for what cannot be written as a request. */
  async ask<Id extends OperationId>(
    id: Id,
    asking: Asking<Id>,
    manner: Manner = short,
  ): Promise<Told<Operations[Id]["answer"]>> {
    const text = requestText(id, asking, this.#place.hostHeader);
    const sent = { atMs: this.clock.now(), sleptMs: this.clock.sleptMs };
    const exchanged = await this.#wire.send({ ...manner, text });
    switch (exchanged.kind) {
      case "answered":
        return read(id, exchanged.answer, sent);
      case "unsent":
        return { kind: "unsent", error: unreachable(this.#place.url, exchanged.error) };
      case "unanswered":
        return { kind: "unknown", error: noAnswer(this.#place.url, exchanged.error) };
      case "left":
        return exchanged;
    }
  }

  /** As {@link ask}, for what only asks or may be done twice: an answer that was lost is asked for once more. */
  async get<Id extends "getLock" | "listLocks" | "listDeadlocks" | "releaseHolder">(
    id: Id,
    asking: Asking<Id>,
  ): Promise<Operations[Id]["answer"]> {
    const first = await this.ask(id, asking);
    const told = first.kind === "unknown" ? await this.ask(id, asking) : first;
    switch (told.kind) {
      case "done":
        return told.value;
      case "refused":
      case "unsent":
      case "unknown":
        throw told.error;
      case "left":
        throw new Error("nobody could leave this request");
    }
  }
}

function read<Value>(id: OperationId, answer: Answer, sent: SentAt): Told<Value> {
  const { status, contentType, retryAfterMs, text } = answer;
  if (status === 204) return { kind: "done", value: undefined as Value, sent };
  const body = contentType.includes("json") ? jsonObject(text) : undefined;
  if (body === undefined) return { kind: "refused", error: unexpected(status, "it is not JSON") };
  if (status === 200) {
    if (givesGrant.has(id) && !isGrant(body))
      return { kind: "refused", error: unexpected(status, "it is no grant") };
    return { kind: "done", value: body as Value, sent };
  }
  const error = problemOf(status, body, retryAfterMs);
  return { kind: error.code === "outcome_unknown" ? "unknown" : "refused", error };
}

const givesGrant: ReadonlySet<OperationId> = new Set([
  "acquireLock",
  "acquireLockSet",
  "getGrant",
  "renewGrant",
]);

/** What is counted on is looked at: another program may listen at the sidecar's port. */
function isGrant(body: unknown): boolean {
  const {
    grantId,
    lock,
    locks,
    fence,
    guaranteedFor,
    expiresIn = "0s",
  } = body as Partial<AnyGrant>;
  const texts = [grantId, fence, guaranteedFor, expiresIn];
  if (texts.some((text) => typeof text !== "string")) return false;
  if (typeof lock !== "string" && !Array.isArray(locks)) return false;
  return [guaranteedFor, expiresIn].every((text = "") => readDurationMs(text) !== undefined);
}

export function requestText<Id extends OperationId>(
  id: Id,
  { path, fields }: Asking<Id>,
  host: string,
): string {
  const { method, path: template, fieldsIn } = operations[id];
  const values = path as Readonly<Record<string, string>>;
  let target: string = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    segment(values[name] ?? ""),
  );
  let body = "";
  if (fieldsIn === "body") body = JSON.stringify(fields);
  else {
    const pairs = Object.entries(fields as Readonly<Record<string, unknown>>)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${encoded(String(value))}`);
    if (pairs.length > 0) target += `?${pairs.join("&")}`;
  }
  const about =
    body === ""
      ? ""
      : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${about}\r\n${body}`;
}

/** Dots alone would be taken for a way through folders by whatever stands between. */
function segment(name: string): string {
  return name === "." || name === ".." ? name.replaceAll(".", "%2E") : encoded(name);
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch (error) {
    const message = `'${text.toWellFormed().slice(0, 100)}' holds half of a character (a lone surrogate).`;
    throw new HoldfastError("malformed", message, { cause: error });
  }
}
