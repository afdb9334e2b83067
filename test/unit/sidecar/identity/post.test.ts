/** The one request of a sidecar to the operator, against real sockets that do what servers and networks do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { identityPath } from "#api/identity.ts";
import { post, readReply, StepFailed, type Posted, type Step } from "#sidecar/identity/post.ts";
import { Clock } from "#test/support/clock.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { inTime } from "#test/support/poll.ts";
import { authorityOf, Desk, type Say } from "./desk.ts";

const never = new AbortController().signal;

function askedOf(desk: Desk, more: Partial<Posted> = {}): Posted {
  const trust = desk.authority.certificate;
  return {
    ...{ url: new URL(identityPath, desk.url), trust, token: "token" },
    ...{ body: { publicKey: "none" }, answerBytesMax: 1_000, ...more },
  };
}

/** One that speaks no HTTP by itself. */
class Raw implements AsyncDisposable {
  readonly url: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  static async start(met: (socket: Socket) => void): Promise<Raw> {
    const server = createServer((socket) => {
      raw.#sockets.add(socket.on("error", () => undefined)); // a client that leaves is no fault here
      met(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const raw = new Raw(server);
    return raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

async function failure(posting: Promise<unknown>): Promise<StepFailed> {
  try {
    await inTime("the end of a request", posting);
  } catch (error) {
    if (error instanceof StepFailed) return error;
    throw error;
  }
  return assert.fail("it was answered");
}

const answered =
  (body: string, headers: Readonly<Record<string, string>> = {}): Say =>
  (_question, response) => {
    response.writeHead(200, { "Content-Length": Buffer.byteLength(body), ...headers });
    response.end(body);
  };

describe("the request for an identity", () => {
  it("brings the answer, its status, and when to ask again", async () => {
    await using desk = await Desk.start();
    const clock = new Clock();
    desk.say = answered("{}");
    const reply = await post(askedOf(desk), clock, never);
    assert.deepEqual(reply, { status: 200, retryAfterMs: undefined, body: "{}" });
    desk.refuse(503, "Later", { "Retry-After": "7" });
    const later = await post(askedOf(desk), clock, never);
    assert.deepEqual([later.status, later.retryAfterMs], [503, 7_000]);
    const [question] = desk.asked;
    assert.equal(question?.token, "token");
    assert.equal(question.headers["content-type"], "application/json");
    assert.equal(question.headers.connection, "close");
    assert.equal(question.headers.host, desk.url.host);
    assert.equal(clock.timers, 0);
  });

  it("goes to a name as well, and asks for that name's certificate", async () => {
    await using desk = await Desk.start(undefined, { hosts: ["localhost"] });
    desk.say = answered("{}");
    const url = new URL(identityPath, `https://localhost:${desk.port}`);
    assert.equal((await post(askedOf(desk, { url }), new Clock(), never)).status, 200);
    const byAddress = await failure(post(askedOf(desk), new Clock(), never));
    assert.match(byAddress.message, /^TLS: .*127\.0\.0\.1/);
  });

  const trusts: readonly (readonly [string, string, RegExp])[] = [
    ["by an authority that is not trusted", authorityOf("stranger").certificate, /^TLS: /],
    ["where what is to be trusted is none", "nothing of use", /^TLS: /],
  ];
  for (const [what, trust, words] of trusts)
    it(`sends no token ${what}`, async () => {
      await using desk = await Desk.start();
      const clock = new Clock();
      const failed = await failure(post(askedOf(desk, { trust }), clock, never));
      assert.equal(failed.step, "TLS");
      assert.match(failed.message, words);
      assert.equal(desk.asked.length, 0);
      assert.equal(clock.timers, 0);
    });

  it("sends no token by an old TLS, nor to who speaks none", async () => {
    await using desk = await Desk.start(undefined, { maxVersion: "TLSv1.2" });
    assert.equal((await failure(post(askedOf(desk), new Clock(), never))).step, "TLS");
    assert.equal(desk.asked.length, 0);
    const heard: string[] = [];
    await using plain = await Raw.start((socket) => {
      socket.on("data", (bytes) => heard.push(bytes.toString("latin1")));
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
    });
    const asked = askedOf(desk, { url: plain.url });
    assert.equal((await failure(post(asked, new Clock(), never))).step, "TLS");
    assert.doesNotMatch(heard.join(""), /Bearer/);
  });

  it("tells of a name that is not found, and of a port where nobody listens", async () => {
    await using desk = await Desk.start();
    const url = new URL("https://no-such-host.invalid:4658");
    assert.match(
      (await failure(post(askedOf(desk, { url }), new Clock(), never))).message,
      /^DNS: /,
    );
    const [port = 0] = await freePorts(1);
    const closed = new URL(`https://127.0.0.1:${port}`);
    const refused = await failure(post(askedOf(desk, { url: closed }), new Clock(), never));
    assert.match(refused.message, /^connect: .*ECONNREFUSED/);
    // A name that is found, where nobody listens: each address is tried.
    const named = new URL(`https://localhost:${port}`);
    const both = await failure(post(askedOf(desk, { url: named }), new Clock(), never));
    assert.match(both.message, /^connect: .*ECONNREFUSED/);
    giveBack([port]);
  });

  const silent: readonly (readonly [Step, string])[] = [
    ["TLS", "takes the connection and says nothing"],
    ["answer", "takes the question and says nothing"],
  ];
  for (const [step, what] of silent)
    it(`is given up after ten seconds where the server ${what}`, async () => {
      const clock = new Clock();
      const met = Promise.withResolvers<undefined>();
      const gone = Promise.withResolvers<undefined>();
      await using desk = await Desk.start();
      desk.say = (_question, response) => {
        response.on("close", () => {
          gone.resolve(undefined);
        });
        met.resolve(undefined);
      };
      await using dumb = await Raw.start((socket) => {
        socket.on("close", () => {
          gone.resolve(undefined);
        });
        // Not before the hello is there: the client then knows that it is connected.
        socket.once("data", () => {
          met.resolve(undefined);
        });
      });
      const url = step === "TLS" ? dumb.url : new URL(identityPath, desk.url);
      const posting = post(askedOf(desk, { url }), clock, never);
      await inTime("the server to be met", met.promise);
      clock.pass(9_999);
      const early = await Promise.race([
        posting,
        new Promise((look) => setImmediate(look, "open")),
      ]);
      assert.equal(early, "open");
      clock.pass(1);
      const failed = await failure(posting);
      assert.equal(failed.message, `${step}: nothing came of it within 10 s`);
      await inTime("the server to see that it was left", gone.promise);
      assert.equal(clock.timers, 0);
    });

  const broken: readonly (readonly [string, Say, RegExp])[] = [
    [
      "the connection ends before any answer",
      (_question, response) => void response.socket?.destroy(),
      /^answer: .*(ended before|ECONNRESET)/,
    ],
    [
      "half of the answer is lost",
      (_question, response) => {
        response.writeHead(200, { "Content-Length": "100" });
        response.write("half", () => response.socket?.end());
      },
      /^answer: the connection ended before the answer did/,
    ],
    [
      "the answer does not say how long it is",
      (_question, response) =>
        response.writeHead(200, { "Transfer-Encoding": "chunked" }).end("{}"),
      /^answer: the connection ended before the answer did/,
    ],
    ["the answer has no end", endless, /^answer: the answer is too large/],
  ];
  for (const [what, say, words] of broken)
    it(`fails where ${what}`, async () => {
      await using desk = await Desk.start();
      desk.say = say;
      const clock = new Clock();
      const failed = await failure(post(askedOf(desk), clock, never));
      assert.match(failed.message, words);
      assert.equal(clock.timers, 0);
    });

  it("is left at once, with the signal's own reason", async () => {
    await using desk = await Desk.start();
    const left = Promise.withResolvers<undefined>();
    desk.say = (_question, response) => {
      response.on("close", () => {
        left.resolve(undefined);
      });
    };
    const leaving = new AbortController();
    const clock = new Clock();
    const posting = post(askedOf(desk), clock, leaving.signal);
    await desk.came(1);
    const reason = new Error("the pod ends");
    leaving.abort(reason);
    await assert.rejects(posting, reason);
    await assert.rejects(post(askedOf(desk), clock, leaving.signal), reason);
    await inTime("the server to see it", left.promise);
    assert.deepEqual([desk.asked.length, clock.timers], [1, 0]);
  });
});

/** More than anybody reads. */
function endless(...[, response]: Parameters<Say>): void {
  response.writeHead(200, { "Content-Length": String(2 ** 30) });
  const part = "x".repeat(16_384);
  const more = (): void => {
    if (!response.destroyed) response.write(part, more);
  };
  more();
}

describe("an answer of HTTP", () => {
  const reply = (head: string, body = "") => readReply(Buffer.from(`${head}\r\n\r\n${body}`));
  const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2";

  it("is read with its fields, however they are written", () => {
    assert.deepEqual(reply(ok, "{}"), { status: 200, retryAfterMs: undefined, body: "{}" });
    assert.equal(
      reply("HTTP/1.1 503 \r\nCONTENT-LENGTH:0\r\nRetry-After:  3 ")?.retryAfterMs,
      3_000,
    );
    assert.equal(reply("HTTP/1.1 204\r\nContent-Length: 0")?.status, 204);
  });

  it("asks for no date, and for nothing beyond reason", () => {
    const after = (value: string) => reply(`${ok}\r\nRetry-After: ${value}`, "{}");
    for (const value of ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e3", "999999", "x"])
      assert.deepEqual(after(value), { status: 200, retryAfterMs: undefined, body: "{}" }, value);
  });

  const none: readonly (readonly [string, string, string?])[] = [
    ["nothing", ""],
    ["another protocol's", "RTSP/1.0 200 OK\r\ncontent-length: 0"],
    ["of no length", "HTTP/1.1 200 OK"],
    ["of a length that is none", "HTTP/1.1 200 OK\r\ncontent-length: 2x", "{}"],
    ["cut short", "HTTP/1.1 200 OK\r\ncontent-length: 3", "{}"],
    ["longer than it says", "HTTP/1.1 200 OK\r\ncontent-length: 1", "{}"],
  ];
  for (const [what, head, body] of none)
    it(`is none where it is ${what}`, () => {
      assert.equal(reply(head, body), undefined);
    });

  it("is none before its head has ended", () => {
    assert.equal(readReply(Buffer.from(ok)), undefined);
  });
});
