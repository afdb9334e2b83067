/** The body of every error: RFC 9457, with a stable code and the facts beside it. */
import { integer, list, object, text, timestamp, type Fields } from "../fields.ts";
import { deadlockWaitFields } from "./deadlock-wait.ts";
import { problems, type ProblemCode, type ProblemKind } from "../problems.ts";

export const problemMediaType = "application/problem+json";

export interface ProblemBody {
  /** Stable, and not meant to be fetched: `urn:holdfast:problem:lock_held`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly [fact: string]: unknown;
}

export function problemType(code: ProblemCode): string {
  return `urn:holdfast:problem:${code}`;
}

/** `detail` says what, which, and what to do. A fact never stands in for one of the members that all bodies have. */
export function problemBody(code: ProblemCode, detail: string, facts: Facts = {}): ProblemBody {
  const { title, status } = problems[code];
  return { ...facts, type: problemType(code), title, status, detail, code };
}

/** Whether a request that was refused so may be served later, though nobody changed anything. */
export function mayPass(code: ProblemCode, { asked, value }: Facts = {}): boolean {
  const { status, lasts }: ProblemKind = problems[code];
  const neverFits = typeof asked === "number" && typeof value === "number" && asked > value;
  return (status === 429 || status === 503) && lasts !== true && !neverFits;
}

type Facts = Readonly<Record<string, unknown>>;

const countMax = Number.MAX_SAFE_INTEGER;
const field = text({ about: "The field, as a path.", form: "prose" });
const lock = text({ about: "Pool and name: orders/42.", form: "prose" });
const limitOfPool = {
  limit: text({ about: "Which one, below spec.limits; `permits`: spec.permits.", form: "prose" }),
  value: integer({ about: "How it is set.", optional: true, min: 0, max: countMax }),
};
const count = { optional: true, min: 0, max: countMax } as const;
const limitOfUse = {
  ...limitOfPool,
  asked: integer({
    about: "How many the request asks for: above `value` it can never be served.",
    ...count,
  }),
  inUse: integer({ about: "How many there are, as last counted.", ...count }),
};
const limitOfProcess = {
  limit: text({ about: "Which one of the sidecar's own.", optional: true, form: "prose" }),
  max: integer({ about: "How many it serves at once.", optional: true, min: 0, max: countMax }),
};
const limitOfRequest = {
  limit: text({ about: "Which part of the request.", form: "prose" }),
  max: integer({ about: "How much it may hold.", optional: true, min: 0, max: countMax }),
};

/** The facts that a problem's body holds beside the members that all have. */
export const problemFacts: Readonly<Partial<Record<ProblemCode, Fields>>> = {
  malformed: { field },
  not_supported: { field },
  not_admin: {
    pool: text({ about: "The pool.", form: "prose" }),
    admin: text({ about: "Whom it lets: its spec.admin.", form: "prose" }),
    annotation: text({
      about: "What the pod lacks, with the value 'enabled'.",
      optional: true,
      form: "prose",
    }),
  },
  pool_not_found: { pool: text({ about: "The pool that was named.", form: "prose" }) },
  grant_not_found: { grantId: text({ about: "The grant that was named.", form: "prose" }) },
  grant_lost: {
    grantId: text({ about: "The grant.", optional: true, form: "prose" }),
    reason: text({ about: "Why it is over.", optional: true, form: "prose" }),
    since: timestamp({ about: "Since when.", optional: true }),
  },
  lock_held: {
    lock,
    holder: text({ about: "Who holds it.", optional: true, form: "prose" }),
    pod: text({ about: "In which pod.", optional: true, form: "prose" }),
    since: timestamp({ about: "Since when.", optional: true }),
    waiting: integer({ about: "How many wait.", optional: true, min: 0, max: countMax }),
  },
  deadlock: {
    lock,
    owner: text({ about: "Whose wait was ended.", form: "prose" }),
    waits: list({
      about: "The circle, first come first; of more than 1,000 waits the first.",
      items: object({ about: "One wait.", fields: deadlockWaitFields }),
      itemsMax: 100_000,
    }),
  },
  request_reused: {
    field,
    requestId: text({ about: "The id that was given twice.", form: "prose" }),
  },
  body_too_large: limitOfRequest,
  uri_too_long: limitOfRequest,
  headers_too_large: limitOfRequest,
  too_many_requests: limitOfProcess,
  too_many_waiters: limitOfPool,
  too_many_names: limitOfUse,
  too_many_grants: limitOfUse,
  wait_too_long: { field, ...limitOfPool },
  permits_exceed: { field, ...limitOfPool },
  metadata_too_large: { field, ...limitOfPool },
  too_many_locks: { field, ...limitOfRequest },
  outcome_unknown: {
    requestId: text({ about: "The id to repeat the request with.", optional: true, form: "prose" }),
  },
};

const bodyFields = {
  type: text({ about: "urn:holdfast:problem: and the code.", form: "prose" }),
  title: text({ about: "What kind of problem.", form: "prose" }),
  status: integer({ about: "The HTTP status.", min: 400, max: 599 }),
  detail: text({ about: "What, which, and what to do.", form: "prose" }),
  code: text({ about: "One of a closed list; see the page of problems.", form: "prose" }),
};

export const problemSchema = object({
  title: "Problem",
  about: "Why a request was not served (RFC 9457).",
  open: true,
  fields: bodyFields,
});
