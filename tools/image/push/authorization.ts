/** What a registry wants to see: the password itself, or a token that another server gives for it. */
import type { Credentials } from "./credentials.ts";
import { PushRefused } from "./refused.ts";

const answerWithinMs = 30_000;

export interface Challenge {
  readonly scheme: string;
  readonly parts: Readonly<Record<string, string>>;
}

/** `Bearer realm="https://…",service="…",scope="…"` */
export function readChallenge(header: string): Challenge {
  const [scheme = ""] = header.trim().split(/\s/, 1);
  const pairs = header.slice(scheme.length).matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g);
  const parts = [...pairs].map(([, key = "", quoted, plain]) => [
    key.toLowerCase(),
    quoted ?? plain ?? "",
  ]);
  return { scheme: scheme.toLowerCase(), parts: Object.fromEntries(parts) as Challenge["parts"] };
}

/** The header's value. */
export async function authorizationFor(
  header: string,
  host: string,
  credentials: Credentials | undefined,
): Promise<string> {
  const challenge = readChallenge(header);
  switch (challenge.scheme) {
    case "basic":
      if (credentials?.kind !== "password")
        throw new PushRefused(
          `${host} wants a password: set REGISTRY_USER and REGISTRY_PASSWORD, or docker login ${host}.`,
        );
      return basic(credentials);
    case "bearer":
      return `Bearer ${await tokenFor(challenge, host, credentials)}`;
    default:
      throw new PushRefused(`${host} asks for credentials in a way that is not known: ${header}`);
  }
}

const basic = ({ user, password }: Extract<Credentials, { kind: "password" }>): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

interface TokenAnswer {
  readonly token?: string;
  readonly access_token?: string;
}

async function tokenFor(
  { parts }: Challenge,
  host: string,
  credentials: Credentials | undefined,
): Promise<string> {
  const realm = parts["realm"] ?? "";
  if (!URL.canParse(realm)) throw new PushRefused(`${host} names no server for tokens: ${realm}`);
  const url = new URL(realm);
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !isHere)
    throw new PushRefused(`${host} wants the password to be sent unencrypted, to ${url.origin}.`);
  const response = await askForToken(url, parts, credentials).catch((error: unknown) => {
    throw new PushRefused(`${url.origin}, which gives tokens for ${host}, cannot be reached.`, {
      cause: error,
    });
  });
  if (!response.ok) {
    const who =
      credentials === undefined
        ? "without credentials: set REGISTRY_USER and REGISTRY_PASSWORD, or docker login"
        : "for these credentials";
    throw new PushRefused(
      `${url.origin} gives no token for ${host} ${who}. (${String(response.status)})`,
    );
  }
  const { token, access_token: accessToken } = (await response.json()) as TokenAnswer;
  const given = token ?? accessToken;
  if (given === undefined) throw new PushRefused(`${url.origin} answered without a token.`);
  return given;
}

function askForToken(
  url: URL,
  { service, scope }: Challenge["parts"],
  credentials: Credentials | undefined,
): Promise<Response> {
  const signal = AbortSignal.timeout(answerWithinMs);
  // Several in one string are several of them.
  const scopes = (scope ?? "").split(" ").filter((each) => each !== "");
  if (credentials?.kind === "token") {
    const body = new URLSearchParams({
      ...{ grant_type: "refresh_token", refresh_token: credentials.token },
      ...{ client_id: "holdfast", service: service ?? "", scope: scopes.join(" ") },
    });
    return fetch(url, { method: "POST", body, signal });
  }
  if (service !== undefined) url.searchParams.set("service", service);
  for (const each of scopes) url.searchParams.append("scope", each);
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) };
  return fetch(url, { headers, signal });
}
