import assert from "node:assert/strict";
import { describe, it } from "mocha";
import fc from "fast-check";
import { AnswerReader, Unreadable, type Answer } from "#client/http/answer-reader.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

/** Fed in pieces, each of which is overwritten after it was read, as the shared buffer is. */
function readIn(pieces: readonly Buffer[]): { answers: Answer[]; reader: AnswerReader } {
  const reader = new AnswerReader();
  const answers: Answer[] = [];
  for (const piece of pieces) {
    const copy = Buffer.from(piece);
    let answer = reader.push(copy);
    copy.fill(0x21);
    for (; answer !== undefined; answer = reader.next()) answers.push(answer);
  }
  return { answers, reader };
}

function cut(whole: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((each) => each % whole.length).sort((a, b) => a - b), whole.length];
  return places.slice(1).map((end, i) => whole.subarray(places[i], end));
}

const body = '{"grantId":"s-1-0","holder":"Zoë 日本"}';
const wholes: Readonly<Record<string, string>> = {
  "by its length": `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nConnection: keep-alive\r\n\r\n${body}`,
  "in chunks": `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(body)}`,
  "after an interim answer": `HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
};

function chunked(text: string): string {
  const [first, second] = [text.slice(0, 10), text.slice(10)];
  const size = (part: string) => Buffer.byteLength(part).toString(16);
  return `${size(first)};x=y\r\n${first}\r\n${size(second).toUpperCase()}\r\n${second}\r\n0\r\nTrailer: 1\r\n\r\n`;
}

describe("an answer", () => {
  for (const [how, whole] of Object.entries(wholes)) {
    it(`with a body ${how} reads the same however it is cut`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(), { maxLength: 8 }), (at) => {
          const { answers, reader } = readIn(cut(bytes(whole), at));
          assert.equal(answers.length, 1);
          assert.equal(answers[0]?.text, body);
          assert.equal(answers[0].contentType, "application/json");
          assert.ok(answers[0].keepsAlive && reader.isFresh);
        }),
      );
    });
  }

  it("without a body is whole with its head; the next follows", () => {
    const { answers } = readIn([
      bytes("HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"),
      bytes("HTTP/1.1 503 Unavailable\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}"),
    ]);
    assert.deepEqual(
      answers.map(({ status, text, retryAfterMs }) => [status, text, retryAfterMs]),
      [
        [204, "", undefined],
        [503, "{}", 3_000],
      ],
    );
  });

  it("that says so ends its connection", () => {
    const closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert.equal(readIn([bytes(closing)]).answers[0]?.keepsAlive, false);
    const old = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert.equal(readIn([bytes(old)]).answers[0]?.keepsAlive, false);
  });

  it("may come together with others", () => {
    const all = Object.values(wholes);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), (at) => {
        const { answers, reader } = readIn(cut(bytes([...all, ...all].join("")), at));
        assert.deepEqual(
          answers.map(({ text }) => text),
          [...all, ...all].map(() => body),
        );
        assert.ok(reader.isFresh);
      }),
    );
  });

  it("without a length ends with its connection", () => {
    const { answers, reader } = readIn([bytes("HTTP/1.1 200 OK\r\n\r\nab"), bytes("cd")]);
    assert.equal(answers.length, 0);
    assert.equal(reader.ended()?.text, "abcd");
  });

  it("that breaks off is none", () => {
    for (const whole of Object.values(wholes)) {
      const { answers, reader } = readIn([bytes(whole).subarray(0, -1)]);
      assert.equal(answers.length, 0);
      assert.equal(reader.ended(), undefined);
      assert.equal(reader.isFresh, false);
    }
  });

  const unreadable: Readonly<Record<string, string>> = {
    "is no HTTP": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "is HTTP/2": "HTTP/2 200 OK\r\n\r\n",
    "has two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "has a length that is no number": "HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
    "has a negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "is too large by its length": "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "is packed": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "has a chunk without a size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "has a chunk that is too large":
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    "has a chunk longer than it says":
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "has a head without an end": `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(4_000)}`,
    "has a chunk's line without an end": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1".repeat(2_000)}`,
    "has trailers without an end": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(100)}`,
  };
  for (const [what, text] of Object.entries(unreadable)) {
    it(`that ${what} is unreadable`, () => {
      assert.throws(() => readIn([bytes(text)]), Unreadable);
    });
  }

  it("takes any bytes without another error", () => {
    const odd = fc.oneof(
      fc.string(),
      fc.constantFrom(...Object.values(unreadable), "\r\n", "\r\n\r\n"),
    );
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 5 }), (parts) => {
        try {
          readIn([bytes(`HTTP/1.1 200 OK\r\n${parts.join("")}`)]);
        } catch (error) {
          assert.ok(error instanceof Unreadable, String(error));
        }
      }),
    );
  });

  it("is bounded where it has no length", () => {
    const reader = new AnswerReader();
    reader.push(bytes("HTTP/1.1 200 OK\r\n\r\n"));
    const piece = Buffer.alloc(1024 * 1024);
    assert.throws(() => {
      for (let i = 0; i < 64; i++) reader.push(piece);
    }, Unreadable);
  });
});
