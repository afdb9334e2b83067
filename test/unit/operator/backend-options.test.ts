import assert from "node:assert/strict";
import { backendProblems, defaultBackend, type BackendOptions } from "#operator/backend-options.ts";

const none: BackendOptions = {
  ...{ etcdEndpoints: undefined, etcdCaSecret: undefined, etcdAdminSecret: undefined },
  ...{ etcdPasswords: false, etcdMaintenance: false, etcdIssuerSecret: undefined },
};
const endpoints = ["https://etcd-0.etcd:2379"];

describe("the options that make the Backend", () => {
  it("make none without an endpoint", () => {
    assert.equal(defaultBackend(none), undefined);
    assert.deepEqual(backendProblems(none), []);
  });

  it("are all said in its spec", () => {
    const given = {
      ...{ etcdEndpoints: endpoints, etcdCaSecret: "ca", etcdAdminSecret: "admin" },
      ...{ etcdPasswords: true, etcdMaintenance: true, etcdIssuerSecret: undefined },
    };
    assert.deepEqual(defaultBackend(given), {
      type: "etcd",
      external: {
        ...{ endpoints, ca: { name: "ca" }, adminSecret: { name: "admin" } },
        ...{ passwords: true, maintenance: true },
      },
    });
    assert.deepEqual(backendProblems(given), []);
  });

  it("name the authority of sidecars' certificates", () => {
    const given = { ...none, etcdEndpoints: endpoints, etcdIssuerSecret: "issuer" };
    assert.deepEqual(defaultBackend(given)?.external?.issuer, { name: "issuer" });
    assert.deepEqual(backendProblems(given), []);
  });

  const wrong: readonly (readonly [string, Partial<BackendOptions>, RegExp])[] = [
    ["an admin without an etcd", { etcdAdminSecret: "admin" }, /^HOLDFAST_ETCD_ENDPOINTS: is miss/],
    ["maintenance without an etcd", { etcdMaintenance: true }, /^HOLDFAST_ETCD_ENDPOINTS: is miss/],
    [
      "passwords that nobody can make",
      { etcdEndpoints: endpoints, etcdPasswords: true },
      /^HOLDFAST_ETCD_PASSWORDS: would make a Backend whose spec\.external\.passwords: without/,
    ],
    [
      "an authority of http",
      { etcdEndpoints: ["http://etcd:2379"], etcdCaSecret: "ca" },
      /^HOLDFAST_ETCD_CA_SECRET: would make a Backend whose spec\.external\.ca: is of no use/,
    ],
    [
      "an authority for clients of http",
      { etcdEndpoints: ["http://etcd:2379"], etcdIssuerSecret: "issuer" },
      /^HOLDFAST_ETCD_ISSUER_SECRET: would make a Backend whose spec\.external\.issuer: is of no use/,
    ],
    ["an issuer without an etcd", { etcdIssuerSecret: "a" }, /^HOLDFAST_ETCD_ENDPOINTS: is miss/],
    [
      "an endpoint without a port",
      { etcdEndpoints: ["http://etcd"] },
      /^HOLDFAST_ETCD_ENDPOINTS: would make a Backend whose spec\.external\.endpoints\[0\]/,
    ],
    [
      "a Secret's name that is none",
      { etcdEndpoints: endpoints, etcdAdminSecret: "Admin" },
      /^HOLDFAST_ETCD_ADMIN_SECRET: would make a Backend whose spec\.external\.adminSecret/,
    ],
  ];
  for (const [what, given, expected] of wrong) {
    it(`are refused with ${what}, by the variable's name`, () => {
      const [first = ""] = backendProblems({ ...none, ...given });
      assert.match(first, expected);
    });
  }
});
