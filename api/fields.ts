/**
 * The vocabulary that every resource kind and every operation is made of. A field is data: what it takes, its default
 * and its prose. From it come the TypeScript types (below), the readers (fields/read.ts), the JSON schemas and CEL
 * rules of the CRDs, the OpenAPI document and the reference pages (tools/generate).
 *
 * `supported` names the values that this version serves; another one that the kind knows is refused by name, never
 * ignored. An empty list: the field must be left out.
 */
import type { FormName } from "./fields/text.ts";

/** required: must be written · optional: may be absent for good · defaulted: absent means the default. */
export type Presence = "required" | "optional" | "defaulted";

interface Described {
  readonly presence: Presence;
  /** For people: in the CRD, the OpenAPI document and the reference. One or two sentences. */
  readonly about: string;
  /** Fixed once the resource is made. */
  readonly immutable?: true;
}

export interface ChoiceField extends Described {
  readonly kind: "choice";
  /** Each value with its prose. */
  readonly values: Readonly<Record<string, string>>;
  readonly default?: string;
  readonly supported?: readonly string[];
}

export interface DurationField extends Described {
  readonly kind: "duration";
  readonly min: string;
  readonly max: string;
  readonly default?: string;
  readonly supported?: readonly string[];
}

export interface IntegerField extends Described {
  readonly kind: "integer";
  readonly min: number;
  readonly max: number;
  readonly default?: number;
  readonly supported?: readonly number[];
}

export interface TextField extends Described {
  readonly kind: "text";
  readonly form: FormName;
  /** In bytes of UTF-8; absent: those of the form. */
  readonly bytesMin?: number;
  readonly bytesMax?: number;
  readonly default?: string;
  readonly supported?: readonly string[];
}

export interface BooleanField extends Described {
  readonly kind: "boolean";
  readonly default?: boolean;
  readonly supported?: readonly boolean[];
}

/** A moment as RFC 3339 writes it. */
export interface TimestampField extends Described {
  readonly kind: "timestamp";
}

export interface StringMapField extends Described {
  readonly kind: "stringMap";
  readonly entriesMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly supported?: readonly never[];
}

/** A defaulted object is made of its fields' defaults. */
export interface ObjectField extends Described {
  readonly kind: "object";
  /** Names the schema in the OpenAPI document. */
  readonly title?: string;
  readonly fields: Fields;
  /** Holds whatever it holds: only in what we answer. */
  readonly open?: true;
  readonly supported?: readonly never[];
}

export interface ListField extends Described {
  readonly kind: "list";
  readonly items: Field;
  /** Absent: 0. */
  readonly itemsMin?: number;
  readonly itemsMax: number;
  /** More than itemsMax is a problem of its own, which names the limit. Absent: malformed. */
  readonly tooMany?: { readonly code: "too_many_locks"; readonly limit: string };
  /** The items are told apart by this field (Kubernetes' list-map). */
  readonly keyedBy?: string;
  readonly supported?: readonly never[];
}

/** What can stand in a query or a path. */
export type ScalarField = ChoiceField | DurationField | IntegerField | TextField | BooleanField;
export type Field = ScalarField | TimestampField | StringMapField | ObjectField | ListField;
export type Fields = Readonly<Record<string, Field>>;

// Types

declare const valueType: unique symbol;
declare const writtenType: unique symbol;

/** What only the type checker sees of a field: whether it may be absent, what a reader gives, what may be written. */
interface Typed<T, Written, P extends Presence> {
  readonly presence: P;
  readonly [valueType]?: T;
  readonly [writtenType]?: Written;
}

export type ValueOf<F> = F extends { readonly [valueType]?: infer T } ? T : never;
export type WrittenAs<F> = F extends { readonly [writtenType]?: infer T } ? T : never;

export type Flat<T> = { readonly [K in keyof T]: T[K] };
export type KeysOf<F, P extends Presence> = {
  [K in keyof F]: F[K] extends { readonly presence: P } ? K : never;
}[keyof F];

/** What a reader gives: all defaults in. */
export type ValuesOf<F> = Flat<
  { readonly [K in KeysOf<F, "required" | "defaulted">]: ValueOf<F[K]> } & {
    readonly [K in KeysOf<F, "optional">]?: ValueOf<F[K]>;
  }
>;

/** What may be written: what has a default may be absent. */
export type WrittenOf<F> = Flat<
  { readonly [K in KeysOf<F, "required">]: WrittenAs<F[K]> } & {
    readonly [K in KeysOf<F, "optional" | "defaulted">]?: WrittenAs<F[K]>;
  }
>;

// Builders: each takes what is particular to it, and says in its type whether the field may be absent.

type Particulars<F extends Described> = Omit<F, "kind" | "presence"> & { readonly optional?: true };
type PresenceIn<O> = O extends { readonly default: unknown }
  ? "defaulted"
  : O extends { readonly optional: true }
    ? "optional"
    : "required";

function presenceIn(particulars: object): Presence {
  if ("default" in particulars) return "defaulted";
  return "optional" in particulars ? "optional" : "required";
}

export function choice<const O extends Particulars<ChoiceField>>(particulars: O) {
  type Value = keyof O["values"] & string;
  return built<ChoiceField, Value, Value, PresenceIn<O>>("choice", particulars);
}

export function duration<const O extends Particulars<DurationField>>(particulars: O) {
  return built<DurationField, string, string, PresenceIn<O>>("duration", particulars);
}

export function integer<const O extends Particulars<IntegerField>>(particulars: O) {
  return built<IntegerField, number, number, PresenceIn<O>>("integer", particulars);
}

export function text<const O extends Particulars<TextField>>(particulars: O) {
  return built<TextField, string, string, PresenceIn<O>>("text", particulars);
}

export function boolean<const O extends Particulars<BooleanField>>(particulars: O) {
  return built<BooleanField, boolean, boolean, PresenceIn<O>>("boolean", particulars);
}

export function timestamp<const O extends Particulars<TimestampField>>(particulars: O) {
  return built<TimestampField, string, string, PresenceIn<O>>("timestamp", particulars);
}

export type StringMap = Readonly<Record<string, string>>;

export function stringMap<const O extends Particulars<StringMapField>>(particulars: O) {
  return built<StringMapField, StringMap, StringMap, PresenceIn<O>>("stringMap", particulars);
}

/** `default: {}`: an absent object is made of its fields' defaults. */
type ObjectParticulars = Particulars<ObjectField> & { readonly default?: Record<string, never> };

export function object<const O extends ObjectParticulars>(particulars: O) {
  const made = built<ObjectField, ValuesOf<O["fields"]>, WrittenOf<O["fields"]>, PresenceIn<O>>(
    "object",
    particulars,
  );
  return made as typeof made & { readonly fields: O["fields"] };
}

export function list<const O extends Particulars<ListField>>(particulars: O) {
  return built<
    ListField,
    readonly ValueOf<O["items"]>[],
    readonly WrittenAs<O["items"]>[],
    PresenceIn<O>
  >("list", particulars);
}

function built<F extends Field, T, Written, P extends Presence>(
  kind: F["kind"],
  particulars: object,
): F & Typed<T, Written, P> {
  const { optional: _, ...rest } = particulars as { optional?: true };
  return { ...rest, kind, presence: presenceIn(particulars) } as unknown as F &
    Typed<T, Written, P>;
}
