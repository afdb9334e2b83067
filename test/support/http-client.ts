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

/** What came back; `tookMs`: from sending to the end of the answer, for bounds that the product itself promises. */
export class Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly tookMs: number;

  constructor({ statusCode = 0, headers }: http.IncomingMessage, text: string, tookMs: number) {
    this.status = statusCode;
    this.headers = headers;
    this.text = text;
    this.tookMs = tookMs;
  }

  /** The JSON in it. Throws where there is none. */
  get body(): Readonly<Record<string, unknown>> {
    try {
      return JSON.parse(this.text) as Record<string, unknown>;
    } catch {
      throw new Error(`No JSON was answered but ${this.status} ${JSON.stringify(this.text)}`);
    }
  }
}

export interface Asked {
  readonly method: string;
  readonly path: string;
}

/** Is told of each answer; what it throws, the call throws. */
export type Look = (asked: Asked, answer: Answer) => void;

export class HttpClient {
  readonly host: string;
  readonly port: number;
  readonly #look: Look | undefined;

  /** `address`: like 127.0.0.1:4653. */
  constructor(address: string, look?: Look) {
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
          const answer = new Answer(response, text, performance.now() - startedAt);
          try {
            this.#look?.({ method, path }, answer);
            resolve(answer);
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    request.on("error", reject);
    request.end(bytes);
    return promise;
  }
}
