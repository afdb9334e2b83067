/** Values that are refused, each by its name: by the schema, or because they do not go together. */
import assert from "node:assert/strict";
import { helmMajors, Helms, type Sets } from "./chart.ts";

/** By the field that the message must name. Helm 3 writes paths with dots, helm 4 with slashes. */
const wrong: readonly (readonly [field: string, sets: Sets])[] = [
  ["operator.replicas", { "operator.replicas": "two" }],
  ["operator.replicas", { "operator.replicas": 0 }],
  ["operator.replicas", { "operator.replicas": 10 }],
  ["operator.replica", { "operator.replica": 3 }],
  ["operater", { "operater.replicas": 3 }],
  ["fullnameOverride", { fullnameOverride: "Not_A_Name" }],
  ["fullnameOverride", { fullnameOverride: "a".repeat(41) }],
  ["namespaces", { namespaces: "a,b" }],
  ["namespaces.0", { namespaces: ["*"] }],
  ["namespaces", { namespaces: ["a", "a"] }],
  ["image.pullPolicy", { "image.pullPolicy": "Sometimes" }],
  ["image.pullSecrets.0", { "image.pullSecrets": ["pull"] }],
  ["operator.image.digest", { "operator.image.digest": "sha256:abc" }],
  ["operator.env.0.name", { "operator.env": [{ name: "HOLDFAST_NAMESPACE", value: "x" }] }],
  ["operator.spread.whenUnsatisfiable", { "operator.spread.whenUnsatisfiable": "Never" }],
  ["operator.terminationGracePeriodSeconds", { "operator.terminationGracePeriodSeconds": 5 }],
  ["operator.labels.a", { "operator.labels": { a: 1 } }],
  ["etcd.managed.storage.size", { "etcd.managed.storage.size": "8 GB" }],
  ["etcd.managed.storage.ephemeral", { "etcd.managed.storage.ephemeral": "yes" }],
  ["etcd.managed.resources.limits.cpu", { "etcd.managed.resources": { limits: { cpu: "much" } } }],
  ["etcd.managed.resources.limits.gpu", { "etcd.managed.resources": { limits: { gpu: 1 } } }],
  ["etcd.managed.resources.requests.memory", { "etcd.managed.resources": { requests: { memory: "1e9" } } }],
  ["etcd.managed.tolerations", { "etcd.managed.tolerations": { key: "a" } }],
  ["etcd.external.endpoints.0", { "etcd.external.endpoints": ["etcd:2379"] }],
  ["etcd.external.endpoints.0", { "etcd.external.endpoints": ["https://etcd-0"] }],
  ["sessionTtl", { sessionTtl: "ten seconds" }],
  ["certificateLife", { certificateLife: "1d" }],
  ["logging.level", { "logging.level": "loud" }],
  ["metrics.serviceMonitor.enabled", { "metrics.serviceMonitor.enabled": "true" }],
  ["networkPolicies.apiServerCidrs.0", { "networkPolicies.apiServerCidrs": ["everywhere"] }],
  ["test.namespace", { "test.namespace": "Nowhere!" }],
];

const endpoints = ["https://etcd:2379"];
const apart: readonly (readonly [says: RegExp, sets: Sets])[] = [
  [/set etcd\.managed\.enabled=false/, { "etcd.external.endpoints": endpoints }],
  [/etcd\.external\.endpoints is empty/, { "etcd.managed.enabled": false }],
  [/etcd\.external\.adminSecret is of no use/, { "etcd.external.adminSecret": "admin" }],
  [
    /passwords stands beside etcd\.external\.issuerSecret/,
    {
      "etcd.managed.enabled": false,
      "etcd.external": {
        ...{ endpoints, adminSecret: "admin", passwords: true, issuerSecret: "issuer" },
      },
    },
  ],
  [
    /etcd\.external\.passwords needs etcd\.external\.adminSecret/,
    { "etcd.managed.enabled": false, "etcd.external": { endpoints, passwords: true } },
  ],
  [
    /className is of no use with etcd\.managed\.storage\.ephemeral=true/,
    { "etcd.managed.storage": { ephemeral: true, className: "fast" } },
  ],
  [
    /has http:\/\/b:2379 beside https:\/\/etcd:2379/,
    {
      "etcd.managed.enabled": false,
      "etcd.external.endpoints": [...endpoints, "http://b:2379"],
    },
  ],
  [
    /etcd\.external\.caSecret is of no use with http:/,
    {
      "etcd.managed.enabled": false,
      "etcd.external": { endpoints: ["http://etcd:2379"], caSecret: "ca" },
    },
  ],
  [
    /etcd\.external\.issuerSecret is of no use with http:/,
    {
      "etcd.managed.enabled": false,
      "etcd.external": {
        ...{ endpoints: ["http://etcd:2379"], issuerSecret: "ca", adminSecret: "admin" },
      },
    },
  ],
  [/sessionTtl is 2\.999s: write 3s to 10m/, { sessionTtl: "2.999s" }],
  [/sessionTtl is 10m1ms: write 3s to 10m/, { sessionTtl: "10m1ms" }],
  [/certificateLife is 29s: write 30s to 720h/, { certificateLife: "29s" }],
  [/certificateLife is 720h1s: write 30s to 720h/, { certificateLife: "720h1s" }],
  [/serviceAccount\.name is empty/, { "serviceAccount.create": false }],
  [/namespaces has kube-system/, { namespaces: ["kube-system"] }],
  [/test\.namespace is c, which is none of namespaces/, { namespaces: ["a"], "test.namespace": "c" }],
  [/injection\.enabled is false/, { "injection.enabled": false, "test.namespace": "c" }],
];

describe("values that the chart refuses", function () {
  this.timeout(120_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  for (const major of helmMajors) {
    it(`are told by name by helm ${major}, where the schema says no`, async () => {
      for (const [field, sets] of wrong) {
        const what = `${field} ${JSON.stringify(sets)}`;
        const parts = field.split(".");
        await assert.rejects(
          helms.render(major, sets),
          (error: Error) => {
            const { message } = error;
            assert.match(message, /don't meet the specifications of the schema/, what);
            const names = [parts.join("."), `/${parts.join("/")}`];
            // A name that there is not stands in quotes, or behind the place where it is.
            const unknown = /additional propert/i.test(message) && message.includes(parts.at(-1)!);
            assert.ok(unknown || names.some((name) => message.includes(name)), `${what}\n${message}`);
            return true;
          },
          what,
        );
      }
    });
  }

  it("are told with what to write, where two do not go together", async () => {
    for (const [says, sets] of apart) {
      await assert.rejects(helms.render("4", sets), says, JSON.stringify(sets));
    }
  });
});
