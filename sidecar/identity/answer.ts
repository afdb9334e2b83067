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
export function readAnswer(
  value: unknown,
  { namespace, key }: { readonly namespace: string; readonly key: string },
): AnswerRead {
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
  const sessionTtlMs = readDurationMs(textOf(answer["sessionTtl"]) ?? "");
  if (sessionTtlMs === undefined) return unusable("it has no sessionTtl");
  const common = { endpoints, ca: textOf(etcd["ca"]), trust, sessionTtlMs };
  const certificate = textOf(answer["certificate"]);
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

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

const isUrl = (text: string): boolean => /^https?:\/\//.test(text) && URL.canParse(text);
