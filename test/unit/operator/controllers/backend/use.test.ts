import assert from "node:assert/strict";
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { SecretsRead } from "#operator/conditions/backend-facts.ts";
import type { BackendRead } from "#operator/controllers/backend/gather.ts";
import { decideUse, isSameUse, type BackendUse } from "#operator/controllers/backend/use.ts";

const endpoints = ["https://m1:2379"];
const access = { endpoints, tls: {}, credentials: { user: "root", password: "one" } };

function read(more: { spec?: object; secrets?: SecretsRead; used?: boolean } = {}): BackendRead {
  const { spec = {}, secrets = { kind: "read" }, used = true } = more;
  const written = { type: "etcd", external: { endpoints, ...spec } };
  return {
    facts: {
      ...{
        used,
        operatorNamespace: "holdfast",
        secrets,
        etcd: undefined,
        tree: undefined,
        usersFailed: [],
      },
      spec: parseBackendSpec(written, "spec"),
    },
    access: secrets.kind === "read" ? access : undefined,
  };
}

const usable: BackendUse = { kind: "usable", access, maintenance: false };

describe("what a Backend comes to", () => {
  it("is the etcd that it names, and whether it is to be maintained", () => {
    assert.deepEqual(decideUse(read(), undefined), usable);
    const kept = decideUse(read({ spec: { maintenance: true } }), usable);
    assert.deepEqual(kept, { ...usable, maintenance: true });
  });

  it("is nothing where its spec is not accepted, whatever it was before", () => {
    const broken = read({ spec: { passwords: true } });
    const use = decideUse(broken, usable);
    assert.equal(use.kind, "notAccepted");
    assert.match(use.kind === "notAccepted" ? use.message : "", /external\.passwords/);
  });

  it("is nothing where a Secret is missing", () => {
    const use = decideUse(read({ secrets: { kind: "missing", what: "no Secret 'a'" } }), usable);
    assert.deepEqual(use, { kind: "unusable", message: "no Secret 'a'" });
  });

  it("stays where the API server does not give a Secret now, and is told where it never did", () => {
    const unread = read({ secrets: { kind: "unread", what: "it could not be read" } });
    assert.equal(decideUse(unread, usable), usable);
    const first = { kind: "unusable", message: "it could not be read" };
    assert.deepEqual(decideUse(unread, undefined), first);
  });

  it("is another with other endpoints, a new password, or maintenance, and else the same", () => {
    const same: BackendUse = { ...usable, access: { ...access } };
    assert.ok(isSameUse(same, usable));
    const others: BackendUse[] = [
      { ...usable, maintenance: true },
      { ...usable, access: { ...access, endpoints: ["https://m2:2379"] } },
      { ...usable, access: { ...access, credentials: { user: "root", password: "two" } } },
      { ...usable, access: { ...access, tls: { ca: Buffer.from("pem") } } },
      { kind: "unusable", message: "gone" },
    ];
    for (const other of others) {
      assert.ok(!isSameUse(other, usable), JSON.stringify(other));
      assert.ok(!isSameUse(usable, other), JSON.stringify(other));
    }
    assert.ok(!isSameUse(usable, undefined));
    const gone = { kind: "unusable", message: "gone" } as const;
    assert.ok(isSameUse(gone, { ...gone }));
    assert.ok(!isSameUse(gone, { ...gone, message: "another" }));
  });
});
