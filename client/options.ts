/**
 * What callers hand in, looked at before anything is asked: JavaScript has no types, and an option that is taken for another, or
 * for none, is a lock that nobody renews. An option that is undefined is unset.
 */
import { durationMs } from "./duration.ts";
import { HoldfastError } from "./error.ts";

/** What an option may be. */
export interface Kind {
  /** In words: it may be … */
  readonly may: string;
  readonly fits: (value: unknown) => boolean;
}

/** A kind for each option of such a call. */
export type KindsOf<Options> = { readonly [Name in keyof Options]-?: Kind };

export const anyText: Kind = { may: "text", fits: (value) => typeof value === "string" };
export const trueOrFalse: Kind = {
  may: "true or false",
  fits: (value) => typeof value === "boolean",
};
export const count: Kind = {
  may: "a whole number from 1",
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};
export const anyFunction: Kind = {
  may: "a function",
  fits: (value) => typeof value === "function",
};
export const texts: Kind = {
  may: "an object of texts by name",
  fits: (value) =>
    isObject(value) &&
    Object.values(value).every((text) => text === undefined || typeof text === "string"),
};
/** Of whatever realm. */
export const abortSignal: Kind = {
  may: "an AbortSignal",
  fits: (value) =>
    typeof value === "object" &&
    value !== null &&
    "aborted" in value &&
    "throwIfAborted" in value &&
    "addEventListener" in value,
};
/** Refused in the words that it is refused in anywhere. */
export const duration: Kind = {
  may: "a duration such as '500ms', '10s' or '1m30s', or a number of milliseconds",
  fits: (value) => typeof value === "string" || typeof value === "number",
};
export function oneOf(...values: readonly string[]): Kind {
  const may = values.map((value) => `'${value}'`).join(" or ");
  return { may, fits: (value) => values.includes(value as string) };
}

/**
 * @param call what was called: `acquire()`
 * @throws HoldfastError `malformed`, which names the option, what was given and what may be
 */
export function checkOptions<Options extends object>(
  call: string,
  options: Options,
  kinds: KindsOf<Options>,
): void {
  checkObject({ call, at: "" }, options, kinds);
}

interface Place {
  readonly call: string;
  /** The path of the object; empty: it is all of the call's options. */
  readonly at: string;
}

export function checkObject<Options extends object>(
  { call, at }: Place,
  options: Options,
  kinds: KindsOf<Options>,
): void {
  if (!isObject(options)) {
    const instead = `${call} takes an object there, with ${namesOf(kinds)}`;
    throw wrong(at === "" ? "options" : at, instead, options);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const path = at === "" ? name : `${at}.${name}`;
    if (!Object.hasOwn(kinds, name))
      throw malformed(path, `${call} has no such option; it has ${namesOf(kinds)}`);
    checkOption(path, value, kinds[name as keyof Options]);
  }
}

export function checkOption(field: string, value: unknown, kind: Kind): void {
  if (!kind.fits(value)) throw wrong(field, `it may be ${kind.may}`, value);
  if (kind === duration) durationMs(field, value as string | number);
}

/** What is to run while the lock is held. */
export function checkWork(work: unknown): void {
  if (typeof work === "function") return;
  throw wrong("work", "using() takes a function as its last argument, to run under the lock", work);
}

export function wrong(field: string, instead: string, value: unknown): HoldfastError {
  return malformed(field, `${shown(value)} was given; ${instead}`);
}

function malformed(field: string, why: string): HoldfastError {
  return new HoldfastError("malformed", `${field}: ${why}.`, { facts: { field } });
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function namesOf(kinds: object): string {
  return Object.keys(kinds).join(", ");
}

const shownCharsMax = 50;

function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `'${value.slice(0, shownCharsMax)}'`;
    case "undefined":
      return "nothing";
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "a list" : "an object";
    default:
      return String(value);
  }
}
