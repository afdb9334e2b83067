/** Values in etcd are JSON texts. What was written by somebody else may be anything, so reading never throws. */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJson(value: object): Uint8Array {
  const text = JSON.stringify(value);
  return asciiBytes(text) ?? encoder.encode(text);
}

/** Short texts, as these are, are written faster so than by the encoder. Undefined: not all is ASCII. */
function asciiBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return undefined;
    bytes[at] = code;
  }
  return bytes;
}

/** The object that the bytes hold; undefined where they hold anything else. */
export function decodeJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectOf(JSON.parse(decoder.decode(bytes)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** A whole number from 0 to `max`. */
export function wholeOf(value: unknown, max: number): number | undefined {
  const number = numberOf(value) ?? -1;
  return Number.isInteger(number) && number >= 0 && number <= max ? number : undefined;
}

/** A whole number written as decimal text. */
export function bigintOf(value: unknown): bigint | undefined {
  return typeof value === "string" && /^-?\d{1,30}$/.test(value) ? BigInt(value) : undefined;
}

/** The entries of an object whose values are texts; anything else is left out. */
export function textMapOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}

/** One text for one value, whatever the order of its fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
