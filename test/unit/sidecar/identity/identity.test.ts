/** How a sidecar keeps its identity through hours of whatever an operator, a network and a clock can do. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { IdentityAnswer } from "#api/identity.ts";
import { inTime } from "#test/support/poll.ts";
import { authorityOf, type Desk, type Say } from "./desk.ts";
import { endOf, hourMs, shownBy, Stage } from "./stage.ts";

const failedToRenew = "the identity could not be renewed";
const over = "the certificate for etcd is over: the next connection will be refused";

const cut: Say = (_question, response) => void response.socket?.destroy();

describe("a sidecar's identity", () => {
  it("is renewed at a third of its life, with another key and the token that there is then", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    const first = await shownBy(identity);
    await stage.project("second-token");
    await stage.pass(7.9 * hourMs);
    assert.equal(stage.desk.asked.length, 1);
    await stage.pass(hourMs);
    const second = await shownBy(identity);
    assert.deepEqual(
      stage.desk.asked.map(({ token }) => token),
      ["first-token", "second-token"],
    );
    assert.notEqual(second.key, first.key);
    const leaf = new X509Certificate(second.certificate);
    assert.ok(leaf.checkPrivateKey(createPrivateKey(second.key)));
    assert.equal(identity.view().notAfterMs, endOf(second.certificate));
    assert.ok((await stage.kept()).includes(JSON.stringify(second.key)));
    assert.deepEqual([stage.asks("given"), stage.asks("renewed")], [1, 1]);
    assert.deepEqual(await readdir(stage.folder), ["identity.json", "token"]);
  });

  it("is used on while nobody renews it for fifteen hours, and renewed as soon as somebody does", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    const first = await shownBy(identity);
    stage.desk.say = cut;
    await stage.pass(23 * hourMs);
    const tries = stage.asks("answer");
    assert.ok(tries > 100 && tries < 300, String(tries));
    assert.deepEqual(await shownBy(identity), first);
    assert.match(identity.view().problem ?? "", /^no new identity: answer: /);
    assert.equal(stage.said(failedToRenew), 1, "said once");
    assert.equal(stage.scrape.value("holdfast_identity_good"), 1);
    stage.desk.say = stage.desk.well;
    await stage.nextAsk();
    assert.notDeepEqual(await shownBy(identity), first);
    assert.equal(identity.view().problem, undefined);
    // It is on time again, and not still in a hurry.
    const asked = stage.desk.asked.length;
    await stage.pass(7 * hourMs);
    assert.equal(stage.desk.asked.length, asked);
  });

  it("that is over is told, shown all the same, and comes back", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    const first = await shownBy(identity);
    stage.desk.say = cut;
    await stage.pass(26 * hourMs);
    assert.equal(stage.said(over), 1);
    assert.match(identity.view().problem ?? "", /ended at .*; no new identity: answer/);
    assert.equal(stage.scrape.value("holdfast_identity_good"), 0);
    assert.deepEqual(await shownBy(identity), first);
    // All who are over come back together: each waits its while, and no more than that.
    const asked = stage.desk.asked.length;
    await stage.pass(60_000);
    const tries = stage.desk.asked.length - asked;
    assert.ok(tries >= 1 && tries <= 3, String(tries));
    stage.desk.say = stage.desk.well;
    await stage.pass(60_000);
    assert.equal(identity.view().problem, undefined);
    assert.equal(stage.scrape.value("holdfast_identity_good"), 1);
  });

  it("whose answer was lost is asked for again, and what was issued meanwhile is nobody's", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    const first = await shownBy(identity);
    stage.desk.say = (question, response) => {
      const text = JSON.stringify(stage.desk.answerTo(question));
      response.writeHead(200, { "Content-Length": Buffer.byteLength(text) });
      response.write(text.slice(0, 500), () => response.socket?.end());
    };
    await stage.pass(9 * hourMs);
    assert.deepEqual(await shownBy(identity), first);
    assert.match(identity.view().problem ?? "", /the connection ended before the answer did/);
    stage.desk.say = stage.desk.well;
    await stage.nextAsk();
    const second = await shownBy(identity);
    const keys = stage.desk.asked.map(({ publicKey }) => publicKey);
    assert.equal(new Set(keys).size, keys.length, "no key is sent twice");
    assert.ok(
      new X509Certificate(second.certificate).checkPrivateKey(createPrivateKey(second.key)),
    );
  });

  const bad: readonly (readonly [
    string,
    (answer: IdentityAnswer, desk: Desk) => object,
    RegExp,
  ])[] = [
    [
      "a certificate for another key",
      (_answer, desk) => desk.answerTo({ publicKey: desk.asked[0]?.publicKey ?? "" }),
      /not for our key/,
    ],
    ["nothing to trust", (answer) => ({ ...answer, trust: "" }), /bundle to trust/],
    ["another namespace", (answer) => ({ ...answer, namespace: "bank" }), /namespace 'bank'/],
    ["what is none of its answers", () => ({}), /namespace ''/],
  ];
  for (const [what, answer, words] of bad)
    it(`stays as it is where the answer holds ${what}`, async () => {
      await using stage = await Stage.start();
      const { desk } = stage;
      const identity = await stage.begin();
      const [first, kept] = [await shownBy(identity), await stage.kept()];
      desk.say = (question, response) => {
        const text = JSON.stringify(answer(desk.answerTo(question), desk));
        response.writeHead(200, { "Content-Length": Buffer.byteLength(text) }).end(text);
      };
      await stage.pass(9 * hourMs);
      assert.match(identity.view().problem ?? "", words);
      assert.deepEqual(await shownBy(identity), first);
      assert.equal(await stage.kept(), kept);
    });

  it("is given up for this time after ten seconds where the operator hangs", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    stage.desk.say = () => undefined;
    await stage.untilAsked();
    assert.equal(identity.view().problem, undefined);
    stage.runtime.pass(10_000);
    stage.desk.say = stage.desk.well;
    await stage.nextAsk();
    assert.equal(stage.asks("answer"), 1);
    assert.equal(stage.asks("renewed"), 1);
  });

  it("ends at once with its owner, also while it asks", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    stage.desk.say = () => undefined;
    await stage.untilAsked();
    await inTime("the end", identity.close());
    assert.equal(stage.runtime.timers, 0);
  });

  for (const status of [401, 403, 429, 500, 503])
    it(`stays as it is where the operator says ${status}`, async () => {
      await using stage = await Stage.start();
      const identity = await stage.begin();
      const [first, kept] = [await shownBy(identity), await stage.kept()];
      stage.desk.refuse(status, "It says no");
      await stage.pass(9 * hourMs);
      const { problem, notAfterMs } = identity.view();
      assert.equal(problem, `no new identity: refused: ${status}: It says no.`);
      assert.equal(notAfterMs, endOf(first.certificate));
      assert.deepEqual(await shownBy(identity), first);
      assert.equal(await stage.kept(), kept);
      assert.ok(stage.asks("refused") > 1);
    });

  it("waits as long as the operator asks for, even when it is over", async () => {
    await using stage = await Stage.start();
    await stage.begin();
    stage.desk.refuse(429, "Too many ask at once", { "Retry-After": "200" });
    await stage.nextAsk();
    const asked = () => stage.desk.asked.length;
    const first = asked();
    await stage.pass(199_000);
    assert.equal(asked(), first);
    await stage.pass(2_000);
    assert.equal(asked(), first + 1);
    await stage.pass(20 * hourMs);
    assert.equal(stage.said(over), 1);
    const late = asked();
    await stage.pass(2_000_000);
    assert.ok(asked() - late <= 10, String(asked() - late));
  });

  it("follows the operator's authority while it is told of each next one in time", async () => {
    await using stage = await Stage.start();
    const { desk } = stage;
    const identity = await stage.begin();
    const [first, second] = [desk.authority, authorityOf("operator's second")];
    desk.more = { trust: `${first.certificate}${second.certificate}` };
    await stage.nextAsk();
    desk.show(second);
    await stage.nextAsk();
    desk.more = { trust: second.certificate };
    await stage.nextAsk();
    assert.equal(stage.asks("renewed"), 3);
    assert.equal(identity.view().problem, undefined);
    // The first one issues no more, and whoever still has its key is believed no more.
    desk.show(first);
    await stage.pass(9 * hourMs);
    assert.match(identity.view().problem ?? "", /no new identity: TLS: /);
    assert.equal(stage.asks("renewed"), 3);
    desk.show(second);
    await stage.nextAsk();
    assert.equal(identity.view().problem, undefined);
  });

  it("is asked for at once where the clock jumps beyond its end", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    stage.runtime.jumpWall(25 * hourMs);
    await stage.pass(61_000);
    assert.equal(stage.asks("renewed"), 1);
    assert.equal(identity.view().problem, undefined);
  });

  it("is not asked for in a hurry where this machine's clock is far ahead of the operator's", async () => {
    await using stage = await Stage.start();
    stage.desk.lifeMs = -hourMs;
    const identity = await stage.begin();
    assert.match(identity.view().problem ?? "", /ended at/);
    await stage.pass(hourMs);
    const asked = stage.desk.asked.length;
    assert.ok(asked > 60 && asked < 200, String(asked));
    assert.ok(stage.said(over) <= 1);
    stage.desk.lifeMs = 24 * hourMs;
    await stage.nextAsk();
    assert.equal(identity.view().problem, undefined);
    await stage.pass(7 * hourMs);
    assert.equal(stage.desk.asked.length, asked + 1);
  });

  it("says so where etcd is somewhere else by now, and goes on in the old way", async () => {
    await using stage = await Stage.start();
    const identity = await stage.begin();
    const { endpoints } = identity;
    stage.desk.more = { etcd: { endpoints: ["https://elsewhere.test:2379"], ca: null } };
    await stage.nextAsk();
    const told =
      "etcd is to be reached in another way: restart this pod, which goes on in the old way until then";
    assert.equal(stage.said(told), 1);
    assert.deepEqual(identity.endpoints, endpoints);
  });
});

describe("a sidecar's identity at the start", () => {
  it("is what was kept, without a question", async () => {
    await using stage = await Stage.start();
    const first = await shownBy(await stage.begin());
    stage.desk.say = cut;
    await stage.pass(7 * hourMs);
    const again = await stage.begin();
    assert.deepEqual(await shownBy(again), first);
    assert.equal(stage.desk.asked.length, 1);
    assert.equal(stage.said("the identity that was kept is used"), 1);
  });

  it("is asked for where what was kept is over, with the trust that was told last", async () => {
    await using stage = await Stage.start();
    const { desk } = stage;
    const second = authorityOf("operator's second");
    desk.more = { trust: `${desk.authority.certificate}${second.certificate}` };
    await (await stage.begin()).close();
    stage.runtime.jumpWall(25 * hourMs);
    desk.show(second);
    const identity = await stage.begin();
    assert.equal(identity.view().problem, undefined);
    assert.equal(stage.asks("given"), 1);
  });

  const torn: readonly (readonly [string, (kept: string) => string])[] = [
    ["cut short", (kept) => kept.slice(0, kept.length / 2)],
    ["empty", () => ""],
    ["another's", () => '{"a":1}'],
    [
      "with a key that is not its own",
      (kept) => kept.replace(/MIG\w{20}/, "MIGxxxxxxxxxxxxxxxxxxxx"),
    ],
  ];
  for (const [what, tear] of torn)
    it(`is asked for where the file is ${what}`, async () => {
      await using stage = await Stage.start();
      await (await stage.begin()).close();
      const kept = await stage.kept();
      assert.notEqual(tear(kept), kept);
      await writeFile(path.join(stage.folder, "identity.json"), tear(kept));
      const identity = await stage.begin();
      assert.equal(stage.desk.asked.length, 2);
      assert.equal(stage.said("the identity that was kept cannot be used"), 1);
      assert.equal(identity.view().problem, undefined);
      assert.ok((await stage.kept()).includes(JSON.stringify((await shownBy(identity)).key)));
    });

  it("is good for this life where it cannot be kept", async () => {
    await using stage = await Stage.start();
    const folder = path.join(stage.folder, "missing");
    const identity = await stage.begin({ folder });
    assert.equal(identity.view().problem, undefined);
    const told = "the identity could not be kept: a restarted container will need the operator";
    assert.equal(stage.said(told), 1);
    await stage.nextAsk();
    assert.equal(stage.asks("renewed"), 1);
  });

  it("is waited for, as the operator says", async () => {
    await using stage = await Stage.start();
    stage.desk.refuse(503, "There is no etcd to lead to yet", { "Retry-After": "7" });
    const given = stage.begin();
    await stage.desk.came(1);
    assert.equal(await stage.runtime.waits((ms) => ms !== 10_000), 7_000);
    stage.desk.say = stage.desk.well;
    stage.runtime.pass(7_000);
    await given;
    assert.deepEqual([stage.asks("refused"), stage.asks("given")], [1, 1]);
  });

  it("is waited for no longer than the process is wanted", async () => {
    await using stage = await Stage.start();
    stage.desk.say = () => undefined;
    const given = stage.begin();
    await stage.desk.came(1);
    const reason = new Error("SIGTERM");
    stage.leaving.abort(reason);
    await assert.rejects(given, reason);
  });

  const steps: readonly (readonly [string, (stage: Stage) => Promise<object> | object, RegExp])[] =
    [
      [
        "token",
        (stage) => stage.project("no token").then(() => ({})),
        /token: the file .* holds none$/,
      ],
      ["token", () => ({ tokenFile: "/no/such/file" }), /token: it cannot be read: ENOENT/],
      ["DNS", () => ({ url: new URL("https://no-such-host.invalid:4658") }), /DNS: /],
      [
        "connect",
        async ({ desk }) => {
          const { url } = desk;
          await desk[Symbol.asyncDispose]();
          return { url };
        },
        /connect: .*ECONNREFUSED/,
      ],
      ["TLS", () => ({ trust: authorityOf("stranger").certificate }), /TLS: /],
      [
        "refused",
        ({ desk }) => {
          desk.refuse(403, "The namespace is not served");
          return {};
        },
        /refused: 403: The namespace is not served\.$/,
      ],
      ["answer", () => ({ namespace: "bank" }), /answer: .*HOLDFAST_NAMESPACE is 'bank'$/],
    ];
  for (const [step, prepare, words] of steps)
    it(`that nobody gives within a minute ends the process, with words that name the step: ${step}`, async () => {
      await using stage = await Stage.start();
      const from = stage.runtime.now();
      const message = await stage.refusal(await prepare(stage));
      assert.match(
        message,
        /^No identity was given within 60 s by the operator at https:\/\/.*: /s,
      );
      assert.match(message, words);
      const tookMs = stage.runtime.now() - from;
      assert.ok(tookMs > 50_000 && tookMs <= 61_000, String(tookMs));
      assert.ok(stage.asks(step) > 5);
    });
});

describe("a password that came as an identity", () => {
  const login = (password: string) => ({
    certificate: null,
    notAfter: null,
    user: "ns:shop",
    password,
  });

  async function start() {
    const stage = await Stage.start();
    stage.desk.more = login("one");
    const identity = await stage.begin();
    const { credentials } = identity;
    assert.ok(credentials?.refused);
    const refused = credentials.refused.bind(credentials);
    return { stage, identity, credentials, refused };
  }

  it("is asked for anew as soon as etcd does not take it", async () => {
    const { stage, identity, credentials, refused } = await start();
    await using _stage = stage;
    assert.deepEqual([credentials.user, credentials.password], ["ns:shop", "one"]);
    stage.desk.more = login("two");
    const from = stage.runtime.now();
    refused("one");
    await stage.nextAsk();
    assert.equal(credentials.password, "two");
    assert.ok(stage.runtime.now() - from <= 2_000);
    assert.equal(identity.view().problem, undefined);
    // A login with the former one that was still under way says nothing of the new one.
    refused("one");
    await stage.pass(hourMs);
    assert.equal(stage.desk.asked.length, 2);
  });

  it("is asked for again and again, but never in a hurry, until the operator has another", async () => {
    const { stage, credentials, refused } = await start();
    await using _stage = stage;
    const refuseFor = async (seconds: number) => {
      // Once a second at most, as the client of etcd comes back.
      for (let passed = 0; passed < seconds; passed++) {
        refused(credentials.password);
        await stage.pass(1_000);
      }
    };
    await refuseFor(600);
    const asked = stage.desk.asked.length;
    assert.ok(asked > 15 && asked < 50, String(asked));
    stage.desk.more = login("two");
    await refuseFor(32);
    assert.equal(credentials.password, "two");
  });

  it("is asked for within half a minute of the operator's being back", async () => {
    const { stage, credentials, refused } = await start();
    await using _stage = stage;
    stage.desk.say = cut;
    await stage.pass(10 * hourMs);
    stage.desk.more = login("two");
    refused("one");
    await stage.pass(120_000);
    stage.desk.say = stage.desk.well;
    await stage.pass(46_000);
    assert.equal(credentials.password, "two");
  });

  it("that was kept is not believed longer than etcd does", async () => {
    const { stage, identity } = await start();
    await using _stage = stage;
    await identity.close();
    stage.desk.more = login("two");
    const again = await stage.begin();
    assert.equal(again.credentials?.password, "one");
    again.credentials.refused?.("one");
    await stage.nextAsk();
    assert.equal(again.credentials.password, "two");
    assert.match(await stage.kept(), /"two"/);
  });
});
