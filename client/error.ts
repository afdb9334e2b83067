/**
 * The one class of error of the client. Its code is one of the API's closed list, or of the few that no sidecar answers with.
 */
import { injectLabel } from "./generated/names.ts";
import { problemStatus, type ProblemCode, type ProblemFacts } from "./generated/problems.ts";

/** What happens on this side of the socket. */
export type ClientCode =
  /** Nobody listens at the URL: nothing was done. */
  | "sidecar_unreachable"
  /** What answered is no sidecar of Holdfast, or one that says what this version does not understand. */
  | "unexpected_answer"
  /** A limit of this client (connect's `limits`) is reached: nothing was done. */
  | "client_busy"
  /** Less than a quarter of the grant's guarantee is left: only with `abortOn: "jeopardy"`. */
  | "grant_in_jeopardy"
  /** The client was closed. */
  | "client_closed";

export type ErrorCode = ProblemCode | ClientCode;

export type Facts = Readonly<Record<string, unknown>>;

export interface ErrorParts {
  /** The HTTP status; absent: there was no answer. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly facts?: Facts | undefined;
  readonly cause?: unknown;
}

export class HoldfastError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "HoldfastError";
  readonly code: Code;
  /** The HTTP status of the answer; undefined: there was none. */
  readonly status: number | undefined;
  /** When to try again, where the sidecar said so. */
  readonly retryAfterMs: number | undefined;
  /** What the problem tells beside its message. */
  readonly facts: Code extends ProblemCode ? Partial<ProblemFacts[Code]> & Facts : Facts;

  constructor(
    code: Code,
    message: string,
    { status, retryAfterMs, facts, cause }: ErrorParts = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.facts = (facts ?? {}) as HoldfastError<Code>["facts"];
  }

  /** Whether it is an error of this client with that code (without one: with any); its facts then have types. */
  static is<C extends ErrorCode = ErrorCode>(error: unknown, code?: C): error is HoldfastError<C> {
    return error instanceof HoldfastError && (code === undefined || error.code === code);
  }
}

/** What a socket said, as a person needs to hear it. */
export function unreachable(url: string, cause: Error): HoldfastError {
  if (HoldfastError.is(cause)) return cause;
  const { code = cause.message } = cause as NodeJS.ErrnoException;
  return new HoldfastError(
    "sidecar_unreachable",
    `There is no sidecar at ${url} (${code}): is the pod labelled ${injectLabel}? Outside of Kubernetes start one ('make run' in Holdfast's repository), or set HOLDFAST_URL.`,
    { cause },
  );
}

/** It answers nothing, and no more is sent to it. */
export function silent(url: string, requests: number): HoldfastError {
  return new HoldfastError(
    "sidecar_unreachable",
    `The sidecar at ${url} does not answer: ${requests} requests wait for it. Nothing was sent.`,
  );
}

/** The request may have been carried out. */
export function noAnswer(url: string, cause: Error): HoldfastError {
  return new HoldfastError(
    "outcome_unknown",
    `The sidecar at ${url} did not answer (${cause.message}): what was asked may have been done.`,
    { cause },
  );
}

export function closed(): HoldfastError {
  return new HoldfastError("client_closed", "This Holdfast client is closed.");
}

export function busy(what: string, max: number): HoldfastError {
  return new HoldfastError(
    "client_busy",
    `This Holdfast client has ${max} ${what}, its limit. Nothing was done. Do less at once, or raise limits.${what} of connect().`,
    { facts: { limit: what, max } },
  );
}

/** From the body of a problem, as RFC 9457 has it. */
export function problemOf(status: number, body: object, retryAfterMs?: number): HoldfastError {
  if (!("code" in body)) return unexpected(status, "it is no problem of Holdfast's");
  const { code, detail, type: _type, title: _title, status: _status, ...facts } = body as Facts;
  if (typeof code !== "string" || !Object.hasOwn(problemStatus, code)) {
    return unexpected(
      status,
      `this version of the client does not know the code '${String(code)}'`,
      {
        ...facts,
        code,
        detail,
      },
    );
  }
  const message = typeof detail === "string" ? detail : code;
  return new HoldfastError(code as ProblemCode, message, { status, retryAfterMs, facts });
}

export function unexpected(status: number, why: string, facts?: Facts): HoldfastError {
  return new HoldfastError(
    "unexpected_answer",
    `The answer (HTTP ${status}) is not understood: ${why}. Does a Holdfast sidecar listen at that URL?`,
    { status, facts },
  );
}
