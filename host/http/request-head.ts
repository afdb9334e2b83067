/**
 * The head of a request: bytes in, method, target and headers out, or why not.
 *
 * As strict as RFC 9112 lets a server be that may stand behind a proxy: whatever two readers could take for two
 * different things is refused, so that nobody can hide a request in the body of another one (request smuggling). That
 * is: a line ends with CR LF and holds no other control byte, a header stands on one line with nothing between its name
 * and the colon, and the body's end is told once and in one way.
 */
import { bodyBytesMax, headersMax } from "./limits.ts";

export interface RequestHead {
  readonly method: string;
  /** As it stands in the request line: visible ASCII that begins with `/`, or a whole URL, or `*`. */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  /** As they were sent: name, value, name, value … */
  readonly rawHeaders: readonly string[];
  /** 0: there is no body. */
  readonly bodyLength: number | "chunked";
  readonly expects: "nothing" | "continue" | "other";
  /** Another request may follow on the connection. */
  readonly keepsAlive: boolean;
}

/** Why bytes are no request. */
export class Unreadable {
  readonly what: "malformed" | "tls" | "line" | "headers" | "extensions" | "lateHead" | "lateBody";
  /** In words, of what is malformed. */
  readonly reason: string;

  constructor(what: Unreadable["what"], reason = "") {
    this.what = what;
    this.reason = reason;
  }
}

/** All values of a header, as one (RFC 9110, 5.3). `name` is in lower case. */
export function headerOf({ rawHeaders }: RequestHead, name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!isNamed(rawHeaders[i] ?? "", name)) continue;
    const value = rawHeaders[i + 1] ?? "";
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}

/** The body's length is known to be past the bound before any of it is read. */
export function isDeclaredTooLarge({ bodyLength }: RequestHead): boolean {
  return bodyLength !== "chunked" && bodyLength > bodyBytesMax;
}

/** `bytes` from `from` to `end`: all before the blank line that ends the head, without its last line's end. */
export function parseHead(bytes: Buffer, from: number, end: number): RequestHead | Unreadable {
  const head = new Head();
  return head.read(bytes, from, end) ?? head;
}

/** A header line outside of a head: a trailer. Undefined: it is well formed. */
export function lineFault(line: string): Unreadable | undefined {
  return new Head().readHeaders(line, 0);
}

const badLine = new Unreadable("malformed", "the request line is not: method, target, HTTP/1.1");
const badMethod = new Unreadable("malformed", "there is no such method");
const badTarget = new Unreadable("malformed", "the target is no path");
const badVersion = new Unreadable("malformed", "the version is neither HTTP/1.1 nor HTTP/1.0");
const badName = new Unreadable("malformed", "a header line does not begin with a name and a colon");
const badValue = new Unreadable("malformed", "a header holds a control character");
const tooManyHeaders = new Unreadable("headers");
const twoHosts = new Unreadable("malformed", "it has more than one Host");
const badLength = new Unreadable("malformed", "Content-Length is not one plain number");
const badCoding = new Unreadable("malformed", "Transfer-Encoding is not just chunked");
const twoLengths = new Unreadable("malformed", "it has Content-Length and Transfer-Encoding");
const oldCoding = new Unreadable("malformed", "HTTP/1.0 has no Transfer-Encoding");

/** Those that node:http knows: who asks with one is told which a path takes, all else is a mistake in the bytes. */
const methods = new Set(
  (
    "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH " +
    "UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE " +
    "MKCALENDAR LINK UNLINK SOURCE"
  ).split(" "),
);

const versionAt = " HTTP/1.";
/** With one digit behind it. */
const versionChars = versionAt.length + 1;
const wholeUrl = /^[a-z]+:\/\/[\w.~%:[\]-]+(?:[/?]|$)/i;
const plainNumber = /^\d{1,15}$/;

const tab = 0x09;
const tokenChar = 1;
const valueChar = 2;
const targetChar = 4;
const classes = classify();

