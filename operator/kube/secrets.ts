/** Secrets: the resource, and what stands in one, which is base64 on the wire. */
import { textMapOf } from "#core/json.ts";
import type { Resource } from "./objects.ts";

export const secrets: Resource = {
  ...{ group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true },
};

/** Of a Secret's `data`, by key; what is not there is undefined. */
type Entries<T> = Readonly<Record<string, T | undefined>>;

export function bytesIn(data: unknown): Entries<Buffer> {
  return entries(data, (bytes) => bytes);
}

export function textsIn(data: unknown): Entries<string> {
  return entries(data, (bytes) => bytes.toString());
}

/** As `data` has it. */
export function dataOf(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
  );
}

function entries<T>(data: unknown, read: (bytes: Buffer) => T): Entries<T> {
  return Object.fromEntries(
    Object.entries(textMapOf(data)).map(([key, value]) => [
      key,
      read(Buffer.from(value, "base64")),
    ]),
  );
}
