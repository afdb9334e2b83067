/**
 * What can become of a request to the Kubernetes API, and the one place where its `Status` objects are interpreted.
 *
 * | kind      | what it means                                                                          |
 * | --------- | -------------------------------------------------------------------------------------- |
 * | `done`    | the server did it, and this is its answer                                              |
 * | `refused` | the server said no, or nothing was ever sent: nothing was changed                      |
 * | `unknown` | sent, and no answer that decides (5xx, too: a server that ran into its own time limit may still finish): it may be done, now or later |
 *
 * Whoever gets `unknown` reads again. Writes are made so that sending them once more does no harm: they carry a
 * resourceVersion, or are applies.
 */
import { numberOf, textOf } from "#core/json.ts";

export type KubeOutcome<T> = Done<T> | KubeRefused | KubeUnknown;

export interface Done<T> {
  readonly kind: "done";
  readonly value: T;
}

export interface KubeRefused {
  readonly kind: "refused";
  readonly refusal: KubeRefusal;
}

export interface KubeUnknown {
  readonly kind: "unknown";
  readonly silence: KubeSilence;
}

/** The closed list of ways in which the API server says no. */
export type KubeRefusalReason =
  /** Never written to a socket: no connection, no credentials. */
  | "notSent"
  | "badRequest"
  | "unauthorized"
  | "forbidden"
  | "notFound"
  | "alreadyExists"
  /** The resourceVersion or the uid is not what stands there, or another field manager owns a field. */
  | "conflict"
  /** The resourceVersion, or the token of a paged list, is too old: read again from the start. */
  | "expired"
  | "invalid"
  /** 429: the server, or a limit in it, is busy. */
  | "tooMany"
  /** The request is too large, or the answer above our own bound. */
  | "tooLarge"
  /** Any other status. */
  | "other";

export interface KubeRefusal {
  readonly reason: KubeRefusalReason;
  /** The HTTP status; 0: there was none. */
  readonly code: number;
  readonly message: string;
  /** How long the server asks us to wait. */
  readonly retryAfterMs?: number;
}

export interface KubeSilence {
  /** `failed`: a 5xx. `broken`: the connection ended before the answer did. `deadline`: ours. */
  readonly code: "failed" | "broken" | "deadline";
  /** The HTTP status; 0: there was none. */
  readonly status: number;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** An outcome that is not `done`, for who cannot go on without: a reconcile throws it, and is tried again. */
export class KubeFailure extends Error {
  override readonly name = "KubeFailure";
  readonly outcome: KubeRefused | KubeUnknown;

  constructor(what: string, outcome: KubeRefused | KubeUnknown) {
    super(`${what}: ${reasonText(outcome)}`);
    this.outcome = outcome;
  }

  /** How long the server asks us to wait. */
  get retryAfterMs(): number | undefined {
    return retryAfterOf(this.outcome);
  }
}

/** The value; throws {@link KubeFailure} where there is none. `what` says what was tried. */
export function valueOf<T>(what: string, outcome: KubeOutcome<T>): T {
  if (outcome.kind === "done") return outcome.value;
  throw new KubeFailure(what, outcome);
}

export function done<T>(value: T): Done<T> {
  return { kind: "done", value };
}

export function refused(
  reason: KubeRefusalReason,
  message: string,
  more: { readonly code?: number; readonly retryAfterMs?: number | undefined } = {},
): KubeRefused {
  const { code = 0, retryAfterMs } = more;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { kind: "refused", refusal: { reason, code, message, ...wait } };
}

export function unknown(silence: KubeSilence): KubeUnknown {
  return { kind: "unknown", silence };
}

export function isRefused(outcome: KubeOutcome<unknown>, reason: KubeRefusalReason): boolean {
  return outcome.kind === "refused" && outcome.refusal.reason === reason;
}

export function retryAfterOf(outcome: KubeOutcome<unknown>): number | undefined {
  switch (outcome.kind) {
    case "done":
      return undefined;
    case "refused":
      return outcome.refusal.retryAfterMs;
    case "unknown":
      return outcome.silence.retryAfterMs;
    default:
      return outcome satisfies never;
  }
}

/** For logs and messages: the reason, the status, and what the server said. */
export function reasonText(outcome: KubeRefused | KubeUnknown): string {
  if (outcome.kind === "unknown") return `${outcome.silence.code}: ${outcome.silence.message}`;
  const { reason, code, message } = outcome.refusal;
  return code === 0 ? `${reason}: ${message}` : `${reason} (${code}): ${message}`;
}

/** How much of what a server wrote goes into a message. */
const messageMax = 500;
/** A server that asks for more is asked again after this. */
const retryAfterMsMax = 120_000;

/** An answer that is no success. `body` is what came with it, read as JSON where it is that. */
export function outcomeOfStatus(
  code: number,
  body: unknown,
  retryAfter?: string,
): KubeRefused | KubeUnknown {
  const status = recordOf(body);
  const details = recordOf(status["details"]);
  const said = textOf(status["message"]) ?? (typeof body === "string" ? body : "");
  const message = said.trim() === "" ? `HTTP ${code}` : said.slice(0, messageMax);
  const retryAfterMs = retryMs(retryAfter) ?? secondsMs(numberOf(details["retryAfterSeconds"]));
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (code >= 500) return unknown({ code: "failed", status: code, message, ...wait });
  return refused(reasonOf(code, textOf(status["reason"])), message, { code, retryAfterMs });
}

/** The `Status` of an ERROR in a watch. */
export function outcomeOfStatusObject(body: unknown): KubeRefused | KubeUnknown {
  const code = numberOf(recordOf(body)["code"]);
  return outcomeOfStatus(code === undefined || code < 400 ? 500 : code, body);
}

function reasonOf(code: number, reason: string | undefined): KubeRefusalReason {
  switch (code) {
    case 400:
      return "badRequest";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 409:
      return reason === "AlreadyExists" ? "alreadyExists" : "conflict";
    case 410:
      return "expired";
    case 413:
      return "tooLarge";
    case 422:
      return "invalid";
    case 429:
      return "tooMany";
    default:
      return "other";
  }
}

/** Seconds; the API server never sends a date. */
function retryMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header) ? secondsMs(Number(header)) : undefined;
}

function secondsMs(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds <= 0
    ? undefined
    : Math.min(seconds * 1_000, retryAfterMsMax);
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
