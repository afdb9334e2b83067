import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import type { ApiRequest } from "#operator/kube/api.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import type { Held } from "#operator/identity/authorities.ts";
import type { BackendOfSidecars, EtcdForSidecars } from "#operator/identity/backend-of-sidecars.ts";
import { Exchange, type ExchangeParts } from "#operator/identity/exchange.ts";
import { ExchangeRefused } from "#operator/identity/refusals.ts";
import { makeAuthority } from "#operator/identity/x509/certificate.ts";
import { Clock } from "#test/support/clock.ts";

const audience = "holdfast.dev/identity";
const dayMs = 86_400_000;
const never = new AbortController().signal;
const validity = { fromMs: -dayMs, untilMs: 10 * dayMs };
const clients = makeAuthority("clients", validity);
const operators = makeAuthority("operator", validity);
const held: Held = { authority: operators, bundle: operators.certificate };

const pair = (namedCurve = "P-256") => generateKeyPairSync("ec", { namedCurve });
const pemOf = (key = pair().publicKey): string =>
  key.export({ type: "spki", format: "pem" }) as string;

const known: EtcdForSidecars = {
  ...{ kind: "known", endpoints: ["https://etcd.test:2379"], ca: "CA", passwords: false },
  issuer: clients,
};
const status = (more: object = {}): object => ({
  authenticated: true,
  audiences: [audience],
  user: {
    username: "system:serviceaccount:shop:default",
    extra: { "authentication.kubernetes.io/pod-uid": ["pod-1"] },
  },
  ...more,
});

interface Scene extends Partial<Pick<ExchangeParts, "namespaces" | "lifeMs">> {
  readonly review?: object;
  readonly backend?: BackendOfSidecars;
  readonly password?: string;
  readonly authority?: Held | undefined;
}

function stage(scene: Scene = {}) {
  const { review = status(), backend = known, password, namespaces, lifeMs = dayMs } = scene;
  const asked: ApiRequest[] = [];
  const exchange = new Exchange({
    api: {
      request: (request) => {
        asked.push(request);
        return Promise.resolve({ kind: "done", value: { status: review } });
      },
      stream: () => assert.fail("nothing is followed"),
    },
    runtime: new Clock(),
    authorities: { get: () => ("authority" in scene ? scene.authority : held) },
    backend: { current: backend, passwordOf: () => Promise.resolve(password) },
    ...{ namespaces, lifeMs, sessionTtlMs: 10_000 },
  });
  const answer = (body: unknown = { publicKey: pemOf() }, authorization = "Bearer token") =>
    exchange.answer({ authorization, body }, never);
  return { asked, answer };
}

async function refusal(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof ExchangeRefused) return error.facts.code;
    throw error;
  }
  return assert.fail("it was answered");
}

describe("the exchange of identities", () => {
  it("certifies the sidecar's key in the name of its namespace's user, for clients only, for a while", async () => {
    const { publicKey, privateKey } = pair();
    const { answer, asked } = stage();
    const given = await answer({ publicKey: pemOf(publicKey) });
    const leaf = new X509Certificate(given.certificate ?? "");
    assert.equal(leaf.subject, `CN=${accessName("shop")}`);
    assert.ok(leaf.checkPrivateKey(privateKey));
    assert.ok(leaf.verify(new X509Certificate(clients.certificate).publicKey));
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
    assert.equal(leaf.ca, false);
    assert.equal(leaf.validToDate.getTime(), Date.parse(given.notAfter ?? ""));
    assert.ok(leaf.validToDate.getTime() <= 1_000 + dayMs);
    assert.deepEqual([given.namespace, given.user, given.password], ["shop", null, null]);
    assert.equal(given.trust, held.bundle);
    assert.deepEqual(asked[0]?.body, {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" },
      spec: { token: "token", audiences: [audience] },
    });
  });

  it("gives no certificate that outlives its authority", async () => {
    const { notAfter } = await stage({ lifeMs: 30 * dayMs }).answer();
    assert.equal(Date.parse(notAfter ?? ""), validity.untilMs);
  });

  it("gives the namespace's password where there is no issuer, and waits for its user", async () => {
    const backend = { ...known, issuer: undefined, passwords: true };
    const { certificate, user, password } = await stage({ backend, password: "secret" }).answer();
    assert.deepEqual([certificate, user, password], [null, accessName("shop"), "secret"]);
    assert.equal(await refusal(stage({ backend }).answer()), "password_missing");
  });

  it("gives nothing but the way where etcd has no users", async () => {
    const given = await stage({ backend: { ...known, issuer: undefined } }).answer();
    assert.deepEqual([given.certificate, given.user, given.password], [null, null, null]);
    assert.deepEqual(given.etcd, { endpoints: known.endpoints, ca: "CA" });
  });

  const user = (username: string, extra: object = {}) => status({ user: { username, extra } });
  const reviews: readonly (readonly [string, object, string])[] = [
    ["is not known", { authenticated: false, error: "expired" }, "token_refused"],
    ["is for another audience", status({ audiences: ["other"] }), "token_refused"],
    ["names no audience", status({ audiences: undefined }), "token_refused"],
    ["is bound to no pod", user("system:serviceaccount:shop:default"), "not_a_pod"],
    ["is a person's", user("alice"), "not_a_pod"],
    ["is a node's", user("system:node:one"), "not_a_pod"],
  ];
  for (const [what, review, code] of reviews)
    it(`refuses a token that ${what}`, async () => {
      assert.equal(await refusal(stage({ review }).answer()), code);
    });

  it("refuses a namespace that is not served, and says when something is not known yet", async () => {
    assert.equal(await refusal(stage({ namespaces: ["other"] }).answer()), "namespace_not_served");
    const unknown = (lacks: "backend" | "authority") =>
      stage({ backend: { kind: "unknown", lacks, problem: "not read" } }).answer();
    assert.equal(await refusal(unknown("backend")), "backend_unknown");
    assert.equal(await refusal(unknown("authority")), "authority_missing");
    assert.equal(await refusal(stage({ authority: undefined }).answer()), "authority_missing");
  });

  it("asks nobody about what cannot be right", async () => {
    const { answer, asked } = stage();
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey;
    const secret = pair().privateKey.export({ type: "pkcs8", format: "pem" });
    const bodies: readonly (readonly [unknown, string])[] = [
      [null, "malformed"],
      [{}, "malformed"],
      [{ publicKey: 1 }, "malformed"],
      [{ publicKey: "x".repeat(2_000) }, "malformed"],
      [{ publicKey: "garbage" }, "key_refused"],
      [{ publicKey: clients.certificate.slice(0, 1_000) }, "key_refused"],
      [{ publicKey: secret }, "key_refused"],
      [{ publicKey: pemOf(rsa) }, "key_refused"],
      [{ publicKey: pemOf(pair("P-384").publicKey) }, "key_refused"],
    ];
    for (const [body, code] of bodies) assert.equal(await refusal(answer(body)), code);
    for (const header of ["", "Basic abc", "Bearer ", `Bearer ${"x".repeat(9_000)}`])
      assert.equal(await refusal(answer(undefined, header)), "token_missing");
    assert.equal(asked.length, 0);
  });
});
