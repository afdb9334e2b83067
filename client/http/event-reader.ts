/**
 * Bytes to the events of a stream (text/event-stream in HTTP/1.1), as the sidecar writes it: each event has a name and one line
 * of JSON. Knows no socket. What is no stream is read as any other answer.
 *
 *   head ─▶ events…          head ─▶ answer
 */
import { jsonObject, type JsonObject } from "../json.ts";
import {
  AnswerReader,
  headBytesMax,
  headEnd,
  readHead,
  Unreadable,
  type Answer,
} from "./answer-reader.ts";

/** Of one event: the holders of a semaphore, each with its metadata. */
const eventCharsMax = 32 * 1024 * 1024;
const lineBytesMax = 1024;

export interface ServerEvent {
  readonly event: string;
  readonly data: JsonObject;
}

export type Events =
  | { readonly kind: "events"; readonly events: readonly ServerEvent[]; readonly isOver: boolean }
  /** No stream. */
  | { readonly kind: "answer"; readonly answer: Answer };

const lineEnd = Buffer.from("\r\n");

export class EventReader {
  #state: "head" | "stream" | "answer" = "head";
  readonly #answer = new AnswerReader();
  readonly #decoder = new TextDecoder();
  #rest: Buffer = Buffer.alloc(0);
  #text = "";
  #isChunked = false;
  /** Of the chunk that is being read, with its line end. */
  #missing = 0;
  #isOver = false;

  /** undefined: nothing that is whole. The bytes are copied where they are kept. */
  push(bytes: Buffer): Events | undefined {
    if (this.#state === "answer") return this.#asAnswer(bytes);
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (this.#state === "head" && !this.#takeHead()) return undefined;
    // The head has said which it is.
    if ((this.#state as string) === "answer") return this.#asAnswer(this.#rest);
    this.#takeBody();
    const events = this.#takeEvents();
    return { kind: "events", events, isOver: this.#isOver };
  }

  #asAnswer(bytes: Buffer): Events | undefined {
    const answer = this.#answer.push(bytes);
    return answer === undefined ? undefined : { kind: "answer", answer };
  }

  #takeHead(): boolean {
    const end = this.#rest.indexOf(headEnd);
    if (end < 0) {
      if (this.#rest.length > headBytesMax) throw new Unreadable("its head is too large");
      return false;
    }
    const { status, contentType, body } = readHead(this.#rest.toString("latin1", 0, end));
    if (status !== 200 || !contentType.startsWith("text/event-stream")) {
      this.#state = "answer";
      return true;
    }
    this.#state = "stream";
    this.#isChunked = body.kind === "chunks";
    this.#rest = this.#rest.subarray(end + headEnd.length);
    return true;
  }

  #takeBody(): void {
    while (this.#rest.length > 0 && !this.#isOver) {
      if (!this.#isChunked) {
        this.#keep(this.#rest);
        this.#rest = this.#rest.subarray(this.#rest.length);
      } else if (this.#missing === 0) {
        if (!this.#takeSize()) return;
      } else this.#takeChunk();
    }
  }

  #takeSize(): boolean {
    const end = this.#rest.indexOf(lineEnd);
    if (end < 0) {
      if (this.#rest.length > lineBytesMax) throw new Unreadable("a line in its body is too long");
      return false;
    }
    const size = /^[0-9a-fA-F]{1,8}/.exec(this.#rest.toString("latin1", 0, end))?.[0];
    if (size === undefined) throw new Unreadable("a chunk has no size");
    this.#rest = this.#rest.subarray(end + lineEnd.length);
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) this.#isOver = true;
    else this.#missing = bytes + lineEnd.length;
    return true;
  }

  #takeChunk(): void {
    const part = this.#rest.subarray(0, this.#missing);
    this.#rest = this.#rest.subarray(part.length);
    const before = this.#missing;
    this.#missing -= part.length;
    // The line end is none of it.
    const size = Math.min(part.length, Math.max(0, before - lineEnd.length));
    this.#keep(part.subarray(0, size));
  }

  #keep(bytes: Buffer): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    if (this.#text.length > eventCharsMax) throw new Unreadable("an event in it is too large");
  }

  #takeEvents(): ServerEvent[] {
    const blocks = this.#text.split("\n\n");
    this.#text = blocks.pop() ?? "";
    return blocks.filter((block) => !block.startsWith(":")).map(readEvent);
  }
}

function readEvent(block: string): ServerEvent {
  const [, event = "", json = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
  const data = jsonObject(json);
  if (data === undefined) throw new Unreadable("an event in it is not JSON");
  return { event, data };
}
