/** Requests as bytes: right ones, and what a mistake, a careless proxy or an attacker makes of them. */
import fc from "fast-check";

const crlf = "\r\n";

/** A text of latin1 characters is its bytes. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

const method = fc.constantFrom(
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "M-SEARCH",
);
const target = fc.constantFrom(
  "/",
  "/v1/locks/orders/42/acquire?wait=5s&holder=%C3%A4",
  "/v1/session?",
  "/a//b/../c;d=e?f=g?h",
  "/~!$&'()*+,;=:@[]{}|^`<>\"\\",
  "/v1/session#fragment",
  "*",
  "http://localhost:4653/v1/session?x",
  "http://[::1]",
  "HTTP://LOCALHOST/",
);
const header = fc.constantFrom(
  "Accept: */*",
  "accept:text/plain ,\tapplication/json;q=0.5",
  "X-Empty:",
  "X-Blank: \t ",
  "X-Latin: caf\xe9 \x80\xff",
  "X-Tab: a\tb  ",
  "x!#$%&'*+-.^_`|~9: :::",
  "User-Agent: curl/8",
  "Connection: keep-alive",
  "Connection: x, Keep-Alive",
  "Connection: close",
  "Connection: x,close,y",
  "Holdfast-Grant: g",
);

interface Framed {
  readonly headers: readonly string[];
  readonly body: string;
}

const content = fc.constantFrom(
  "{}",
  '{"wait":"5s"}',
  "a\r\nb",
  "0\r\n\r\n",
  "GET / HTTP/1.1\r\n\r\n",
);
const size = fc.constantFrom("", ";", ";a", ";a=b", ';a="b c"', ";a;b=c", " ", ";a=\x01", "; a=b");

const sized = content.map((body): Framed => ({
  headers: [`Content-Length: ${body.length}`],
  body,
}));
const trailer = fc.constantFrom("", "X-Sum: 1\r\n", "X-Sum: 1\r\nX-More:\r\n");
const chunked = fc
  .tuple(fc.array(content, { maxLength: 3 }), trailer)
  .map(([parts, trailers]): Framed => ({
    headers: ["Transfer-Encoding: chunked"],
    body: `${parts.map((part) => `${part.length.toString(16)}${crlf}${part}${crlf}`).join("")}0${crlf}${trailers}${crlf}`,
  }));
const unframed: fc.Arbitrary<Framed> = fc.constant({ headers: [], body: "" });
const emptyBody: fc.Arbitrary<Framed> = fc.constant({ headers: ["Content-Length: 0"], body: "" });

/** Nothing is wrong with these. */
export const rightRequest: fc.Arbitrary<string> = fc
  .record({
    method,
    target,
    version: fc.constantFrom("1.1", "1.1", "1.1", "1.0"),
    headers: fc.array(header, { maxLength: 4 }),
    framed: fc.oneof(unframed, emptyBody, sized, chunked),
  })
  .filter(
    ({ version, framed }) =>
      version === "1.1" || !framed.headers.includes("Transfer-Encoding: chunked"),
  )
  .map(({ method, target, version, headers, framed }) =>
    [
      `${method} ${target} HTTP/${version}`,
      "Host: localhost",
      ...headers,
      ...framed.headers,
      "",
      framed.body,
    ].join(crlf),
  );

/** Two readers of these may see different requests. */
const oddFraming = fc.constantFrom(
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 5, 5",
  "Content-Length: +5",
  "Content-Length: -5",
  "Content-Length: 0x5",
  "Content-Length: 5 5",
  "Content-Length: 05",
  "Content-Length:\t5 ",
  "Content-Length: 5\t",
  "Content-Length: 5\x0b",
  "Content-Length: 5.0",
  "Content-Length: 5e0",
  "Content-Length: \x35\xb2",
  "Content-Length:",
  "Content-Length: 18446744073709551616",
  "Content-Length: 18446744073709551621",
  "Content-Length: 9999999999999999",
  "Content-Length : 5",
  " Content-Length: 5",
  "Content-Length: 5\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunkedx",
  "Transfer-Encoding: CHUNKED",
  "Transfer-Encoding: \tchunked\t",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding:",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\x00: chunked",
  "Transfer\xa0Encoding: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "X: y\r\n Transfer-Encoding: chunked",
  "Host: other",
  "Expect: 100-continue",
  "Expect: wonders",
  "Upgrade: websocket\r\nConnection: upgrade",
  ": nameless",
  "nocolon",
);
const oddBody = fc.constantFrom(
  "12345",
  "5\r\n12345\r\n0\r\n\r\n",
  "0x5\r\n12345\r\n0\r\n\r\n",
  "+5\r\n12345\r\n0\r\n\r\n",
  "5\n12345\n0\n\n",
  "5\r\n12345\n0\r\n\r\n",
  "5\r\n123456\r\n0\r\n\r\n",
  "5\r\n1234\r\n0\r\n\r\n",
  "00000000000000005\r\n12345\r\n0\r\n\r\n",
  "0000000005\r\n12345\r\n0\r\n\r\n",
  "10000000000000005\r\n12345\r\n0\r\n\r\n",
  "fffffffffffffffff\r\n",
  "ffffffff\r\n12345\r\n0\r\n\r\n",
  "\r\n5\r\n12345\r\n0\r\n\r\n",
  "5\r\n12345\r\n000\r\n\r\n",
  "5\r\n12345\r\n0\r\nContent-Length: 5\r\n\r\n",
  "5\r\n12345\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
  "5\r\n12345\r\n0\r\nX y\r\n\r\n",
  "5\r\n12345\r\n0\r\n X: y\r\n\r\n",
  "5\r\n12345\r\n0\r\nX: y\r\n z\r\n\r\n",
  "",
);
const oddChunks = fc
  .tuple(size, size, content)
  .map(
    ([first, last, part]) =>
      `${part.length.toString(16)}${first}${crlf}${part}${crlf}0${last}${crlf}${crlf}`,
  );
