/** Identity from end to end: tokens of a real API server, a real operator, a real etcd with users, and real sidecars. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { identityAudience, type IdentityAnswer } from "#api/identity.ts";
import { makeAuthority, keyPem } from "#operator/identity/x509/certificate.ts";
import { CertifiedEtcd } from "#test/support/etcd-by-certificates.ts";
import { publicKey, type Question } from "#test/support/identity-asker.ts";
import { hold, release } from "#test/support/lock-calls.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { SidecarProcess } from "#test/support/sidecar-process.ts";
import { until } from "#tools/cluster/until.ts";
import { IdentifiedPods } from "./identified-pods.ts";
import { OperatorStage } from "./operator-stage.ts";

/** So that a third of it is two seconds. */
const shortLife = "6s";
const renewals = 20;

describe("identity", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let etcd: CertifiedEtcd;
  let pods: IdentifiedPods;
  let operator: OperatorProcess;
  let sidecar: SidecarProcess;
  /** Of the sidecar. */
  let state: string;

  before(async function () {
    this.timeout(120_000);
    stage = await OperatorStage.start({ controllerManager: true });
    pods = await IdentifiedPods.start(stage.cluster.kubectl);
    etcd = await CertifiedEtcd.start();
    for (const namespace of ["shop", "other"]) {
      await stage.kubectl("create", "namespace", namespace);
      await etcd.user(namespace);
    }
    await writeSecrets();
    operator = await start(shortLife);
    await stage.apply("orders", {}, "shop");
    await stage.ready("orders", "shop");
    await pods.pod("app-3", "shop");
    state = await pods.stateOf("first");
    const shown = await pods.token("app-3", "shop");
    sidecar = await SidecarProcess.start(await pods.settings({ token: shown, state }));
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(40), sidecar.tail(40));
    await sidecar[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
    await pods[Symbol.asyncDispose]();
  });

  /** Whom etcd trusts. */
  async function writeSecrets(): Promise<void> {
    const { certificate, key } = etcd.authority;
    await stage.backend.secret("etcd-ca", { "ca.crt": certificate });
    await stage.backend.secret("etcd-issuer", { "tls.crt": certificate, "tls.key": keyPem(key) });
    const { cert: rootCert, key: rootKey } = etcd.root;
    await stage.backend.secret("etcd-admin", { "tls.crt": rootCert, "tls.key": rootKey });
  }

  async function start(life: string): Promise<OperatorProcess> {
    const started = await stage.operator({
      HOLDFAST_ETCD_ENDPOINTS: etcd.endpoint,
      HOLDFAST_ETCD_CA_SECRET: "etcd-ca",
      HOLDFAST_ETCD_ADMIN_SECRET: "etcd-admin",
      HOLDFAST_ETCD_ISSUER_SECRET: "etcd-issuer",
      HOLDFAST_CERTIFICATE_LIFE: life,
    });
    await pods.use(started);
    return started;
  }

  it("is a certificate in the name of the namespace's user, good there and refused elsewhere", async () => {
    await pods.pod("app-1", "shop");
    const { privateKey, publicKey: sent } = await import("node:crypto").then((crypto) =>
      crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }),
    );
    const pem = sent.export({ type: "spki", format: "pem" });
    const answer = await pods.ask({
      token: await pods.token("app-1", "shop"),
      body: { publicKey: pem },
    });
    assert.equal(answer.status, 200, answer.text);
    const given = answer.body as unknown as IdentityAnswer;
    assert.deepEqual(
      [given.namespace, given.user, given.password, given.sessionTtl],
      ["shop", null, null, "3s"],
    );
    assert.deepEqual(given.etcd, { endpoints: [etcd.endpoint], ca: etcd.authority.certificate });
    assert.equal(given.trust, pods.trust);
    const certificate = new X509Certificate(given.certificate ?? "");
    assert.equal(certificate.subject, "CN=ns:shop");
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
    assert.equal(certificate.validToDate.toISOString(), given.notAfter);
    const shop = { cert: given.certificate ?? "", key: keyPem(privateKey) };
    await etcd.as(shop, ["put", "/holdfast/v1/data/shop/x", "1"]);
    for (const args of [
      ["put", "/holdfast/v1/data/other/x", "1"],
      ["user", "list"],
    ])
      await assert.rejects(etcd.as(shop, args), /permission denied/);
    const issued = await operator.metric('holdfast_identity_exchanges_total{outcome="issued"}');
    assert.ok((issued ?? 0) >= 2);
  });

  it("is refused to all others, each for its reason", async () => {
    await pods.pod("app-2", "shop");
    const good = await pods.token("app-2", "shop");
    const elsewhere = await pods.token("app-2", "shop", "https://kubernetes.default.svc");
    const account = ["create", "token", "default", "-n", "shop", `--audience=${identityAudience}`];
    const unbound = (await stage.kubectl(...account)).trim();
    const cases: readonly (readonly [string, Question, number, RegExp])[] = [
      ["token_missing", {}, 401, /Authorization: Bearer/],
      ["token_refused", { token: "garbage" }, 401, /invalid bearer token/],
      ["token_refused", { token: elsewhere }, 401, /audience/],
      ["not_a_pod", { token: unbound }, 403, /not bound to a pod/],
      [
        "key_refused",
        { token: good, body: { publicKey: publicKey("P-384") } },
        400,
        /is of secp384r1/,
      ],
      ["key_refused", { token: good, body: { publicKey: "x" } }, 400, /PUBLIC KEY/],
      ["malformed", { token: good, body: {} }, 400, /publicKey is missing/],
      ["malformed", { token: good, body: "{" }, 400, /no JSON/],
      ["body_too_large", { token: good, body: { publicKey: "x".repeat(9_000) } }, 413, /8192/],
      ["unsupported_media_type", { token: good, type: "text/plain" }, 415, /application\/json/],
      ["method_not_allowed", { token: good, method: "PUT" }, 405, /POST/],
      ["not_found", { token: good, path: "/" }, 404, /\/v1\/identity/],
    ];
    for (const [code, question, status, words] of cases) {
      const answer = await pods.ask(question);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body["code"], code);
      assert.match(String(answer.body["detail"]), words);
      assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
    }
    await stage.kubectl("delete", "pod", "app-2", "-n", "shop", "--force", "--grace-period=0");
    await until("the token of a pod that is gone to be refused", async () => {
      const answer = await pods.ask({ token: good });
      return answer.status === 401 && answer.body["code"] === "token_refused";
    });
  });

  it("is refused to who asks too often", async () => {
    // From an address of its own: the sidecar is not to be refused with it.
    const question = { from: "127.0.0.9" };
    const answers = await Promise.all(Array.from({ length: 60 }, () => pods.ask(question)));
    const busy = answers.filter(({ status }) => status === 429);
    assert.ok(busy.length > 0);
    assert.equal(busy[0]?.body["code"], "too_many_requests");
    assert.equal(busy[0].headers["retry-after"], "2");
  });

  it("lets a sidecar lock, is kept where only its owner reads it, and is shown", async () => {
    await release(sidecar, await hold(sidecar, "orders/1"));
    const file = path.join(state, "identity.json");
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const { body } = await sidecar.api.get("/v1/session");
    const { expiresAt, problem } = body["identity"] as Record<string, string>;
    assert.ok(Date.parse(expiresAt ?? "") > Date.now());
    assert.equal(problem, undefined);
    const { text } = await sidecar.health.get("/metrics");
    assert.match(text, /^holdfast_identity_good 1$/m);
    assert.match(text, /^holdfast_identity_asks_total\{outcome="given"\} 1$/m);
    assert.match(text, /^holdfast_identity_expiry_timestamp_seconds \d+/m);
  });

  it("is renewed twenty times without one failed lock", async () => {
    const renewed = async () => {
      const { text } = await sidecar.health.get("/metrics");
      const [, count] = /holdfast_identity_asks_total\{outcome="renewed"\} (\d+)/.exec(text) ?? [];
      return Number(count ?? 0);
    };
    let calls = 0;
    while ((await renewed()) < renewals) {
      for (let i = 0; i < 20; i++) {
        await release(sidecar, await hold(sidecar, `orders/${calls % 7}`));
        calls += 1;
      }
    }
    assert.ok(calls > 100, String(calls));
    assert.ok(!sidecar.has("the identity could not be renewed"));
  });

  it("lasts while operator and API server are away, and for a sidecar that is started again", async () => {
    await operator.terminate();
    operator = await start("1h");
    await pods.pod("app-4", "shop");
    const own = await pods.settings({
      ...{ token: await pods.token("app-4", "shop"), state: await pods.stateOf("second") },
    });
    const second = await SidecarProcess.start(own);
    const held = await hold(second, "orders/away");
    await operator.terminate();
    const api = stage.cluster.component("kube-apiserver");
    await api.kill();
    await release(second, held);
    await second.kill();
    {
      await using third = await SidecarProcess.start(own);
      assert.ok(third.has("the identity that was kept is used"));
      await release(third, await hold(third, "orders/away"));
    }
    // The short-lived one has nobody to renew it: it says so, and goes on over the connection that it has.
    await sidecar.said("the certificate for etcd is over: the next connection will be refused");
    await release(sidecar, await hold(sidecar, "orders/2"));
    const { body } = await sidecar.api.get("/v1/session");
    const { problem = "" } = body["identity"] as Record<string, string>;
    assert.match(problem, /ended at .*; no new identity: connect: .*ECONNREFUSED/);
    await etcd.server.restart();
    await sidecar.saidWhen("etcd's refusal", 0, (line) =>
      /certificate expired/.test(JSON.stringify(line)),
    );
    api.start();
    await stage.cluster.ready();
    operator = await start("1h");
  });

  it("that was kept and opens nothing is replaced by one start of the container, not after hours", async () => {
    await pods.pod("app-6", "shop");
    const shown = await pods.token("app-6", "shop");
    const own = await pods.settings({ token: shown, state: await pods.stateOf("wrong") });
    {
      await using first = await SidecarProcess.start(own);
      await first.kill();
    }
    // As if the Backend had named another authority when it was asked for.
    const file = path.join(own.env?.["HOLDFAST_STATE_FOLDER"] ?? "", "identity.json");
    const kept = JSON.parse(await readFile(file, "utf8")) as { answer: { etcd: { ca: string } } };
    const stranger = makeAuthority("stranger", { fromMs: 0, untilMs: Date.now() + 3_600_000 });
    kept.answer.etcd.ca = stranger.certificate;
    await writeFile(file, JSON.stringify(kept));
    await using again = await SidecarProcess.start(own);
    assert.ok(again.has("the identity that was kept is used"));
    assert.ok(again.has("the identity was renewed"));
  });

  async function lastWords(env: Readonly<Record<string, string>>, shown: string): Promise<string> {
    const file = path.join(pods.folder, "termination-log");
    await writeFile(file, "");
    const more = { HOLDFAST_IDENTITY_WAIT: "1s", ...env };
    const given = await pods.settings({
      token: shown,
      state: await pods.stateOf("none"),
      env: more,
    });
    await using one = await SidecarProcess.launch(given);
    const { code } = await one.ended;
    assert.equal(code, 1, one.tail());
    const words = await readFile(file, "utf8");
    assert.ok(one.lines.some(({ message }) => words.startsWith(message)));
    return words;
  }

  it("that nobody gives ends a new sidecar, whose last words name the step", async () => {
    await pods.pod("app-5", "shop");
    const good = await pods.token("app-5", "shop");
    const stranger = makeAuthority("stranger", { fromMs: 0, untilMs: Date.now() + 3_600_000 });
    const at = (url: string) => ({ HOLDFAST_IDENTITY: url });
    const words = [
      await lastWords(at("https://no-such-host.invalid:4658"), good),
      await lastWords(at("https://127.0.0.1:1"), good),
      await lastWords({ HOLDFAST_IDENTITY_TRUST: stranger.certificate }, good),
      await lastWords({}, "garbage"),
      await lastWords({ HOLDFAST_NAMESPACE: "other" }, good),
    ];
    const steps = [
      /failed at DNS: /,
      /failed at connect: .*ECONNREFUSED/,
      /failed at TLS: /,
      /failed at refused: 401: The token is refused: /,
      /failed at answer: .*namespace 'shop', and HOLDFAST_NAMESPACE is 'other'/,
    ];
    for (const [at, step] of steps.entries()) assert.match(words[at] ?? "", step);
  });

  it("that etcd takes no more is replaced while the sidecar runs, hours before it ends", async () => {
    await operator.terminate();
    operator = await start("1h");
    await pods.pod("app-7", "shop");
    const shown = await pods.token("app-7", "shop");
    const own = await pods.settings({ token: shown, state: await pods.stateOf("shut-out") });
    await using one = await SidecarProcess.start(own);
    await release(one, await hold(one, "orders/shut"));
    await etcd.byAnotherAuthority();
    await writeSecrets();
    await until(
      "the sidecar to be let in",
      async () => {
        const { status } = await one.api.post("/v1/locks/orders/shut/acquire");
        return status === 200;
      },
      // Where it asks before the operator has read the new Secrets, it asks again after up to a minute and a half.
      { withinMs: 150_000 },
    );
    assert.ok(one.has("the identity was renewed"));
  });
});
