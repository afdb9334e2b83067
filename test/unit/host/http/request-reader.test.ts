import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { bodyBytesMax, extensionBytesMax, headerBytesMax, headersMax } from "#host/http/limits.ts";
import { headerOf, Unreadable, type RequestHead } from "#host/http/request-head.ts";
import { RequestReader } from "#host/http/request-reader.ts";
import { bytesOf, connectionBytes, rightRequest } from "./request-bytes.ts";

type Seen = RequestHead | { readonly body: string } | "tooLarge" | Unreadable;

/** All that the pieces amount to, with a look after each. */
function readAll(pieces: readonly string[]): Seen[] {
  const reader = new RequestReader();
  const seen: Seen[] = [];
  for (const piece of pieces) {
    reader.push(bytesOf(piece));
    for (let read = reader.next(); read !== undefined; read = reader.next()) {
      seen.push(Buffer.isBuffer(read) ? { body: read.toString("latin1") } : read);
      if (read === "tooLarge" || read instanceof Unreadable) return seen;
    }
  }
  return seen;
}

/** What is unreadable may be known earlier, and for another reason, when it comes in pieces. */
function essence(seen: readonly Seen[]): unknown {
  return seen.map((one) => (one instanceof Unreadable ? "unreadable" : { ...(one as object) }));
}

function headOf(text: string): RequestHead {
  const [head] = readAll([text]);
  assert.ok(typeof head === "object" && "method" in head, JSON.stringify(head));
  return head;
}

const line = "POST /a HTTP/1.1\r\n";
const withHeaders = (...headers: string[]): string =>
  `${line}${headers.map((header) => `${header}\r\n`).join("")}\r\n`;
const chunkedHead = withHeaders("Transfer-Encoding: chunked");

