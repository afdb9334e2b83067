/**
 * A small HTTP client for tests: one connection a call, so that nothing is left open, and no opinion about what is
 * answered. Whoever made it may look at each answer as it comes (test/support/contract.ts does).
 */
import http from "node:http";

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes as JSON; text and bytes go as they are. */
  readonly body?: object | string | Buffer;
  /** Aborting it closes the connection, as a caller that goes away does. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The JSON in it. Throws where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** From sending to the end of the answer; for bounds that the product itself promises. */
  readonly tookMs: number;
}

export interface Seen extends Answer {
  readonly method: string;
  readonly path: string;
}

export class HttpClient {
  readonly host: string;
  readonly port: number;
  readonly #look: ((seen: Seen) => void) | undefined;

  /** `address`: like 127.0.0.1:4653. `look` is told of each answer; what it throws, the call throws. */
  constructor(address: string, look?: (seen: Seen) => void) {
    const { hostname, port } = new URL(`http://${address}`);
    this.host = hostname.replace(/^\[|\]$/g, "");
    this.port = Number(port);
    this.#look = look;
  }

  get(path: string, sent?: Sent): Promise<Answer> {
    return this.call("GET", path, sent);
  }

  post(path: string, sent?: Sent): Promise<Answer> {
    return this.call("POST", path, sent);
  }

  delete(path: string, sent?: Sent): Promise<Answer> {
    return this.call("DELETE", path, sent);
  }

  call(method: string, path: string, { headers = {}, body, signal }: Sent = {}): Promise<Answer> {
    const isJson = typeof body === "object" && !Buffer.isBuffer(body);
    const bytes = body === undefined ? undefined : isJson ? JSON.stringify(body) : body;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const startedAt = performance.now();
    const request = http.request(
      {
        ...{ host: this.host, port: this.port, method, path, agent: false },
        headers: {
          ...(bytes === undefined ? {} : { "Content-Length": String(Buffer.byteLength(bytes)) }),
          ...(isJson ? { "Content-Type": "application/json" } : {}),
          ...headers,
        },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0, headers: told } = response;
          const tookMs = performance.now() - startedAt;
          const answer = answerOf({ status, headers: told, text, tookMs });
          try {
            this.#look?.(Object.defineProperties({ method, path }, shape(answer)) as Seen);
            resolve(answer);
          } catch (error) {
            reject(error as Error);
          }
        });
      },
    );
    request.on("error", reject);
    request.end(bytes);
    return promise;
  }
}

function answerOf(parts: Omit<Answer, "body">): Answer {
  return {
    ...parts,
    get body() {
      try {
        return JSON.parse(parts.text) as Record<string, unknown>;
      } catch {
        throw new Error(`No JSON was answered but ${parts.status} ${JSON.stringify(parts.text)}`);
      }
    },
  };
}

function shape(answer: Answer): PropertyDescriptorMap {
  return Object.getOwnPropertyDescriptors(answer);
}
