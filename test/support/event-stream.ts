/**
 * An event stream of a sidecar, as a test reads it: event by event, in their order, each held against the contract. Closed by
 * `close`, or read no more by `pause`.
 *
 *     await using stream = await EventStream.open(sidecar.api, "POST", "/v1/locks/orders/42/acquire?hold=connection");
 *     const { grantId } = await stream.next("granted");
 */
import assert from "node:assert/strict";
import http from "node:http";
import { checkEvent } from "./contract.ts";
import type { Asked, HttpClient } from "./http-client.ts";

export interface StreamEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When it was read, on this process's monotonic clock. */
  readonly at: number;
}

export class NoStream extends Error {
  readonly status: number;
  readonly text: string;

  constructor(status: number, text: string) {
    super(`No stream: ${String(status)} ${text}`);
    this.status = status;
    this.text = text;
  }
}

export class EventStream implements AsyncDisposable {
  readonly headers: http.IncomingHttpHeaders;
  readonly #asked: Asked;
  readonly #response: http.IncomingMessage;
  readonly #unread: StreamEvent[] = [];
  readonly #waiting: ((event: StreamEvent | Error) => void)[] = [];
  readonly #over = Promise.withResolvers<"ended" | "broken">();
  #text = "";
  #beats = 0;
  #end: Error | undefined;

  /** Throws {@link NoStream} where the answer is none. */
  static open(
    api: HttpClient,
    method: "GET" | "POST",
    to: string | { readonly path: string; readonly signal: AbortSignal },
  ): Promise<EventStream> {
    const { promise, resolve, reject } = Promise.withResolvers<EventStream>();
    const { path, ...until } = typeof to === "string" ? { path: to } : to;
    const { host, port } = api;
    const headers = { Accept: "text/event-stream" };
    const request = http.request(
      { host, port, method, path, headers, agent: false, ...until },
      (response) => {
        if (response.headers["content-type"] === "text/event-stream") {
          resolve(new EventStream({ method, path }, response));
          return;
        }
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => {
          reject(new NoStream(response.statusCode ?? 0, text));
        });
      },
    );
    request.on("error", reject);
    request.end();
    return promise;
  }

  private constructor(asked: Asked, response: http.IncomingMessage) {
    this.#asked = asked;
    this.#response = response;
    this.headers = response.headers;
    response.setEncoding("utf8").on("data", (part: string) => {
      this.#take(part);
    });
    response.on("end", () => {
      this.#finish("ended", new Error("the stream has ended"));
    });
    response.on("error", (error) => {
      this.#finish("broken", error);
    });
    response.on("close", () => {
      this.#finish("broken", new Error("the stream was cut"));
    });
  }

  /** How it ended: in an orderly way, or not. */
  get over(): Promise<"ended" | "broken"> {
    return this.#over.promise;
  }

  /** Comments, which say only that it lives. */
  get beats(): number {
    return this.#beats;
  }

  /** The next event, whatever it is. */
  any(): Promise<StreamEvent> {
    const event = this.#unread.shift();
    if (event !== undefined) return Promise.resolve(event);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting.push((told) => {
        if (told instanceof Error) reject(told);
        else resolve(told);
      });
    });
  }

  /** Throws where the next event is another. */
  async next(event: string): Promise<StreamEvent["data"]> {
    const told = await this.any();
    assert.equal(told.event, event, JSON.stringify(told.data));
    return told.data;
  }

  /** The next of that name; others before it are passed over. */
  async until(
    event: string,
    holds: (data: StreamEvent["data"]) => boolean = () => true,
  ): Promise<StreamEvent> {
    for (;;) {
      const told = await this.any();
      if (told.event === event && holds(told.data)) return told;
    }
  }

  /** Reads no more until {@link resume}. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** As a caller does that goes away. */
  close(): void {
    this.#response.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.over;
  }

  #take(part: string): void {
    this.#text += part;
    for (let at = this.#text.indexOf("\n\n"); at >= 0; at = this.#text.indexOf("\n\n")) {
      const [block, rest] = [this.#text.slice(0, at), this.#text.slice(at + 2)];
      this.#text = rest;
      if (block === ":") this.#beats += 1;
      else this.#tell(block);
    }
  }

  #tell(block: string): void {
    const [, event = "", json = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
    try {
      const data = JSON.parse(json) as StreamEvent["data"];
      checkEvent(this.#asked, event, data);
      const told = { event, data, at: performance.now() };
      const next = this.#waiting.shift();
      if (next === undefined) this.#unread.push(told);
      else next(told);
    } catch (error) {
      this.#finish("broken", error as Error);
      this.close();
    }
  }

  #finish(how: "ended" | "broken", error: Error): void {
    this.#end ??= error;
    this.#over.resolve(how);
    for (const next of this.#waiting.splice(0)) next(this.#end);
  }
}
