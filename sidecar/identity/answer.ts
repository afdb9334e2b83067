/** Reads what the operator answers, and what was kept of it: by somebody else, or by an earlier version of ours. */
import { readDurationMs } from "#api/fields/duration.ts";
import { objectOf, textOf } from "#core/json.ts";

export interface Access {
  readonly endpoints: readonly string[];
  readonly ca: string | undefined;
  /** PEM, with its key; undefined: etcd asks for none. */
  readonly client: { readonly certificate: string; readonly key: string } | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** PEM: who may have signed what the operator shows. */
  readonly trust: string;
  readonly sessionTtlMs: number;
  /** Wall clock; undefined: there is no certificate, and nothing ends. */
  readonly notAfterMs: number | undefined;
}

export type AnswerRead =
  | { readonly kind: "read"; readonly access: Access }
  | { readonly kind: "unusable"; readonly problem: string };

/** `key`: the private half of what was sent. */
export async function readAnswer(
  value: unknown,
  { namespace, key }: { readonly namespace: string; readonly key: string },
): Promise<AnswerRead> {
  const answer = objectOf(value) ?? {};
  const theirs = textOf(answer["namespace"]);
  if (theirs !== namespace)
    return unusable(
      `the token is of namespace '${theirs ?? ""}', and HOLDFAST_NAMESPACE is '${namespace}'`,
    );
  const etcd = objectOf(answer["etcd"]) ?? {};
  const { endpoints } = etcd;
  if (!isTexts(endpoints) || endpoints.length === 0 || !endpoints.every(isUrl))
    return unusable("it names no endpoint of etcd");
  const trust = textOf(answer["trust"]);
  if (trust === undefined) return unusable("it has no bundle to trust");
  const ca = textOf(etcd["ca"]);
  const certificate = textOf(answer["certificate"]);
  const problem = await problemOf({ trust, ca, certificate, key });
  if (problem !== undefined) return unusable(problem);
  const sessionTtlMs = readDurationMs(textOf(answer["sessionTtl"]) ?? "");
  if (sessionTtlMs === undefined) return unusable("it has no sessionTtl");
  const common = { endpoints, ca, trust, sessionTtlMs };
  const user = textOf(answer["user"]);
  const password = textOf(answer["password"]);
  const login = user === undefined || password === undefined ? undefined : { user, password };
  if (certificate === undefined)
    return read({ ...common, client: undefined, login, notAfterMs: undefined });
  const notAfterMs = Date.parse(textOf(answer["notAfter"]) ?? "");
  return Number.isNaN(notAfterMs)
    ? unusable("it does not say when its certificate ends")
    : read({ ...common, client: { certificate, key }, login, notAfterMs });
}

const read = (access: Access): AnswerRead => ({ kind: "read", access });
const unusable = (problem: string): AnswerRead => ({ kind: "unusable", problem });

interface Pems {
  readonly trust: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string;
}

/** What would be found out by a handshake that fails, when what was there before is gone. */
async function problemOf({ trust, ca, certificate, key }: Pems): Promise<string | undefined> {
  // Loaded where it is needed only, as TLS is: in a bundle an import at the head would be everybody's.
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const readable = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      // Node says in many ways that something is no PEM.
      if (error instanceof Error) return undefined;
      throw error;
    }
  };
  const certificateIn = (pem: string) => readable(() => new X509Certificate(pem));
  if (certificateIn(trust) === undefined) return "its bundle to trust holds no certificate";
  if (ca !== undefined && certificateIn(ca) === undefined)
    return "the authority of etcd is no certificate";
  if (certificate === undefined) return undefined;
  const own = certificateIn(certificate);
  if (own === undefined) return "its certificate is none";
  const half = readable(() => createPrivateKey(key));
  return half !== undefined && own.checkPrivateKey(half)
    ? undefined
    : "its certificate is not for our key";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

const isUrl = (text: string): boolean => /^https?:\/\//.test(text) && URL.canParse(text);
