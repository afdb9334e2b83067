/** Percent-decoding and query strings, without throwing: what cannot be decoded is told with its reason. */

export type Decoded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

const fix = "percent-encode it as UTF-8";

/** One segment of a path. */
export function decodeSegment(raw: string): Decoded {
  let plain = true;
  for (let at = 0; at < raw.length; at++) {
    const code = raw.charCodeAt(at);
    // Beyond ASCII a request line has no agreed meaning: Node hands it on as Latin-1.
    if (code <= 0x20 || code >= 0x7f) {
      return { ok: false, reason: "holds characters that must be percent-encoded", fix };
    }
    if (code === 0x25) plain = false;
  }
  if (plain) return { ok: true, text: raw };
  try {
    return { ok: true, text: decodeURIComponent(raw) };
  } catch {
    // URIError is all that it throws: a stray %, or bytes that are no UTF-8.
    return { ok: false, reason: "is not valid percent-encoded UTF-8", fix };
  }
}

/** A name or value of a query, where '+' is a space, as HTML forms and every client library write it. */
export function decodeQueryPart(raw: string): Decoded {
  return decodeSegment(raw.includes("+") ? raw.replaceAll("+", "%20") : raw);
}

export const queryPairsMax = 64;

export interface RawPair {
  readonly name: string;
  readonly value: string;
}

/** Splits without decoding; undefined: more pairs than anything here takes. */
export function splitQuery(raw: string): RawPair[] | undefined {
  const pairs: RawPair[] = [];
  let start = 0;
  while (start < raw.length) {
    let end = raw.indexOf("&", start);
    if (end === -1) end = raw.length;
    if (end > start) {
      if (pairs.length === queryPairsMax) return undefined;
      const equals = raw.indexOf("=", start);
      const split = equals === -1 || equals > end ? end : equals;
      pairs.push({
        name: raw.slice(start, split),
        value: raw.slice(Math.min(split + 1, end), end),
      });
    }
    start = end + 1;
  }
  return pairs;
}
