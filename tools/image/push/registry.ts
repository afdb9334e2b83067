/**
 * A registry's HTTP API (OCI distribution), as far as a push needs it. Each request is sent with the last authorization,
 * and once more with a new one where the registry asks for it.
 */
import { authorizationFor } from "./authorization.ts";
import type { Credentials } from "./credentials.ts";
import type { Place } from "./place.ts";
import { PushRefused } from "./refused.ts";

export interface Call {
  readonly method: "HEAD" | "GET" | "POST" | "PUT";
  /** At the registry, or a whole URL that it has named. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** What an answer may be; all else is refused. */
  readonly expected: readonly number[];
}

/** A slow line, and a layer of Node. */
const answerWithinMs = 20 * 60_000;
const tries = 4;
const waitMs = 500;
const waitMaxMs = 30_000;

export class Registry {
  readonly #place: Place;
  readonly #credentials: Credentials | undefined;
  #authorization: string | undefined;

  constructor(place: Place, credentials: Credentials | undefined) {
    this.#place = place;
    this.#credentials = credentials;
  }

  /** Throws PushRefused. */
  async call(call: Call): Promise<Response> {
    const first = await this.#try(call);
    if (first.status !== 401 || call.expected.includes(401)) return this.#checked(call, first);
    const challenge = first.headers.get("www-authenticate") ?? "";
    await first.body?.cancel();
    this.#authorization = await authorizationFor(challenge, this.#place.host, this.#credentials);
    return this.#checked(call, await this.#try(call));
  }

  /** A registry that is busy or being restarted is asked again, a few times. */
  async #try(call: Call): Promise<Response> {
    for (let at = 1; ; at++) {
      const response = await this.#send(call);
      const isBusy = response.status === 429 || response.status >= 500;
      if (!isBusy || at === tries) return response;
      await response.body?.cancel();
      const told = Number(response.headers.get("retry-after") ?? 0) * 1_000;
      const pauseMs = Math.min(Math.max(told, waitMs * 2 ** at), waitMaxMs);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #send({ method, path, headers, body }: Call): Promise<Response> {
    const url = new URL(path, this.#place.url);
    // A storage to which the registry sends us gets no password of the registry's.
    const isOurs = url.origin === new URL(this.#place.url).origin;
    const authorization = isOurs ? this.#authorization : undefined;
    try {
      return await fetch(url, {
        method,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        signal: AbortSignal.timeout(answerWithinMs),
      });
    } catch (error) {
      const { cause } = error as Error;
      const why = cause instanceof Error ? cause.message : (error as Error).message;
      throw new PushRefused(`${url.origin} cannot be reached: ${why}`, { cause: error });
    }
  }

  async #checked(call: Call, response: Response): Promise<Response> {
    if (call.expected.includes(response.status)) return response;
    const { host } = this.#place;
    const said = saidIn(await response.text().catch(() => ""));
    const what = `${call.method} ${new URL(call.path, this.#place.url).pathname}: ${String(response.status)}${said}`;
    switch (response.status) {
      case 401:
        throw new PushRefused(
          `${host} does not take these credentials, or not for this repository. (${what})`,
        );
      case 403:
        throw new PushRefused(
          `${host} does not let ${this.#who()} push there: it needs the right to write to this path. (${what})`,
        );
      case 404:
        throw new PushRefused(
          `${host} has no such repository: some registries want it to be made first. (${what})`,
        );
      default:
        throw new PushRefused(`${host} refuses. (${what})`);
    }
  }

  #who(): string {
    if (this.#credentials === undefined) return "somebody without credentials";
    return this.#credentials.kind === "password" ? this.#credentials.user : "the token's user";
  }
}

interface ErrorBody {
  readonly errors?: readonly { readonly code?: string; readonly message?: string }[];
}

const textMaxChars = 300;

function saidIn(text: string): string {
  if (text === "") return "";
  try {
    const { errors = [] } = JSON.parse(text) as ErrorBody;
    return ` ${errors.map(({ code = "", message = "" }) => `${code} ${message}`.trim()).join("; ")}`;
  } catch {
    return ` ${text.trim().slice(0, textMaxChars)}`; // of a proxy before it, as it is
  }
}
