/**
 * Who a sidecar is, and what lets it into etcd: from its token and its public key to the answer, or to a refusal.
 *
 * What the token proves is the namespace: it is bound to a pod, and the API server refuses it once the pod is gone. The
 * certificate is in the name of the namespace's user in etcd; its key never leaves the sidecar.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { formatDuration } from "#api/fields/duration.ts";
import { identityAudience, type IdentityAnswer } from "#api/identity.ts";
import type { Runtime } from "#core/runtime.ts";
import { userSecretName } from "../controllers/backend/resources.ts";
import { accessName } from "../etcd-admin/namespace-access.ts";
import type { Api } from "../kube/api.ts";
import { reasonText } from "../kube/errors.ts";
import { reviewToken } from "../kube/token-review.ts";
import type { Authorities } from "./authorities.ts";
import { expiryMs } from "./authority-record.ts";
import type { EtcdForSidecars, SidecarBackend } from "./backend-of-sidecars.ts";
import { ExchangeRefused } from "./refusals.ts";
import { skewMs } from "./renewal.ts";
import { certify, type Authority } from "./x509/certificate.ts";

export interface ExchangeParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly authorities: Pick<Authorities, "get">;
  readonly backend: Pick<SidecarBackend, "current" | "passwordOf">;
  /** Those that are served; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Of a certificate. */
  readonly lifeMs: number;
  readonly sessionTtlMs: number;
}

export interface Asked {
  /** Of the header `Authorization`. */
  readonly authorization: string | undefined;
  /** The body, read as JSON. */
  readonly body: unknown;
}

/** As long as a token of an API server with much to say. */
const tokenCharsMax = 8 * 1024;
const keyCharsMax = 1_024;
const soonSeconds = 2;
const podUid = "authentication.kubernetes.io/pod-uid";

export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Throws ExchangeRefused. */
  async answer({ authorization, body }: Asked, signal: AbortSignal): Promise<IdentityAnswer> {
    const token = tokenOf(authorization);
    const publicKey = publicKeyOf(body);
    const namespace = await this.#namespaceOf(token, signal);
    const { authorities, backend, sessionTtlMs } = this.#parts;
    const trust = authorities.get("operator")?.bundle;
    if (trust === undefined) throw lacksAuthority("The authority 'operator' was not read yet.");
    const { current: etcd } = backend;
    if (etcd.kind === "unknown") {
      if (etcd.lacks === "authority") throw lacksAuthority(etcd.problem);
      const facts = { code: "backend_unknown", detail: etcd.problem } as const;
      throw new ExchangeRefused({ ...facts, retryAfterSeconds: soonSeconds });
    }
    return {
      ...{ namespace, trust },
      etcd: { endpoints: etcd.endpoints, ca: etcd.ca ?? null },
      ...(await this.#access(etcd, { namespace, publicKey }, signal)),
      sessionTtl: formatDuration(sessionTtlMs),
    };
  }

  async #namespaceOf(token: string, signal: AbortSignal): Promise<string> {
    const { api, namespaces } = this.#parts;
    const reviewed = await reviewToken({ api, signal }, { token, audience: identityAudience });
    if (reviewed.kind !== "done") {
      const detail = `The API server did not review the token: ${reasonText(reviewed)}.`;
      const facts = { code: "token_not_reviewed", detail } as const;
      throw new ExchangeRefused({ ...facts, retryAfterSeconds: soonSeconds });
    }
    const review = reviewed.value;
    if (review.kind === "refused")
      throw new ExchangeRefused({
        code: "token_refused",
        detail: `The token is refused: ${review.reason}. It must be a projected token of a pod that runs, for the audience ${identityAudience}.`,
      });
    const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(review.username) ?? [];
    if (namespace === undefined || (review.extra[podUid]?.[0] ?? "") === "")
      throw new ExchangeRefused({
        code: "not_a_pod",
        detail:
          "The token is not bound to a pod. Mount a projected serviceAccountToken into the sidecar.",
      });
    if (namespaces?.includes(namespace) === false)
      throw new ExchangeRefused({
        code: "namespace_not_served",
        detail: `Namespace '${namespace}' is not served here. Add it to HOLDFAST_NAMESPACES of the operator.`,
      });
    return namespace;
  }

  async #access(
    etcd: EtcdForSidecars,
    { namespace, publicKey }: { readonly namespace: string; readonly publicKey: KeyObject },
    signal: AbortSignal,
  ) {
    const none = { certificate: null, notAfter: null, user: null, password: null } as const;
    if (etcd.issuer !== undefined)
      return { ...none, ...this.#certificate(etcd.issuer, namespace, publicKey) };
    if (!etcd.passwords) return none;
    const password = await this.#parts.backend.passwordOf(userSecretName(namespace), signal);
    if (password !== undefined) return { ...none, user: accessName(namespace), password };
    throw new ExchangeRefused({
      ...{ code: "password_missing", retryAfterSeconds: soonSeconds },
      detail: `Namespace '${namespace}' has no user in etcd yet. It gets one with its first resource.`,
    });
  }

  #certificate(issuer: Authority, namespace: string, publicKey: KeyObject) {
    const { runtime, lifeMs } = this.#parts;
    const nowMs = runtime.wallNow();
    const endMs = expiryMs(issuer);
    if (endMs <= nowMs)
      throw lacksAuthority("The authority of sidecars' certificates has ended. Renew it.");
    // Certificates tell whole seconds.
    const untilMs = Math.floor(Math.min(nowMs + lifeMs, endMs) / 1_000) * 1_000;
    const certificate = certify(issuer, {
      subject: { name: accessName(namespace) },
      uses: ["client"],
      publicKey,
      validity: { fromMs: nowMs - skewMs, untilMs },
    });
    return { certificate, notAfter: new Date(untilMs).toISOString() };
  }
}

function lacksAuthority(detail: string): ExchangeRefused {
  return new ExchangeRefused({
    ...{ code: "authority_missing", detail },
    retryAfterSeconds: soonSeconds,
  });
}

function tokenOf(authorization: string | undefined): string {
  const [, token] = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? "") ?? [];
  if (token !== undefined && token.length <= tokenCharsMax) return token;
  throw new ExchangeRefused({
    code: "token_missing",
    detail: "Send the pod's projected token: 'Authorization: Bearer' and the token.",
  });
}

function publicKeyOf(body: unknown): KeyObject {
  const pem = (body as { publicKey?: unknown } | null)?.publicKey;
  if (typeof pem !== "string" || pem.length > keyCharsMax)
    throw new ExchangeRefused({
      code: "malformed",
      detail: `publicKey is missing, or is no text of up to ${keyCharsMax} characters.`,
    });
  // Node would also take a private key or a certificate for one: neither is for us to see.
  if (!/^\s*-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\s*$/.test(pem))
    throw keyRefused("is no 'PUBLIC KEY' as PEM");
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw keyRefused("cannot be read", error);
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return key;
  throw keyRefused(`is of ${curve ?? key.asymmetricKeyType ?? "an unknown kind"}`);
}

function keyRefused(what: string, cause?: unknown): ExchangeRefused {
  const detail = `publicKey ${what}. Send a key of the curve P-256 (prime256v1).`;
  return new ExchangeRefused({ code: "key_refused", detail }, cause);
}
