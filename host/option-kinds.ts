/** The kinds of values that options have: each reads a text, or says what it expected. */
import { readFileSync, statSync } from "node:fs";
import { formatDuration, readDurationMs } from "#api/fields/duration.ts";
import { OptionProblem } from "./options.ts";

export function text(value: string): string {
  if (value.trim() === "") throw new OptionProblem("is empty");
  return value.trim();
}

export function flag(value: string): boolean {
  if (value === "true") return true;
  if (value === "false") return false;
  throw new OptionProblem("is neither true nor false");
}

export function choice<const T extends string>(choices: readonly T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((one) => one === value);
    if (found === undefined) throw new OptionProblem(`is none of ${choices.join(", ")}`);
    return found;
  };
}

export function list(value: string): readonly string[] {
  const parts = value.split(",").map((part) => part.trim());
  if (parts.includes(""))
    throw new OptionProblem("has an empty part; parts are separated by single commas");
  return parts;
}

/** A file that can be read now; it may be replaced later. */
export function file(value: string): string {
  try {
    readFileSync(value);
    return value;
  } catch (error) {
    throw new OptionProblem(`cannot be read: ${reason(error)}`);
  }
}

/** A file or folder that exists. */
export function path(value: string): string {
  try {
    statSync(value);
    return value;
  } catch (error) {
    throw new OptionProblem(`cannot be read: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}

/** Name of a Kubernetes namespace or pod: lower-case letters, digits and dashes. */
export function label(value: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) return value;
  throw new OptionProblem(
    "is no name: 1 to 63 lower-case letters, digits and dashes, not at its ends a dash",
  );
}

export function httpUrls(value: string): readonly string[] {
  const urls = list(value);
  for (const url of urls) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol))
      throw new OptionProblem(`: '${url}' is no address like http://127.0.0.1:2379`);
    if (parsed.pathname !== "/" || parsed.search !== "" || parsed.username !== "")
      throw new OptionProblem(`: '${url}' has more than scheme, host and port`);
  }
  return urls;
}

/** Milliseconds of `500ms`, `10s`, `1m30s`. */
export function duration(bounds: { minMs: number; maxMs: number }): (value: string) => number {
  return (value) => {
    const ms = readDurationMs(value);
    if (ms === undefined) throw new OptionProblem("is no duration such as 500ms, 10s or 1m30s");
    if (ms < bounds.minMs) throw new OptionProblem(`is less than ${formatDuration(bounds.minMs)}`);
    if (ms > bounds.maxMs) throw new OptionProblem(`is more than ${formatDuration(bounds.maxMs)}`);
    return ms;
  };
}

export function integer(bounds: { min: number; max: number }): (value: string) => number {
  return (value) => {
    const read = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (read >= bounds.min && read <= bounds.max) return read;
    throw new OptionProblem(
      `is no whole number from ${String(bounds.min)} to ${String(bounds.max)}`,
    );
  };
}