describe("the head of a request", () => {
  it("is method, target, version and headers as they were sent", () => {
    const head = headOf(
      "GET /v1/locks?a=%20 HTTP/1.1\r\nHost: localhost\r\nX-A:1\r\nx-a: \t2 \t\r\nX-B:\r\n\r\n",
    );
    assert.deepEqual([head.method, head.target, head.version], ["GET", "/v1/locks?a=%20", "1.1"]);
    assert.deepEqual(head.rawHeaders, [
      ...["Host", "localhost"],
      ...["X-A", "1"],
      ...["x-a", "2"],
      ...["X-B", ""],
    ]);
    assert.equal(headerOf(head, "x-a"), "1, 2");
    assert.equal(headerOf(head, "x-b"), "");
    assert.equal(headerOf(head, "x-c"), undefined);
  });

  const facts: [string, string, Partial<RequestHead>][] = [
    ["no body", withHeaders("Host: a"), { bodyLength: 0, keepsAlive: true, expects: "nothing" }],
    ["an empty body", withHeaders("Content-Length: 0"), { bodyLength: 0 }],
    ["a length", withHeaders("content-LENGTH:\t 17 "), { bodyLength: 17 }],
    ["a length with zeros before it", withHeaders("Content-Length: 007"), { bodyLength: 7 }],
    ["chunks", withHeaders("transfer-encoding: Chunked"), { bodyLength: "chunked" }],
    ["close", withHeaders("Connection: x, CLOSE"), { keepsAlive: false }],
    [
      "close among others",
      withHeaders("Connection: a", "Connection: close"),
      { keepsAlive: false },
    ],
    ["what only looks like close", withHeaders("Connection: closed"), { keepsAlive: true }],
    ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { version: "1.0", keepsAlive: false }],
    [
      "HTTP/1.0 that goes on",
      "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
      { keepsAlive: true },
    ],
    [
      "HTTP/1.0 that cannot decide",
      "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
      { keepsAlive: false },
    ],
    ["a question", withHeaders("Expect: 100-Continue"), { expects: "continue" }],
    [
      "a question of HTTP/1.0",
      "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
      { expects: "nothing" },
    ],
    ["a wonder", withHeaders("Expect: wonders", "Expect: 100-continue"), { expects: "other" }],
    [
      "a whole URL",
      "GET http://localhost:1/a?b HTTP/1.1\r\n\r\n",
      { target: "http://localhost:1/a?b" },
    ],
    ["a blank line before it", "\r\nGET / HTTP/1.1\r\n\r\n", { method: "GET" }],
  ];
  for (const [what, text, expected] of facts) {
    it(`says what the server must know: ${what}`, () => {
      assert.partialDeepStrictEqual({ ...headOf(text) }, expected);
    });
  }

  const wrong: [string, string, RegExp][] = [
    ["a line without a target", "HELLO\r\n\r\n", /request line/],
    ["a method of nobody", "HELLO / HTTP/1.1\r\n\r\n", /method/],
    ["a method in lower case", "get / HTTP/1.1\r\n\r\n", /method/],
    ["a blank before the method", " GET / HTTP/1.1\r\n\r\n", /method|request line/],
    ["no version", "GET /\r\n\r\n", /version/],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /method/],
    ["HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", /version/],
    ["HTTP/1.10", "GET / HTTP/1.10\r\n\r\n", /version/],
    ["http/1.1", "GET / http/1.1\r\n\r\n", /version/],
    ["two blanks", "GET  / HTTP/1.1\r\n\r\n", /target/],
    ["a blank at the end", "GET / HTTP/1.1 \r\n\r\n", /version/],
    ["no target", "GET  HTTP/1.1\r\n\r\n", /request line|target|version/],
    ["a target with a blank", "GET /a b HTTP/1.1\r\n\r\n", /target/],
    ["a target with a tab", "GET /a\tb HTTP/1.1\r\n\r\n", /target/],
    ["a target with a null", "GET /a\0b HTTP/1.1\r\n\r\n", /target/],
    ["a target with DEL", "GET /a\x7fb HTTP/1.1\r\n\r\n", /target/],
    ["a target that is not ASCII", "GET /\xe4 HTTP/1.1\r\n\r\n", /target/],
    ["a target without a slash", "GET a HTTP/1.1\r\n\r\n", /target/],
    ["a URL with a user", "GET http://a@b/ HTTP/1.1\r\n\r\n", /target/],
    ["a bare line feed after the line", "GET / HTTP/1.1\nHost: a\r\n\r\n", /version|target/],
    ["a bare line feed", withHeaders("A: b\nC: d"), /control/],
    ["a bare carriage return", withHeaders("A: b\rC: d"), /control/],
    ["a carriage return too many", withHeaders("A: b\r"), /control/],
    ["a null in a value", withHeaders("A: b\0"), /control/],
    ["a form feed in a value", withHeaders("A: b\x0c"), /control/],
    ["a DEL in a value", withHeaders("A: b\x7f"), /control/],
    ["a header on two lines", withHeaders("A: b", " c"), /name and a colon/],
    ["a header on two lines, with a tab", withHeaders("A: b", "\tc"), /name and a colon/],
    ["a blank before the first header", withHeaders(" A: b"), /name and a colon/],
    ["a blank before the colon", withHeaders("A : b"), /name and a colon/],
    ["a tab before the colon", withHeaders("A\t: b"), /name and a colon/],
    ["a header without a name", withHeaders(": b"), /name and a colon/],
    ["a header without a colon", withHeaders("A"), /name and a colon/],
    ["a name with a null", withHeaders("A\0: b"), /name and a colon/],
    ["a name that is not ASCII", withHeaders("A\xe4: b"), /name and a colon/],
    ["a name in brackets", withHeaders("(A): b"), /name and a colon/],
    ["two Hosts", withHeaders("Host: a", "host: a"), /more than one Host/],
    ["two lengths", withHeaders("Content-Length: 1", "Content-Length: 2"), /one plain number/],
    ["a length twice", withHeaders("Content-Length: 1", "Content-Length: 1"), /one plain number/],
    ["a list of lengths", withHeaders("Content-Length: 1, 1"), /one plain number/],
    ["an empty length", withHeaders("Content-Length:"), /one plain number/],
    ["a signed length", withHeaders("Content-Length: +1"), /one plain number/],
    ["a negative length", withHeaders("Content-Length: -1"), /one plain number/],
    ["a length in hex", withHeaders("Content-Length: 0x1"), /one plain number/],
    ["a length with a fraction", withHeaders("Content-Length: 1.0"), /one plain number/],
    ["a length with an exponent", withHeaders("Content-Length: 1e1"), /one plain number/],
    ["a length of other digits", withHeaders("Content-Length: 1\xb2"), /one plain number/],
    [
      "a length beyond counting",
      withHeaders(`Content-Length: ${"9".repeat(16)}`),
      /one plain number/,
    ],
    ["length and chunks", withHeaders("Content-Length: 1", "Transfer-Encoding: chunked"), /and Tr/],
    ["chunks and length", withHeaders("Transfer-Encoding: chunked", "Content-Length: 1"), /and Tr/],
    [
      "chunks and no length",
      withHeaders("Content-Length: 0", "Transfer-Encoding: chunked"),
      /and Tr/,
    ],
    [
      "chunks twice",
      withHeaders("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
      /just/,
    ],
    ["chunks in a list", withHeaders("Transfer-Encoding: chunked, chunked"), /just chunked/],
    ["another coding", withHeaders("Transfer-Encoding: identity"), /just chunked/],
    [
      "another coding before chunks",
      withHeaders("Transfer-Encoding: gzip, chunked"),
      /just chunked/,
    ],
    ["almost chunked", withHeaders("Transfer-Encoding: xchunked"), /just chunked/],
    ["chunked and a control byte", withHeaders("Transfer-Encoding: \x0bchunked"), /control/],
    ["chunked and a tab", withHeaders("Transfer-Encoding: chunked\t"), /just chunked/],
    ["no coding", withHeaders("Transfer-Encoding:"), /just chunked/],
    [
      "chunks in HTTP/1.0",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      /HTTP\/1.0 has no/,
    ],
    ["two blank lines before it", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", /request line/],
  ];
  for (const [what, text, reason] of wrong) {
    it(`is refused with ${what}`, () => {
      const seen = readAll([text]);
      const [unreadable] = seen;
      assert.ok(unreadable instanceof Unreadable, JSON.stringify(seen));
      assert.equal(unreadable.what, "malformed");
      assert.match(unreadable.reason, reason);
      assert.equal(seen.length, 1);
    });
  }

  it("is refused at its first byte where that is no HTTP", () => {
    assert.equal((readAll(["\x16\x03\x01"])[0] as Unreadable).what, "tls");
    assert.equal((readAll(["\0"])[0] as Unreadable).what, "malformed");
    assert.deepEqual(readAll(["\r"]), []);
  });

  it("has a bound for its bytes, also where they never end", () => {
    const full = withHeaders(`A: ${"b".repeat(headerBytesMax - line.length - 7)}`);
    assert.equal(full.length, headerBytesMax);
    assert.equal(headOf(full).method, "POST");
    const cases: [string[], Unreadable["what"]][] = [
      [[full.replace("A: ", "A: b")], "headers"],
      [[line, `A: ${"b".repeat(headerBytesMax)}`], "headers"],
      [[`GET /${"a".repeat(headerBytesMax)} HTTP/1.1\r\n\r\n`], "line"],
      [Array.from("G".repeat(headerBytesMax + 1)), "line"],
    ];
    for (const [pieces, what] of cases) assert.equal((readAll(pieces)[0] as Unreadable).what, what);
  });

  it("has a bound for the number of its headers", () => {
    const many = (count: number) =>
      withHeaders(...Array.from({ length: count }, (_, i) => `A${i}: b`));
    assert.equal(headOf(many(headersMax)).rawHeaders.length, 2 * headersMax);
    assert.equal((readAll([many(headersMax + 1)])[0] as Unreadable).what, "headers");
  });
});

