/**
 * How a sidecar asks the operator who it is: the one request, and its answer. Both ends read it from here. It is no part of
 * the API on localhost.
 */
import { group } from "./names.ts";

export const identityPath = "/v1/identity";

/** Of the token that a sidecar shows: one for the API server, or for anybody else, is refused. */
export const identityAudience = `${group}/identity`;

/** Of the request: a public key of P-256 takes some 200. */
export const identityBodyBytesMax = 8 * 1024;
/** Of the answer: bundles of some certificates, and endpoints. */
export const identityAnswerBytesMax = 256 * 1024;

export interface IdentityRequest {
  /** SubjectPublicKeyInfo as PEM, of P-256. Its private half stays where it was made. */
  readonly publicKey: string;
}

export interface IdentityAnswer {
  readonly namespace: string;
  /** PEM: what the operator's own certificates are by, now and next. */
  readonly trust: string;
  readonly etcd: {
    readonly endpoints: readonly string[];
    /** PEM; null: the authorities that are known publicly, or no TLS. */
    readonly ca: string | null;
  };
  /** PEM; null: etcd asks for none. */
  readonly certificate: string | null;
  /** When the certificate ends (RFC 3339). */
  readonly notAfter: string | null;
  readonly user: string | null;
  readonly password: string | null;
  /** The longest session that the operator reckons with: `10s`. */
  readonly sessionTtl: string;
}
