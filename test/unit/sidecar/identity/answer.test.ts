import assert from "node:assert/strict";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { readAnswer } from "#sidecar/identity/answer.ts";

const validity = { fromMs: 0, untilMs: Date.parse("2026-11-29T00:00:00.000Z") };
const authority = makeAuthority("clients", validity);
const client = () => issue(authority, { subject: { name: "ns:shop" }, uses: ["client"], validity });
const own = client();
const key = keyPem(own.key);
const etcd = { endpoints: ["https://etcd.test:2379"], ca: authority.certificate };
const whole = {
  ...{ namespace: "shop", trust: authority.certificate, etcd, certificate: own.certificate },
  ...{ notAfter: "2026-11-29T00:00:00.000Z", user: null, password: null, sessionTtl: "10s" },
};
const withLogin = {
  ...{ ...whole, certificate: null, notAfter: null, user: "ns:shop", password: "secret" },
};
const reading = (value: unknown) => readAnswer(value, { namespace: "shop", key });

describe("what an operator answers", () => {
  it("is a certificate with its key and its end", async () => {
    assert.deepEqual(await reading(whole), {
      kind: "read",
      access: {
        ...{ endpoints: etcd.endpoints, ca: etcd.ca, trust: whole.trust, sessionTtlMs: 10_000 },
        ...{ client: { certificate: own.certificate, key }, login: undefined },
        notAfterMs: validity.untilMs,
      },
    });
  });

  it("is a user with its password, which has no end; or neither", async () => {
    const read = await reading(withLogin);
    assert.ok(read.kind === "read");
    assert.deepEqual(read.access.login, { user: "ns:shop", password: "secret" });
    assert.deepEqual([read.access.client, read.access.notAfterMs], [undefined, undefined]);
    const bare = await reading({
      ...withLogin,
      user: null,
      password: null,
      etcd: { ...etcd, ca: null },
    });
    assert.ok(bare.kind === "read");
    assert.deepEqual([bare.access.login, bare.access.ca], [undefined, undefined]);
  });

  it("may say more than we know, and have a bundle with words between", async () => {
    const trust = `# now\n${authority.certificate}# next\n${makeAuthority("next", validity).certificate}`;
    const read = await reading({ ...whole, trust, more: 1 });
    assert.equal(read.kind === "read" && read.access.trust, trust);
  });

  const unusable: readonly (readonly [string, unknown, RegExp])[] = [
    ["is nothing", undefined, /namespace ''/],
    ["is of another namespace", { ...whole, namespace: "bank" }, /namespace 'bank'.*'shop'/],
    ["names no endpoint", { ...whole, etcd: { ...etcd, endpoints: [] } }, /no endpoint/],
    [
      "names what is no address",
      { ...whole, etcd: { ...etcd, endpoints: ["etcd"] } },
      /no endpoint/,
    ],
    ["has no bundle", { ...whole, trust: null }, /no bundle to trust/],
    ["has a bundle without a certificate", { ...whole, trust: "nothing" }, /holds no certificate/],
    ["has no authority of etcd that is one", { ...whole, etcd: { ...etcd, ca: "x" } }, /of etcd/],
    ["has no certificate that is one", { ...whole, certificate: "x" }, /certificate is none/],
    ["is for another key", { ...whole, certificate: client().certificate }, /not for our key/],
    ["has no end", { ...whole, notAfter: null }, /when its certificate ends/],
    ["says nothing of sessions", { ...whole, sessionTtl: "long" }, /no sessionTtl/],
  ];
  for (const [what, value, words] of unusable)
    it(`cannot be used where it ${what}`, async () => {
      const read = await reading(value);
      assert.ok(read.kind === "unusable", "it is used");
      assert.match(read.problem, words);
    });
});