describe("the body of a request", () => {
  const bodies: [string, string, string][] = [
    ["by its length", `${withHeaders("Content-Length: 5")}12345`, "12345"],
    ["in one chunk", `${chunkedHead}5\r\n12345\r\n0\r\n\r\n`, "12345"],
    [
      "in several",
      `${chunkedHead}1\r\n1\r\n00a\r\n\r\n34\r\n78\r\n\r\n0\r\n\r\n`,
      "1\r\n34\r\n78\r\n",
    ],
    ["in none", `${chunkedHead}0\r\n\r\n`, ""],
    ["with a size in capitals", `${chunkedHead}A\r\n0123456789\r\n000\r\n\r\n`, "0123456789"],
    ["with extensions", `${chunkedHead}1;a;b=c;d="e f"\r\n1\r\n0;last\r\n\r\n`, "1"],
    ["with trailers", `${chunkedHead}1\r\n1\r\n0\r\nX-Sum: 1\r\nX-Empty:\r\n\r\n`, "1"],
    [
      "as long as may be",
      `${withHeaders(`Content-Length: ${bodyBytesMax}`)}${"a".repeat(bodyBytesMax)}`,
      "a".repeat(bodyBytesMax),
    ],
    [
      "as long as may be, in chunks",
      `${chunkedHead}8000\r\n${"a".repeat(32_768)}\r\n8000\r\n${"a".repeat(32_768)}\r\n0\r\n\r\n`,
      "a".repeat(bodyBytesMax),
    ],
  ];
  for (const [what, text, body] of bodies) {
    it(`is read ${what}, and the next request after it`, () => {
      const next = "GET /next HTTP/1.1\r\n\r\n";
      for (const pieces of [[text + next], Array.from(text + next)]) {
        const [, read, head] = readAll(pieces);
        assert.deepEqual(read, { body });
        assert.equal((head as RequestHead).target, "/next");
      }
    });
  }

  const wrong: [string, string, RegExp][] = [
    ["a size that is no hex", "zz\r\n", /plain hex/],
    ["a size with 0x", "0x1\r\n1\r\n", /plain hex/],
    ["a signed size", "+1\r\n1\r\n", /plain hex/],
    ["a size with a blank before it", " 1\r\n1\r\n", /plain hex/],
    ["a size with a blank after it", "1 \r\n1\r\n", /plain hex/],
    ["an empty size", "\r\n1\r\n", /plain hex/],
    ["a size with an underscore", "1_0\r\n", /plain hex/],
    ["a size that overflows", "100000000000000001\r\n1\r\n", /plain hex/],
    ["a size of nine digits", "000000001\r\n1\r\n", /plain hex/],
    ["an extension without a name", "1;\r\n1\r\n", /plain hex/],
    ["an extension with a control byte", "1;a=\x01\r\n1\r\n", /plain hex/],
    ["an extension with an open quote", '1;a="\r\n1\r\n', /plain hex/],
    ["an extension with a bare carriage return", "1;a\rb\r\n1\r\n", /plain hex/],
    ["a bare line feed after the size", "1\n1\r\n0\r\n\r\n", /CR LF/],
    ["a bare line feed after the data", "1\r\n1\n0\r\n\r\n", /CR LF|as long as/],
    ["data that is too long", "1\r\n12\r\n0\r\n\r\n", /as long as|CR LF/],
    ["data that is too short", "3\r\n1\r\n0\r\n\r\n", /as long as/],
    ["a bare line feed at the end", "0\r\n\n", /CR LF/],
    ["a trailer that is none", "0\r\nX y\r\n\r\n", /name and a colon/],
    ["a trailer on two lines", "0\r\nX: y\r\n z\r\n\r\n", /name and a colon/],
    ["a trailer with a control byte", "0\r\nX: \0\r\n\r\n", /control/],
    ["a length in a trailer", "0\r\nContent-Length: 1\r\n\r\n", /only a header/],
    ["a coding in a trailer", "0\r\ntransfer-encoding: chunked\r\n\r\n", /only a header/],
  ];
  for (const [what, text, reason] of wrong) {
    it(`is refused with ${what}`, () => {
      for (const pieces of [[chunkedHead + text], [chunkedHead, ...Array.from(text)]]) {
        const seen = readAll(pieces);
        const last = seen.at(-1);
        assert.ok(last instanceof Unreadable, JSON.stringify(seen));
        assert.equal(last.what, "malformed");
        assert.match(last.reason, reason);
        assert.equal(seen.length, 2);
      }
    });
  }

  it("has a bound, known from its length or found in its chunks", () => {
    assert.equal(readAll([withHeaders(`Content-Length: ${bodyBytesMax + 1}`)])[1], "tooLarge");
    assert.equal(readAll([`${chunkedHead}10001\r\n`])[1], "tooLarge");
    const half = `8000\r\n${"a".repeat(0x8000)}\r\n`;
    assert.equal(readAll([`${chunkedHead}${half}${half}1\r\n`])[1], "tooLarge");
  });

  it("has bounds for what stands around it", () => {
    const long = `1;${"a".repeat(extensionBytesMax - 1)}\r\n1\r\n`;
    assert.equal(readAll([`${chunkedHead}${long}0\r\n\r\n`]).length, 2);
    const what = (...pieces: string[]) =>
      (readAll([chunkedHead, ...pieces]).at(-1) as Unreadable).what;
    assert.equal(what(`${long}1;a\r\n`), "extensions");
    assert.equal(
      what(...Array.from({ length: extensionBytesMax }, () => "1;a\r\n1\r\n")),
      "extensions",
    );
    assert.equal(what(`1;${"a".repeat(extensionBytesMax + 20)}`), "extensions");
    assert.equal(what(...Array.from("f".repeat(extensionBytesMax + 20))), "extensions");
    assert.equal(what("0\r\n", `X: ${"a".repeat(headerBytesMax)}`), "headers");
    assert.equal(
      what("0\r\n", ...Array.from({ length: headersMax + 1 }, () => "X: y\r\n")),
      "headers",
    );
    // No line end where one must stand.
    assert.equal(what("1\r\n1", "aaa"), "malformed");
  });
});

