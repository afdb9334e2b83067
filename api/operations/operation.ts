/** What an operation of the HTTP API is, as data, and the types that handlers and clients get from it. */
import type { Fields, Flat, KeysOf, ObjectField, ValueOf } from "../fields.ts";
import type { ProblemCode } from "../problems.ts";

export type Method = "GET" | "POST" | "DELETE";

export interface Reply {
  readonly about: string;
  /** Absent: no body. */
  readonly body?: ObjectField;
  /** The same as `text/plain`, for callers that ask for it. */
  readonly text?: { readonly about: string; readonly example: string };
  /** As `text/event-stream`: for callers that ask for it, or, where there is no body, for all. */
  readonly events?: StreamEvents;
}

export const eventsMediaType = "text/event-stream";

/** By the names of the events. */
export type StreamEvents = Readonly<
  Record<string, { readonly about: string; readonly body: ObjectField }>
>;

/** Between fields of one request. */
export interface InputRule {
  readonly field: string;
  /** Of the input as handlers see it. */
  readonly holds: (input: Readonly<Record<string, unknown>>) => boolean;
  readonly reason: string;
  readonly fix: string;
}

export interface Operation {
  readonly id: string;
  readonly method: Method;
  /** With a `{name}` for each path field, in their order. */
  readonly path: string;
  readonly about: string;
  readonly pathFields: Fields;
  /** body: every scalar one may stand in the query instead. query: a body is refused. */
  readonly fieldsIn: "query" | "body";
  readonly fields: Fields;
  readonly rules: readonly InputRule[];
  readonly replies: Readonly<Record<number, Reply>>;
  /** The problems of its own; every operation may answer those of {@link anywhere}, too. */
  readonly problems: readonly ProblemCode[];
}

export const anywhere = [
  "malformed",
  "not_supported",
  "forbidden_host",
  "cross_site",
  "not_found",
  "method_not_allowed",
  "body_too_large",
  "uri_too_long",
  "unsupported_media_type",
  "too_many_requests",
  "headers_too_large",
  "internal",
  "not_ready",
  "draining",
] as const satisfies readonly ProblemCode[];

/** Handlers see durations in milliseconds, under a name that says so. */
type InputName<K, F> = F extends { readonly kind: "duration" } ? `${K & string}Ms` : K;
type InputValue<F> = F extends { readonly kind: "duration" } ? number : ValueOf<F>;

type Given<F> = {
  readonly [K in KeysOf<F, "required" | "defaulted"> as InputName<K, F[K]>]: InputValue<F[K]>;
} & {
  readonly [K in KeysOf<F, "optional"> as InputName<K, F[K]>]?: InputValue<F[K]>;
};

/** What a handler is called with: all defaults in, durations as `waitMs: number`. */
export type InputOf<O extends { readonly pathFields: Fields; readonly fields: Fields }> = Flat<
  Given<O["pathFields"]> & Given<O["fields"]>
>;

export function inputName(name: string, kind: string): string {
  return kind === "duration" ? `${name}Ms` : name;
}
