/**
 * One call with one answer, and what can become of it. Nothing here knows etcd: {@link file://../status.ts} judges.
 */
import type { Instant, Runtime } from "#core/runtime.ts";
import type { Connection } from "./connection.ts";
import type { End, Exchange, Listener } from "./exchange.ts";
import type { RequestField } from "./hpack-encoder.ts";
import type { Field } from "./hpack-tables.ts";
import { Deframer, FramingError } from "./message.ts";

export type Reply =
  | { readonly kind: "answer"; readonly message: Uint8Array }
  /** The server ended the call with a status other than OK. */
  | { readonly kind: "status"; readonly code: number; readonly message: string }
  /** Nothing was sent, or the server says that it looked at nothing of it. */
  | { readonly kind: "notSent"; readonly message: string }
  /** Sent, and then the connection or the stream ended without a status. */
  | { readonly kind: "broken"; readonly message: string }
  /** Sent, and no answer in time. */
  | { readonly kind: "silent"; readonly message: string };

/** Why a call got no message. */
export type Failure = Exclude<Reply, { readonly kind: "answer" }>;

export interface Call {
  readonly path: string;
  readonly message: Uint8Array;
  readonly token: string | undefined;
  readonly deadline: Instant;
  readonly signal?: AbortSignal | undefined;
}

const grpcFields: readonly RequestField[] = [
  { name: "content-type", value: "application/grpc" },
  { name: "te", value: "trailers" },
];

export function requestFields(token: string | undefined): readonly RequestField[] {
  return token === undefined
    ? grpcFields
    : [...grpcFields, { name: "token", value: token, secret: true }];
}

/** Sends one message and waits for its answer. Never rejects. */
export function call(connection: Connection, runtime: Runtime, plan: Call): Promise<Reply> {
  return new Promise((resolve) => {
    const settle = (reply: Reply) => {
      timer.cancel();
      plan.signal?.removeEventListener("abort", leave);
      resolve(reply);
    };
    const answer = new AnswerReader(connection, settle);
    const giveUp = (message: string) => {
      answer.exchange?.cancel();
      settle({ kind: answer.exchange?.sent === true ? "silent" : "notSent", message });
    };
    const leave = () => {
      giveUp("the caller left");
    };
    const timer = runtime.timer(plan.deadline, () => {
      giveUp(`no answer from ${connection.endpoint} in time`);
    });
    plan.signal?.addEventListener("abort", leave, { once: true });
    const exchange = connection.request({
      path: plan.path,
      fields: requestFields(plan.token),
      listener: answer,
      message: plan.message,
    });
    if (typeof exchange === "string") settle({ kind: "notSent", message: exchange });
    else answer.exchange = exchange;
  });
}

/** Collects what comes back on an exchange with one answer. */
class AnswerReader implements Listener {
  exchange: Exchange | undefined;
  readonly #connection: Connection;
  readonly #settle: (reply: Reply) => void;
  readonly #deframer = new Deframer();
  readonly #messages: Uint8Array[] = [];
  readonly #ending: Ending;

  constructor(connection: Connection, settle: (reply: Reply) => void) {
    this.#connection = connection;
    this.#settle = settle;
    this.#ending = new Ending(connection);
  }

  headers(fields: readonly Field[]): void {
    this.#ending.read(fields);
  }

  data(bytes: Uint8Array): void {
    try {
      this.#messages.push(...this.#deframer.push(bytes));
      this.exchange?.consumed(bytes.length);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.exchange?.cancel();
      this.#ending.failed(error);
      this.#settle(this.#reply());
    }
  }

  ended(end: End): void {
    this.#ending.ended(end);
    this.#settle(this.#reply());
  }

  #reply(): Reply {
    const failure = this.#ending.failure();
    if (failure !== undefined) return failure;
    const [message, ...others] = this.#messages;
    if (message === undefined || others.length > 0 || this.#deframer.unfinished) {
      const text = `${this.#connection.endpoint} answered OK without exactly one message`;
      return { kind: "broken", message: text };
    }
    return { kind: "answer", message };
  }
}

/** How an exchange ended: its trailers, or its only headers, or the lack of both. */
export class Ending {
  readonly #connection: Connection;
  #code: number | undefined;
  #message = "";
  #error: Error | undefined;
  #end: End | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  read(fields: readonly Field[]): void {
    const code = valueOf(fields, "grpc-status");
    const status = valueOf(fields, ":status");
    if (code !== undefined && /^\d+$/.test(code)) {
      this.#code = Number(code);
      this.#message = decoded(valueOf(fields, "grpc-message") ?? "");
    } else if (status !== undefined && status !== "200") {
      // Not etcd but something before it, which says nothing about what etcd did.
      this.failed(new Error(`HTTP status ${status}`));
    }
  }

  ended(end: End): void {
    this.#end = end;
  }

  failed(error: Error): void {
    this.#error ??= error;
  }

  /** Undefined: the call ended with OK. To be asked when the exchange has ended. */
  failure(): Failure | undefined {
    const end = this.#end;
    if (this.#code === 0 && this.#error === undefined) return undefined;
    if (this.#code !== undefined && this.#code !== 0) {
      return { kind: "status", code: this.#code, message: this.#message };
    }
    const why = this.#error?.message ?? reasonOf(end) ?? this.#connection.reason;
    const message = `${this.#connection.endpoint} gave no answer: ${why}`;
    return { kind: end?.kind === "notSent" ? "notSent" : "broken", message };
  }
}

function reasonOf(end: End | undefined): string | undefined {
  if (end === undefined) return undefined;
  return end.kind === "done" ? "it ended the call without a status" : end.reason;
}

function valueOf(fields: readonly Field[], name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value;
}

function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message; // a lone percent sign: better read as it came than not at all
  }
}