const oddLine = fc.constantFrom(
  "POST / HTTP/1.1",
  "POST / HTTP/1.0",
  "POST / HTTP/1.2",
  "POST / HTTP/2.0",
  "POST / HTTP/0.9",
  "POST / HTTP/1.10",
  "POST / HTTP/01.1",
  "POST / http/1.1",
  "POST /",
  "POST",
  "POST  / HTTP/1.1",
  "POST /  HTTP/1.1",
  "POST / HTTP/1.1 ",
  "POST\t/ HTTP/1.1",
  " POST / HTTP/1.1",
  "post / HTTP/1.1",
  "HELLO / HTTP/1.1",
  "PRI * HTTP/2.0",
  "POST x HTTP/1.1",
  "POST *x HTTP/1.1",
  "POST ?x HTTP/1.1",
  "POST /\x00 HTTP/1.1",
  "POST /\x7f HTTP/1.1",
  "POST /\xe4 HTTP/1.1",
  "POST /a b HTTP/1.1",
  "POST /\ta HTTP/1.1",
  "POST http:// HTTP/1.1",
  "POST http://a@b/ HTTP/1.1",
  "POST http://a?b HTTP/1.1",
  "POST http:///x HTTP/1.1",
  "POST http:/x HTTP/1.1",
  "POST ftp://a/b HTTP/1.1",
  "POST h2c+x://a/b HTTP/1.1",
  "CONNECT a:1 HTTP/1.1",
  "\r\nPOST / HTTP/1.1",
  "\nPOST / HTTP/1.1",
  "\r\n\r\nPOST / HTTP/1.1",
  "\rPOST / HTTP/1.1",
);

const oddRequest = fc
  .tuple(
    fc.oneof(fc.constant("POST / HTTP/1.1"), oddLine),
    fc.array(fc.oneof(header, oddFraming), { maxLength: 3 }),
    fc.oneof(oddBody, oddChunks),
  )
  .map(([line, headers, body]) => [line, "Host: localhost", ...headers, "", body].join(crlf));

interface Slip {
  readonly at: number;
  readonly what: "flip" | "drop" | "put" | "double";
  readonly put: string;
  readonly bit: number;
}

const slip: fc.Arbitrary<Slip> = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  what: fc.constantFrom("flip", "drop", "put", "double"),
  put: fc.constantFrom(
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\0",
    ":",
    ",",
    ";",
    "\x7f",
    "\xa0",
    "0",
    "\r\n ",
  ),
  bit: fc.nat(7),
});

function slipped(text: string, { at, what, put, bit }: Slip): string {
  const place = Math.floor(at * text.length);
  const [before, after] = [text.slice(0, place), text.slice(place + 1)];
  switch (what) {
    case "flip":
      return before + String.fromCharCode(text.charCodeAt(place) ^ (1 << bit)) + after;
    case "drop":
      return before + after;
    case "put":
      return before + put + text.slice(place);
    case "double": {
      const lines = text.split(crlf);
      lines.splice(Math.floor(at * lines.length), 0, lines[Math.floor(at * lines.length)] ?? "");
      return lines.join(crlf);
    }
  }
}

/** Where a byte more or less matters most. */
const lineEndSlip = fc.tuple(
  fc.nat(40),
  fc.constantFrom("\r", "\n", "\n\r", "\r\r\n", " \r\n", "\0\r\n"),
);

function slippedLineEnd(text: string, [nth, put]: readonly [number, string]): string {
  const lines = text.split(crlf);
  if (lines.length < 2) return text;
  const at = nth % (lines.length - 1);
  return lines.reduce((all, line, i) => all + (i - 1 === at ? put : crlf) + line);
}

const anyRequest = fc.oneof(
  { weight: 2, arbitrary: rightRequest },
  { weight: 3, arbitrary: oddRequest },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.oneof(rightRequest, oddRequest), fc.array(slip, { minLength: 1, maxLength: 2 }))
      .map(([text, slips]) => slips.reduce(slipped, text)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(rightRequest, lineEndSlip).map(([text, end]) => slippedLineEnd(text, end)),
  },
);

/** All that a client sends on one connection. */
export const connectionBytes: fc.Arbitrary<string> = fc
  .array(anyRequest, { minLength: 1, maxLength: 3 })
  .map((texts) => texts.join(""));
