/** Asks an operator who one is, with whatever is to be sent: as sidecars do, and as they never would. */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { identityPath } from "#api/identity.ts";
import { Answer } from "./http-client.ts";

export interface Question {
  readonly token?: string;
  /** Text goes as it is. Absent: a good key. */
  readonly body?: object | string;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The address that it comes from. */
  readonly from?: string;
  /** Aborted, the asker goes away. */
  readonly signal?: AbortSignal;
}

/** PEM. */
export function publicKey(namedCurve = "P-256"): string {
  return generateKeyPairSync("ec", { namedCurve }).publicKey.export({
    type: "spki",
    format: "pem",
  }) as string;
}

/** `at`: host and port; `ca`: PEM, who must have signed what is shown there. */
export async function askIdentity(
  at: string,
  ca: string,
  question: Question = {},
): Promise<Answer> {
  const {
    token,
    body = { publicKey: publicKey() },
    method = "POST",
    path = identityPath,
    from: localAddress,
    signal,
  } = question;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = https.request(`https://${at}${path}`, {
    ...{ method, ca, agent: false, localAddress, signal },
    headers: {
      "Content-Type": question.type ?? "application/json",
      "Content-Length": Buffer.byteLength(text),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...question.headers,
    },
  });
  const startedAt = performance.now();
  request.end(text);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let answer = "";
  response.setEncoding("utf8");
  for await (const part of response as AsyncIterable<string>) answer += part;
  return new Answer(response, answer, performance.now() - startedAt);
}
