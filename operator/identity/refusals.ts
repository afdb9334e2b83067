/** Why a sidecar gets no identity: the closed list, as it stands in answers and in the metric. */

export const refusals = {
  malformed: { status: 400, title: "The request is malformed" },
  key_refused: { status: 400, title: "The public key cannot be used" },
  token_missing: { status: 401, title: "There is no token" },
  token_refused: { status: 401, title: "The token is refused" },
  not_a_pod: { status: 403, title: "The token is not of a pod" },
  namespace_not_served: { status: 403, title: "The namespace is not served" },
  not_found: { status: 404, title: "No such path" },
  method_not_allowed: { status: 405, title: "This method is not allowed here" },
  body_too_large: { status: 413, title: "The request body is too large" },
  unsupported_media_type: { status: 415, title: "This content type is not understood" },
  too_many_requests: { status: 429, title: "Too many ask at once" },
  internal: { status: 500, title: "The operator failed" },
  token_not_reviewed: { status: 503, title: "The API server does not say whose the token is" },
  backend_unknown: { status: 503, title: "There is no etcd to lead to yet" },
  authority_missing: { status: 503, title: "There is no authority yet" },
  password_missing: { status: 503, title: "The namespace has no user in etcd yet" },
} as const;

export type RefusalCode = keyof typeof refusals;

export interface RefusalFacts {
  readonly code: RefusalCode;
  /** What, which, and what to do. */
  readonly detail: string;
  /** When to ask again; absent: as it is, asking again is of no use. */
  readonly retryAfterSeconds?: number;
}

/** The caller gets no identity. */
export class ExchangeRefused extends Error {
  override readonly name = "ExchangeRefused";
  readonly facts: RefusalFacts;

  constructor(facts: RefusalFacts, cause?: unknown) {
    super(facts.detail, { cause });
    this.facts = facts;
  }
}

/** The body of the answer (RFC 9457). */
export function refusalBody({ code, detail }: RefusalFacts) {
  const { status, title } = refusals[code];
  return { type: `urn:holdfast:problem:${code}`, title, status, detail, code };
}
