/** What a text may hold: bytes of UTF-8, control characters, Kubernetes' names. */
import { lockNameBytesMax } from "../names.ts";

const labelCharsMax = 63;
const subdomainCharsMax = 253;

/** Which texts a field takes. Each is a check with the words that a refusal says, and a pattern for JSON schemas. */
export interface TextForm {
  readonly accepts: (text: string) => boolean;
  /** Completes "must be …". */
  readonly mustBe: string;
  readonly pattern?: string;
  /** In bytes of UTF-8. */
  readonly bytesMin: number;
  readonly bytesMax: number;
}

const labelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const label = new RegExp(`^${labelPattern}$`);
const subdomain = new RegExp(`^${labelPattern}(\\.${labelPattern})*$`);
/** In the escapes that JavaScript and Go (the API server) read alike. */
const plainPattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";
const dataKey = /^[-._a-zA-Z0-9]+$/;
const host = "([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:.]+\\])";
/** From 1 to 65535. */
const port =
  "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const endpoint = new RegExp(`^https?://${host}:${port}$`);
const decimal = /^(0|[1-9][0-9]*)$/;
/** The part of Kubernetes' quantities that people write for bytes; what begins with 0 would be none or a riddle. */
const byteSize = /^[1-9][0-9]{0,5}(Mi|Gi|Ti)$/;

export const forms = {
  /** Any text without control characters. */
  plain: {
    accepts: isPlain,
    mustBe: "text without control characters",
    pattern: plainPattern,
    bytesMin: 0,
    bytesMax: 65_536,
  },
  /** Any text at all: only in what we answer. */
  prose: {
    accepts: (text) => text.isWellFormed(),
    mustBe: "well-formed text",
    bytesMin: 0,
    bytesMax: 65_536,
  },
  label: {
    accepts: (text) => label.test(text),
    mustBe: "a DNS label: lower-case letters, digits and '-', with a letter or digit at both ends",
    pattern: label.source,
    bytesMin: 1,
    bytesMax: labelCharsMax,
  },
  /** The name of most Kubernetes objects. */
  subdomain: {
    accepts: (text) => subdomain.test(text),
    mustBe:
      "a DNS subdomain: lower-case letters, digits, '-' and '.', with a letter or digit at both ends",
    pattern: subdomain.source,
    bytesMin: 1,
    bytesMax: subdomainCharsMax,
  },
  lockName: {
    accepts: isPlain,
    mustBe: "text without control characters",
    pattern: plainPattern,
    bytesMin: 1,
    bytesMax: lockNameBytesMax,
  },
  /** A key of a Secret's data. */
  dataKey: {
    accepts: (text) => dataKey.test(text),
    mustBe: "a key of a Secret: letters, digits, '-', '_' and '.'",
    pattern: dataKey.source,
    bytesMin: 1,
    bytesMax: subdomainCharsMax,
  },
  /** Where a server of etcd answers: the port is written, since gRPC's default is not etcd's. */
  endpoint: {
    // An address that only looks like one passes the pattern: whoever connects reads it as a URL.
    accepts: (text) => endpoint.test(text) && URL.canParse(text),
    mustBe: "a URL of scheme, host and port, such as 'https://etcd-0.etcd:2379'",
    pattern: endpoint.source.replaceAll("\\/", "/"),
    bytesMin: 1,
    bytesMax: 261,
  },
  /** A whole number above what JavaScript holds, so written as text. */
  decimal: {
    accepts: (text) => decimal.test(text),
    mustBe: "a whole number in decimal digits",
    pattern: decimal.source,
    bytesMin: 1,
    bytesMax: 39,
  },
  /** Bytes, as a quantity of Kubernetes. */
  byteSize: {
    accepts: (text) => byteSize.test(text),
    mustBe: "a whole number of Mi, Gi or Ti, such as '8Gi'",
    pattern: byteSize.source,
    bytesMin: 3,
    bytesMax: 8,
  },
} as const satisfies Record<string, TextForm>;

export type FormName = keyof typeof forms;

/** Well-formed (no lone surrogate) and without the control characters of C0, DEL and C1. */
export function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false;
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(at + 1);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    at++;
  }
  return true;
}

/** Bytes of the text in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // The two halves of a surrogate pair are 2 units and 4 bytes; any other unit above 0x7ff is 3.
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

const quotedCharsMax = 64;

/** What a caller sent, for a message: bounded, and without anything that breaks a log line. */
export function quote(text: string): string {
  const shown = text.length > quotedCharsMax ? `${text.slice(0, quotedCharsMax)}…` : text;
  return `'${isPlain(shown) ? shown : JSON.stringify(shown).slice(1, -1)}'`;
}

/** A value of any kind, for a message. */
export function quoteAny(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || typeof value === "boolean")
    return `the ${typeof value} ${String(value)}`;
  return value === null || value === undefined ? "nothing" : "an object";
}
