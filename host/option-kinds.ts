/** The kinds of values that options have: each reads a text, or says what it expected. */
import { readFileSync, statSync } from "node:fs";
import { durationExamples, formatDuration, readDurationMs } from "#api/fields/duration.ts";
import { OptionProblem, parseOf, type Parse } from "./options.ts";

export const text = parseOf("text that is not blank", (value) => {
  if (value.trim() === "") throw new OptionProblem("is empty");
  return value.trim();
});

export function flag(value: string): boolean {
  if (value === "true") return true;
  if (value === "false") return false;
  throw new OptionProblem("is neither true nor false");
}

export function choice<const T extends string>(choices: readonly T[]): Parse<T> {
  return parseOf(choices.join(", "), (value) => {
    const found = choices.find((one) => one === value);
    if (found === undefined) throw new OptionProblem(`is none of ${choices.join(", ")}`);
    return found;
  });
}

export function list(value: string): readonly string[] {
  const parts = value.split(",").map((part) => part.trim());
  if (parts.includes(""))
    throw new OptionProblem("has an empty part; parts are separated by single commas");
  return parts;
}

/** It may be replaced later. */
export const file = parseOf("a file that can be read", (value) => {
  try {
    readFileSync(value);
    return value;
  } catch (error) {
    throw new OptionProblem(`cannot be read: ${reason(error)}`);
  }
});

export const path = parseOf("a file or folder that exists", (value) => {
  try {
    statSync(value);
    return value;
  } catch (error) {
    throw new OptionProblem(`cannot be read: ${reason(error)}`);
  }
});

/** A folder that exists. */
export function folder(value: string): string {
  path(value);
  if (!statSync(value).isDirectory()) throw new OptionProblem("is no folder");
  return value;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "unreadable";
}

const labelRange = "1 to 63 lower-case letters, digits and dashes, not at its ends a dash";

/** Name of a Kubernetes namespace or pod. */
export const label = parseOf(labelRange, (value) => {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) return value;
  throw new OptionProblem(`is no name: ${labelRange}`);
});

export const httpUrls = parseOf("http:// or https:// with host and port", (value) => {
  const urls = list(value);
  for (const url of urls) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol))
      throw new OptionProblem(`: '${url}' is no address like http://127.0.0.1:2379`);
    if (parsed.pathname !== "/" || parsed.search !== "" || parsed.username !== "")
      throw new OptionProblem(`: '${url}' has more than scheme, host and port`);
  }
  return urls;
});

/** Milliseconds of `500ms`, `10s`, `1m30s`. */
export function duration({ minMs, maxMs }: { minMs: number; maxMs: number }): Parse<number> {
  const [least, most] = [formatDuration(minMs), formatDuration(maxMs)];
  return parseOf(`${least} to ${most}`, (value) => {
    const ms = readDurationMs(value);
    if (ms === undefined)
      throw new OptionProblem(`is no duration; write it as in ${durationExamples}`);
    if (ms < minMs) throw new OptionProblem(`is less than ${least}`);
    if (ms > maxMs) throw new OptionProblem(`is more than ${most}`);
    return ms;
  });
}

export function integer({ min, max }: { min: number; max: number }): Parse<number> {
  return parseOf(`${String(min)} to ${String(max)}`, (value) => {
    const read = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (read >= min && read <= max) return read;
    throw new OptionProblem(`is no whole number from ${String(min)} to ${String(max)}`);
  });
}