function classify(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < table.length; byte++) {
    const char = String.fromCharCode(byte);
    const isVisible = byte > 0x20 && byte < 0x7f;
    table[byte] =
      (/[\w!#$%&'*+.^`|~-]/.test(char) ? tokenChar : 0) |
      (isVisible || byte >= 0x80 || char === " " || char === "\t" ? valueChar : 0) |
      (isVisible ? targetChar : 0);
  }
  return table;
}

/** Where the run of such characters ends that begins at `from`. */
function endOf(text: string, from: number, kind: number): number {
  for (let at = from; at < text.length; at++)
    if (((classes[text.charCodeAt(at)] ?? 0) & kind) === 0) return at;
  return text.length;
}

/** Without a copy. `lower` is of letters and hyphens, which this bit turns into lower case or leaves as they are. */
function isNamed(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  for (let at = 0; at < lower.length; at++)
    if ((name.charCodeAt(at) | 0x20) !== lower.charCodeAt(at)) return false;
  return true;
}

class Head implements RequestHead {
  method = "";
  target = "";
  version: RequestHead["version"] = "1.1";
  readonly rawHeaders: string[] = [];
  bodyLength: number | "chunked" = 0;
  expects: RequestHead["expects"] = "nothing";
  keepsAlive = true;
  #hasHost = false;
  #hasLength = false;
  #asksToClose = false;
  #asksToKeep = false;
  /** The header that is being read had a tab behind its value: some readers take it for a part of the value. */
  #endsInTab = false;

  read(bytes: Buffer, from: number, end: number): Unreadable | undefined {
    const text = bytes.toString("latin1", from, end);
    const found = text.indexOf("\r\n");
    const lineEnd = found < 0 ? text.length : found;
    const space = text.indexOf(" ");
    const targetEnd = lineEnd - versionChars;
    if (space <= 0 || space >= lineEnd) return badLine;
    this.method = text.slice(0, space);
    if (!methods.has(this.method)) return badMethod;
    if (!text.startsWith(versionAt, targetEnd)) return badVersion;
    const minor = text.charAt(lineEnd - 1);
    if (minor === "0") this.version = "1.0";
    else if (minor !== "1") return badVersion;
    if (targetEnd <= space + 1) return badLine;
    if (endOf(text, space + 1, targetChar) !== targetEnd) return badTarget;
    // A string of its own: parts of it may live as long as a grant, and must not keep the whole head.
    this.target = bytes.toString("latin1", from + space + 1, from + targetEnd);
    if (this.method !== "CONNECT" && !isTarget(this.target)) return badTarget;
    return this.readHeaders(text, lineEnd + 2) ?? this.#decide();
  }

  readHeaders(text: string, from: number): Unreadable | undefined {
    let at = from;
    while (at < text.length) {
      const colon = endOf(text, at, tokenChar);
      if (colon === at || text.charCodeAt(colon) !== 0x3a) return badName;
      const end = endOf(text, colon + 1, valueChar);
      if (end < text.length && !text.startsWith("\r\n", end)) return badValue;
      if (this.rawHeaders.length >= 2 * headersMax) return tooManyHeaders;
      const name = text.slice(at, colon);
      const value = trimmed(text, colon + 1, end);
      this.#endsInTab = text.charCodeAt(end - 1) === tab;
      const wrong = this.#note(name, value);
      if (wrong !== undefined) return wrong;
      this.rawHeaders.push(name, value);
      at = end + 2;
    }
    return undefined;
  }

  /** What the server itself must know. Their lengths tell most other names apart. */
  #note(name: string, value: string): Unreadable | undefined {
    switch (name.length) {
      case 4:
        return isNamed(name, "host") ? this.#noteHost() : undefined;
      case 6:
        if (isNamed(name, "expect")) this.#noteExpect(value);
        return undefined;
      case 10:
        if (isNamed(name, "connection")) this.#noteConnection(value.toLowerCase());
        return undefined;
      case 14:
        return isNamed(name, "content-length") ? this.#noteLength(value) : undefined;
      case 17:
        return isNamed(name, "transfer-encoding") ? this.#noteCoding(value) : undefined;
      default:
        return undefined;
    }
  }

  #noteHost(): Unreadable | undefined {
    if (this.#hasHost) return twoHosts;
    this.#hasHost = true;
    return undefined;
  }

  #noteExpect(value: string): void {
    if (value.toLowerCase() !== "100-continue") this.expects = "other";
    else if (this.expects === "nothing") this.expects = "continue";
  }

  #noteConnection(value: string): void {
    for (const option of value.split(",")) {
      const asked = option.trim();
      if (asked === "close") this.#asksToClose = true;
      else if (asked === "keep-alive") this.#asksToKeep = true;
    }
  }

  #noteLength(value: string): Unreadable | undefined {
    if (this.#hasLength || !plainNumber.test(value)) return badLength;
    this.#hasLength = true;
    if (this.bodyLength === "chunked") return twoLengths;
    this.bodyLength = Number(value);
    return undefined;
  }

  #noteCoding(value: string): Unreadable | undefined {
    if (this.#hasLength) return twoLengths;
    if (this.bodyLength === "chunked" || this.#endsInTab) return badCoding;
    if (value.toLowerCase() !== "chunked") return badCoding;
    this.bodyLength = "chunked";
    return undefined;
  }

  #decide(): Unreadable | undefined {
    const isOld = this.version === "1.0";
    if (isOld && this.bodyLength === "chunked") return oldCoding;
    if (isOld) this.expects = "nothing";
    this.keepsAlive = !this.#asksToClose && (!isOld || this.#asksToKeep);
    return undefined;
  }
}

function isTarget(target: string): boolean {
  return target.startsWith("/") || target === "*" || wholeUrl.test(target);
}

/** Without the blanks around it. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === tab;
}
