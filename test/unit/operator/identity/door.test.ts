/** What sidecars, and whoever else reaches the port, meet at the door of identities: real TLS with the real certificate. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { identityPath, type IdentityAnswer } from "#api/identity.ts";
import type { AuthorityName, Held } from "#operator/identity/authorities.ts";
import { startIdentityDoor } from "#operator/identity/door.ts";
import type { Asked } from "#operator/identity/exchange.ts";
import { ExchangeRefused } from "#operator/identity/refusals.ts";
import { newAuthority } from "#operator/identity/renewal.ts";
import { Serving } from "#operator/identity/serving.ts";
import type { TlsDoor } from "#operator/identity/tls-door.ts";
import type { Epoch } from "#core/runtime.ts";
import type { Answer } from "#test/support/http-client.ts";
import { askIdentity, type Question } from "#test/support/identity-asker.ts";
import { Scrape } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";
import { inTime } from "#test/support/poll.ts";

const given = { namespace: "shop" } as IdentityAnswer;

/** TLS asks the machine's clock whether a certificate is good. */
class Clocks extends SteppedRuntime {
  override wallNow(): Epoch {
    return Date.now() as Epoch;
  }
}

class Stage implements AsyncDisposable {
  readonly runtime = new Clocks();
  readonly asked: Asked[] = [];
  readonly counted: string[] = [];
  answer: (asked: Asked, signal: AbortSignal) => Promise<IdentityAnswer> = () =>
    Promise.resolve(given);
  #held: Held | undefined;
  #changed: (which: AuthorityName) => void = () => undefined;
  readonly #serving = Serving.start({
    authorities: {
      get: () => this.#held,
      onChange: (listener) => {
        this.#changed = listener;
        return { [Symbol.dispose]: () => undefined };
      },
    },
    ...{ runtime: this.runtime, metrics: new Scrape().registry },
    ...{ service: "operator", namespace: "holdfast-system" },
  });
  #door!: TlsDoor;

  /** Before the authority is read: nobody can come in. */
  static async early(): Promise<Stage> {
    const stage = new Stage();
    stage.#door = await startIdentityDoor({
      ...{ runtime: stage.runtime, serving: stage.#serving },
      exchange: {
        answer: (asked, signal) => {
          stage.asked.push(asked);
          return stage.answer(asked, signal);
        },
      },
      address: { kind: "host", host: "127.0.0.1", port: 0 },
      option: { env: "HOLDFAST_IDENTITY_ADDRESS" },
      counted: (outcome) => ({ add: () => void stage.counted.push(outcome) }),
    });
    return stage;
  }

  static async start(): Promise<Stage> {
    const stage = await Stage.early();
    stage.hold("first");
    return stage;
  }

  hold(name: string): void {
    const authority = newAuthority(name, Date.now());
    this.#held = { authority, bundle: authority.certificate };
    this.#changed("operator");
  }

  get trust(): string {
    return this.#held?.bundle ?? newAuthority("nobody", Date.now()).certificate;
  }

  get at(): string {
    return this.#door.addresses[0] ?? "";
  }

  problem(): string | undefined {
    return this.#door.problem();
  }

  ask(question: Question = {}, trust = this.trust): Promise<Answer> {
    return inTime("an answer", askIdentity(this.at, trust, question));
  }

  async socket(more: object = {}): Promise<TLSSocket> {
    const { hostname: host, port } = new URL(`https://${this.at}`);
    const socket = connect({ host, port: Number(port), ca: this.trust, ...more });
    await once(socket, "secureConnect");
    return socket;
  }

  close(): Promise<void> {
    return this.#door.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#serving[Symbol.dispose]();
  }
}

