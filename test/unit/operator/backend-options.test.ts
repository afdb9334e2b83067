import assert from "node:assert/strict";
import { backendProblems, defaultBackend, type BackendOptions } from "#operator/backend-options.ts";

const none: BackendOptions = {
  ...{ etcdEndpoints: undefined, etcdCaSecret: undefined, etcdAdminSecret: undefined },
  ...{ etcdPasswords: false, etcdMaintenance: false, etcdIssuerSecret: undefined },
  ...{ etcdManaged: false, etcdStorage: "8Gi", etcdStorageClass: undefined, etcdEphemeral: false },
};
const endpoints = ["https://etcd-0.etcd:2379"];

describe("the options that make the Backend", () => {
  it("make none without an endpoint", () => {
    assert.equal(defaultBackend(none), undefined);
    assert.deepEqual(backendProblems(none), []);
  });

  it("are all said in its spec", () => {
    const given = {
      ...none,
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

  it("are all said in the spec of one that the operator runs", () => {
    const given = { ...none, etcdManaged: true, etcdStorage: "2Gi", etcdStorageClass: "fast" };
    assert.deepEqual(defaultBackend(given), {
      type: "etcd",
      managed: { storage: { size: "2Gi", className: "fast", ephemeral: false } },
    });
    assert.deepEqual(backendProblems(given), []);
    const ephemeral = { ...none, etcdManaged: true, etcdEphemeral: true };
    assert.deepEqual(defaultBackend(ephemeral), {
      type: "etcd",
      managed: { storage: { size: "8Gi", ephemeral: true } },
    });
    assert.deepEqual(backendProblems(ephemeral), []);
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
    [
      "an etcd that is run and one that is elsewhere",
      { etcdManaged: true, etcdEndpoints: endpoints },
      /^HOLDFAST_ETCD_MANAGED: stands beside/,
    ],
    ["a class of no volume", { etcdStorageClass: "fast" }, /^HOLDFAST_ETCD_MANAGED: is not true/],
    ["a pod's data of no pod", { etcdEphemeral: true }, /^HOLDFAST_ETCD_MANAGED: is not true/],
    [
      "a size that is none",
      { etcdManaged: true, etcdStorage: "much" },
      /^HOLDFAST_ETCD_STORAGE: would make a Backend whose spec\.managed\.storage\.size/,
    ],
    [
      "a class of what has no volume",
      { etcdManaged: true, etcdEphemeral: true, etcdStorageClass: "fast" },
      /^HOLDFAST_ETCD_STORAGE_CLASS: would make a Backend whose spec\.managed\.storage\.className/,
    ],
  ];
  for (const [what, given, expected] of wrong) {
    it(`are refused with ${what}, by the variable's name`, () => {
      const [first = ""] = backendProblems({ ...none, ...given });
      assert.match(first, expected);
    });
  }
});
