import assert from "node:assert/strict";
import { mkdtempDisposable, readdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { keep, readKept } from "#sidecar/identity/kept.ts";

const validity = { fromMs: 0, untilMs: Date.parse("2026-11-29T00:00:00.000Z") };
const authority = makeAuthority("clients", validity);
const own = () => issue(authority, { subject: { name: "ns:shop" }, uses: ["client"], validity });
const { certificate, key: secret } = own();
const key = keyPem(secret);
const next = own();
const answer = {
  ...{ namespace: "shop", trust: authority.certificate, certificate, user: null, password: null },
  ...{ notAfter: "2026-11-29T00:00:00.000Z", sessionTtl: "10s" },
  etcd: { endpoints: ["https://etcd.test:2379"], ca: authority.certificate },
};
const kept = { answer, key, sinceMs: 5 };
const folder = () => mkdtempDisposable(path.join(tmpdir(), "holdfast-kept-"));
const fileIn = (at: string): string => path.join(at, "identity.json");

describe("the identity that is kept", () => {
  it("is read as it was given, and only its owner can read it", async () => {
    await using at = await folder();
    assert.deepEqual(await readKept(at.path, "shop"), { kind: "none" });
    await keep(at.path, kept);
    const read = await readKept(at.path, "shop");
    assert.ok(read.kind === "read");
    assert.deepEqual(read.access.client, { certificate, key });
    assert.equal(read.access.notAfterMs, Date.parse(answer.notAfter));
    assert.equal(read.sinceMs, 5);
    assert.equal((await stat(fileIn(at.path))).mode & 0o777, 0o600);
  });

  it("is replaced as a whole, also over what a crash left beside it", async () => {
    await using at = await folder();
    await writeFile(`${fileIn(at.path)}.new`, "half");
    await keep(at.path, kept);
    const later = { answer: { ...answer, certificate: next.certificate }, key: keyPem(next.key) };
    await keep(at.path, { ...later, sinceMs: 6 });
    assert.deepEqual(await readdir(at.path), ["identity.json"]);
    const read = await readKept(at.path, "shop");
    assert.ok(read.kind === "read");
    assert.equal(read.access.client?.certificate, next.certificate);
  });

  const spoiled: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["half of it", JSON.stringify(kept).slice(0, 1_000)],
    ["no key", JSON.stringify({ answer, sinceMs: 5 })],
    ["too much", " ".repeat(600 * 1024)],
    ["another namespace's", JSON.stringify({ ...kept, answer: { ...answer, namespace: "bank" } })],
    [
      "no end of its certificate",
      JSON.stringify({ ...kept, answer: { ...answer, notAfter: "?" } }),
    ],
    ["another certificate's key", JSON.stringify({ ...kept, key: keyPem(next.key) })],
    ["no way to etcd", JSON.stringify({ ...kept, answer: { ...answer, etcd: {} } })],
  ];
  for (const [what, text] of spoiled)
    it(`is not used where the file holds ${what}`, async () => {
      await using at = await folder();
      await writeFile(fileIn(at.path), text);
      assert.equal((await readKept(at.path, "shop")).kind, "unusable");
    });
});