describe("requests in pieces", () => {
  it("may come before those before them are asked for", () => {
    const reader = new RequestReader();
    const targets: string[] = [];
    const next = () => targets.push((reader.next() as RequestHead).target);
    reader.push(bytesOf(`GET /1 HTTP/1.1\r\nX-Long: ........\r\n\r\nGET /2 HTTP/1.1\r\n\r\nG`));
    next();
    reader.push(bytesOf("ET /3 HTTP/1.1\r\n\r\n"));
    next();
    next();
    assert.deepEqual(targets, ["/1", "/2", "/3"]);
    assert.equal(reader.isMidway, false);
  });

  it("may each have a blank line before them", () => {
    const one = "\r\nGET / HTTP/1.1\r\n\r\n";
    for (const pieces of [[one + one], [one, one, "\r\n"], Array.from(one + one)])
      assert.deepEqual(
        readAll(pieces).map((seen) => (seen as RequestHead).method),
        ["GET", "GET"],
      );
  });

  it("keep nothing of what the socket read but what they need", () => {
    for (const [head, from, rest] of [
      [withHeaders("Content-Length: 4"), "ab", "cd"],
      [chunkedHead, "4\r\nab", "cd\r\n0\r\n\r\n"],
    ] as const) {
      const reader = new RequestReader();
      const read = bytesOf(head + from);
      reader.push(read);
      assert.ok("method" in (reader.next() as RequestHead));
      assert.equal(reader.next(), undefined);
      read.fill("x");
      reader.push(bytesOf(rest));
      assert.deepEqual(reader.next(), bytesOf("abcd"));
    }
  });

  it("are the same as whole, wherever they are cut", () => {
    const text = fc.oneof(
      fc.array(rightRequest, { maxLength: 3 }).map((all) => all.join("")),
      connectionBytes,
    );
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
    fc.assert(
      fc.property(text, cuts, (whole, places) => {
        const at = [0, ...places.map((place) => Math.floor(place * whole.length)), whole.length];
        at.sort((x, y) => x - y);
        const pieces = at.slice(1).map((end, i) => whole.slice(at[i], end));
        assert.deepEqual(essence(readAll(pieces)), essence(readAll([whole])));
        assert.deepEqual(essence(readAll(Array.from(whole))), essence(readAll([whole])));
      }),
      { numRuns: 1_000, seed: 20261124 },
    );
  });

  it("are the same as whole at each single boundary", () => {
    fc.assert(
      fc.property(rightRequest, rightRequest, (first, second) => {
        const whole = first + second;
        const expected = essence(readAll([whole]));
        for (let at = 0; at <= whole.length; at++)
          assert.deepEqual(essence(readAll([whole.slice(0, at), whole.slice(at)])), expected);
      }),
      { numRuns: 30, seed: 20261124 },
    );
  });
});
