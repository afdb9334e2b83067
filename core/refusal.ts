/**
 * The two kinds of error that are thrown: a refusal (the caller asked what cannot be done) and a bug.
 * What the protocol can answer is neither; it is an {@link file://./outcome.ts Outcome}, a value.
 */
import { problems, type ProblemCode } from "#api/problems.ts";

export type Facts = Readonly<Record<string, unknown>>;

/** The caller asked what cannot be done. The message says what, which, and what to do. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ProblemCode;
  /** Goes into the body of the problem, beside `detail`. */
  readonly facts: Facts;

  /** `cause` is for the log and never sent. */
  constructor(code: ProblemCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }

  get status(): number {
    return problems[this.code].status;
  }
}

/** A broken invariant. It ends the process; the session dies with it, and that is safe by design. */
export class Bug extends Error {
  override readonly name = "Bug";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}
