/**
 * Ours beside node:http, whose parser many others rely on: the same bytes to both. Ours may refuse more, and here stands
 * what; it must take nothing that node:http refuses, nor take anything for something else.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { nodePeer, ourPeer, type Heard, type Peer, type Taken } from "./peers.ts";
import { connectionBytes, rightRequest } from "./request-bytes.ts";

interface Stricter {
  readonly what: string;
  readonly why: string;
  /** One that node:http takes. */
  readonly bytes: string;
  /** What we say to it. */
  readonly says: RegExp;
}

const host = "Host: localhost\r\n";

/** All that ours refuses and node:http accepts. */
const stricter: readonly Stricter[] = [
  {
    what: "a line feed before the request line",
    why: "every line of ours ends with CR LF",
    bytes: `\nGET / HTTP/1.1\r\n${host}\r\n`,
    says: /no such method|does not begin with a method/,
  },
  {
    what: "more than one blank line before the request line",
    why: "RFC 9112 wants one to be left out; more are no mistake of an old client any more",
    bytes: `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`,
    says: /request line is not/,
  },
  {
    what: "several blanks within the request line",
    why: "one reader's target is another one's version",
    bytes: `GET  /  HTTP/1.1\r\n${host}\r\n`,
    says: /target is no path/,
  },
  {
    what: "a target that is neither a path, nor a whole URL, nor *",
    why: "what follows * would be a path to one reader and not to another",
    bytes: `GET *x HTTP/1.1\r\n${host}\r\n`,
    says: /target is no path/,
  },
  {
    what: "a whole URL with a user in it, or without a host",
    why: "RFC 9110 wants a user to be refused: it hides whom a request is for",
    bytes: `GET http://user@localhost/ HTTP/1.1\r\n${host}\r\n`,
    says: /target is no path/,
  },
  {
    what: "HTTP/0.9 and HTTP/2.0 by name",
    why: "neither is spoken here",
    bytes: `GET / HTTP/2.0\r\n${host}\r\n`,
    says: /version is neither/,
  },
  {
    what: "a second Host",
    why: "one reader believes the first, another one the last",
    bytes: `GET / HTTP/1.1\r\n${host}Host: other\r\n\r\n`,
    says: /more than one Host/,
  },
  {
    what: "a transfer coding before chunked",
    why: "nobody here decodes it, so its body would be taken for something else",
    bytes: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    says: /not just chunked/,
  },
  {
    what: "a Content-Length of more than 15 digits",
    why: "it is past every bound, and not every reader counts so far",
    bytes: `POST / HTTP/1.1\r\n${host}Content-Length: 0000000000000000\r\n\r\n`,
    says: /Content-Length is not one plain number/,
  },
  {
    what: "a chunk size of more than 8 digits",
    why: "the same",
    bytes: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n000000000\r\n\r\n`,
    says: /size in plain hex/,
  },
  {
    what: "a trailer that would matter as a header",
    why: "one reader may merge it into the headers",
    bytes: `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\nHost: other\r\n\r\n`,
    says: /a trailer says/,
  },
];

/** Refusals of the API, which the peer here answers differently and without a word of the parser. */
const expectation = /Expect: only 100-continue/;

/** What ours says to bytes that it refuses. */
function refusal({ said }: Heard): string | undefined {
  return /^HTTP\/1\.1 4\d\d [\s\S]*?"detail":"((?:[^"\\]|\\.)*)"/m.exec(said)?.[1];
}

/** HTTP/1.0 that asks for both: node:http keeps the connection, ours closes it, which is safe. */
function asksForBoth({ rawHeaders }: Taken): boolean {
  const asked = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === "connection");
  return /\bclose\b/i.test(asked.join()) && /\bkeep-alive\b/i.test(asked.join());
}

describe("ours beside node:http", function () {
  this.timeout(60_000);
  let ours: Peer;
  let node: Peer;

  before(async () => {
    [ours, node] = [await ourPeer(), await nodePeer()];
  });

  after(async () => {
    await ours[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  });

  it("takes right requests for the same, one after another on one connection", async () => {
    const requests = fc.array(rightRequest, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(requests, async (texts) => {
        const [we, they] = [await ours.send(texts.join("")), await node.send(texts.join(""))];
        assert.equal(refusal(we), undefined);
        const last = we.requests.at(-1);
        if (last !== undefined && asksForBoth(last)) return;
        assert.deepEqual(we.requests, they.requests);
      }),
      { numRuns: 300, seed: 20261124 },
    );
  });

  it("takes of wrong ones nothing that node:http refuses, and nothing for something else", async () => {
    await fc.assert(
      fc.asyncProperty(connectionBytes, async (text) => {
        const [we, they] = [await ours.send(text), await node.send(text)];
        assert.deepEqual(we.requests, they.requests.slice(0, we.requests.length));
        if (we.requests.length === they.requests.length) return;
        const why = refusal(we);
        if (why === undefined) {
          assert.ok(we.requests.some(asksForBoth), "ours stopped without a word");
          return;
        }
        const known = [expectation, ...stricter.map(({ says }) => says)];
        assert.ok(
          known.some((says) => says.test(why)),
          why,
        );
      }),
      { numRuns: 1_500, seed: 20261124 },
    );
  });

  for (const { what, why, bytes, says } of stricter) {
    it(`refuses ${what}, which node:http takes: ${why}`, async () => {
      assert.equal((await node.send(bytes)).requests.length, 1);
      const we = await ours.send(bytes);
      assert.deepEqual(we.requests, []);
      assert.match(refusal(we) ?? "", says);
    });
  }
});