describe("the door of identities", () => {
  it("hands on what was sent, and the answer to nobody but who asked", async () => {
    await using stage = await Stage.start();
    const body = { publicKey: "x" };
    const { status, headers, body: answered } = await stage.ask({ token: "t", body });
    assert.equal(status, 200);
    assert.deepEqual(answered, given);
    assert.deepEqual(stage.asked, [{ authorization: "Bearer t", body }]);
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["x-powered-by"], undefined);
    assert.ok(Number(headers["content-length"]) > 0, "a sidecar reads no other answer");
    assert.deepEqual(stage.counted, ["issued"]);
  });

  it("refuses in words, says when to come again, and never where it failed", async () => {
    await using stage = await Stage.start();
    const refuse = (code: "token_refused" | "backend_unknown", retryAfterSeconds?: number) => {
      const facts = { code, detail: "So it is.", ...(retryAfterSeconds && { retryAfterSeconds }) };
      stage.answer = () => Promise.reject(new ExchangeRefused(facts));
    };
    refuse("backend_unknown", 2);
    const later = await stage.ask();
    assert.equal(later.status, 503);
    assert.equal(later.headers["retry-after"], "2");
    assert.equal(later.headers["content-type"], "application/problem+json; charset=utf-8");
    assert.equal(later.headers["cache-control"], "no-store");
    const { type, code, detail } = later.body;
    assert.deepEqual(
      [type, code, detail],
      ["urn:holdfast:problem:backend_unknown", "backend_unknown", "So it is."],
    );
    refuse("token_refused");
    const never = await stage.ask();
    assert.equal(never.status, 401);
    assert.equal(never.headers["www-authenticate"], "Bearer");
    assert.equal(never.headers["retry-after"], undefined);
    stage.answer = () => Promise.reject(new Error("the password is 1234"));
    const failed = await stage.ask();
    assert.equal(failed.status, 500);
    assert.doesNotMatch(failed.text, /1234|\n\s+at /);
    assert.equal(stage.runtime.lines.at(-1)?.message, "an exchange of identity failed");
    assert.deepEqual(stage.counted, ["backend_unknown", "token_refused", "internal"]);
  });

  const refused: readonly (readonly [string, Question, number, string])[] = [
    ["another path", { path: "/" }, 404, "not_found"],
    ["a path below", { path: `${identityPath}/x` }, 404, "not_found"],
    ["another method", { method: "PUT" }, 405, "method_not_allowed"],
    ["another type", { type: "text/plain" }, 415, "unsupported_media_type"],
    [
      "what is compressed",
      { headers: { "Content-Encoding": "gzip" } },
      415,
      "unsupported_media_type",
    ],
    ["what is no JSON", { body: "{" }, 400, "malformed"],
    ["what is no object", { body: '"text"' }, 400, "malformed"],
    [
      "another charset",
      { type: "application/json; charset=latin1" },
      415,
      "unsupported_media_type",
    ],
    ["too much", { body: { publicKey: "x".repeat(8_192) } }, 413, "body_too_large"],
  ];
  for (const [what, question, status, code] of refused)
    it(`asks nobody about ${what}`, async () => {
      await using stage = await Stage.start();
      const answer = await stage.ask(question);
      assert.deepEqual([answer.status, answer.body["code"]], [status, code], answer.text);
      assert.deepEqual(stage.counted, [code]);
      assert.equal(stage.asked.length, 0);
      if (status === 405) assert.equal(answer.headers.allow, "POST");
    });

  it("lets nobody in before there is a certificate, by an old TLS, or who trusts another", async () => {
    await using stage = await Stage.early();
    await assert.rejects(stage.ask());
    stage.hold("first");
    await assert.rejects(stage.socket({ maxVersion: "TLSv1.2" }), /protocol version|alert/i);
    const stranger = newAuthority("stranger", Date.now()).certificate;
    await assert.rejects(stage.ask({}, stranger), /self-signed|unable to/);
    assert.equal((await stage.ask()).status, 200);
    assert.equal(stage.asked.length, 1);
  });

  it("shows the next authority's certificate at once, and breaks no connection for it", async () => {
    await using stage = await Stage.start();
    const former = stage.trust;
    const standing = await stage.socket();
    stage.hold("second");
    assert.equal((await stage.ask()).status, 200);
    await assert.rejects(stage.ask({}, former), /self-signed|unable to/);
    standing.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const [bytes] = (await inTime("an answer", once(standing, "data"))) as [Buffer];
    assert.match(bytes.toString(), /^HTTP\/1\.1 404 /);
    standing.destroy();
  });

  it("bounds who asks too often, before anything is read, and lets it in again", async () => {
    await using stage = await Stage.start();
    const statuses: number[] = [];
    for (let asked = 0; asked < 31; asked++) statuses.push((await stage.ask()).status);
    assert.deepEqual(new Set(statuses.slice(0, 30)), new Set([200]));
    const busy = await stage.ask({ body: "x".repeat(100_000), type: "text/plain" });
    assert.deepEqual([busy.status, busy.headers["retry-after"]], [429, "2"]);
    assert.match(String(busy.body["detail"]), /127\.0\.0\.1 asks too often/);
    assert.equal((await stage.ask({ from: "127.0.0.2" })).status, 200);
    stage.runtime.pass(200);
    assert.equal((await stage.ask()).status, 200);
    assert.equal((await stage.ask()).status, 429);
    assert.equal(stage.counted.filter((one) => one === "too_many_requests").length, 3);
  });

  it("answers so many at once, and has place again where one has left", async () => {
    await using stage = await Stage.start();
    const enough = Promise.withResolvers<undefined>();
    stage.answer = (_asked, signal) => {
      if (stage.asked.length === 64) enough.resolve(undefined);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason as Error);
        });
      });
    };
    const leaving = Array.from({ length: 64 }, () => new AbortController());
    const hanging = leaving.map(({ signal }, at) =>
      stage.ask({ signal, from: `127.0.0.${2 + (at % 4)}` }).then(
        ({ status }) => status,
        () => "left",
      ),
    );
    await inTime("all to be asked about", enough.promise);
    const full = await stage.ask();
    assert.equal(full.status, 429);
    assert.match(String(full.body["detail"]), /64 are being answered/);
    stage.answer = () => Promise.resolve(given);
    leaving[0]?.abort();
    assert.equal(await hanging[0], "left");
    const again = async (): Promise<number> => {
      for (let tries = 0; tries < 20; tries++) {
        const { status } = await stage.ask({ from: "127.0.0.9" });
        if (status === 200) return tries;
      }
      return assert.fail("the place is not given back");
    };
    await again();
    for (const one of leaving) one.abort();
    await Promise.all(hanging);
  });

  it("tells of nobody who leaves in the middle of a question but in its log", async () => {
    await using stage = await Stage.start();
    const written: string[] = [];
    const { error } = console;
    console.error = (...words: unknown[]) => void written.push(words.join(" "));
    try {
      const socket = await stage.socket();
      const head = `POST ${identityPath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
      socket.write(`${head}Content-Length: 100\r\n\r\n{`);
      socket.end();
      await once(socket.resume(), "close");
      assert.equal((await stage.ask()).status, 200);
    } finally {
      console.error = error;
    }
    assert.deepEqual(written, []);
    assert.equal(stage.asked.length, 1);
  });

  it("ends what hangs when it closes, and listens no more", async () => {
    await using stage = await Stage.start();
    const begun = Promise.withResolvers<undefined>();
    const ended = Promise.withResolvers<unknown>();
    stage.answer = (_asked, signal) => {
      begun.resolve(undefined);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          ended.resolve(signal.reason);
          reject(signal.reason as Error);
        });
      });
    };
    const hanging = stage.ask().then(
      () => assert.fail("it was answered"),
      () => undefined,
    );
    await begun.promise;
    assert.equal(stage.problem(), undefined);
    const closing = stage.close();
    assert.match(stage.problem() ?? "", /identity does not listen/);
    await inTime("the end", closing);
    assert.match(String(await ended.promise), /shutting down/);
    await hanging;
    await assert.rejects(stage.ask(), /ECONNREFUSED/);
  });
});
