import assert from "node:assert/strict";
import { injectionAnnotation } from "#api/names.ts";
import { currentOf, judge, type Current } from "#operator/controllers/sidecars/judge.ts";
import { inject } from "#operator/injection/inject.ts";
import { keptPod } from "#operator/sidecars/pods.ts";
import { applied } from "../../injection/json-patch.ts";
import { injector, namespace as usual } from "../../injection/support.ts";
import { current, pod, type PodSaid } from "./support.ts";

const label = "holdfast.dev/inject";

interface Row {
  readonly pod: PodSaid;
  /** The namespace's; absent: it has none. */
  readonly asks?: string;
  readonly current?: Partial<Current>;
  /** `-`: none. */
  readonly says: string;
}

const rows: Readonly<Record<string, Row>> = {
  "asks by its namespace and has none": { pod: {}, asks: "enabled", says: "Missing" },
  "asks by itself and has none": { pod: { inject: "enabled" }, says: "Missing" },
  "asks against its namespace": {
    pod: { inject: "enabled" },
    ...{ asks: "disabled", says: "Missing" },
  },
  "asks for none against its namespace": {
    pod: { inject: "disabled" },
    ...{ asks: "enabled", says: "-" },
  },
  "does not ask": { pod: {}, says: "-" },
  "is of a namespace that asks for none": { pod: {}, asks: "disabled", says: "-" },
  "has a label that is spelt wrong": { pod: { inject: "yes" }, says: "Missing" },
  "is of the operator's namespace": {
    pod: { namespace: "holdfast-system", inject: "enabled" },
    ...{ asks: "enabled", says: "-" },
  },
  "is of kube-system, with an old sidecar": {
    pod: { namespace: "kube-system", mark: ["1.0.0", "beef"] },
    ...{ asks: "enabled", says: "-" },
  },
  "is a kubelet's": {
    pod: { annotations: { "kubernetes.io/config.mirror": "x" } },
    ...{ asks: "enabled", says: "-" },
  },
  "is being deleted": { pod: { deleted: true }, asks: "enabled", says: "-" },
  "is being deleted, with an old sidecar": {
    pod: { deleted: true, mark: ["1.0.0", "beef"] },
    ...{ asks: "enabled", says: "-" },
  },
  "has the sidecar of now": {
    pod: { mark: ["1.2.0", "cafe"] },
    asks: "enabled",
    says: "sidecar -",
  },
  "has one of an older version": {
    pod: { mark: ["1.1.9", "beef"] },
    ...{ asks: "enabled", says: "sidecar OldVersion" },
  },
  "has one of an older version that comes to the same": {
    pod: { mark: ["1.1.9", "cafe"] },
    ...{ asks: "enabled", says: "sidecar OldVersion" },
  },
  "has one of another template": {
    pod: { mark: ["1.2.0", "beef"] },
    ...{ asks: "enabled", says: "sidecar OldTemplate" },
  },
  "has one of a newer version": {
    pod: { mark: ["1.3.0", "beef"] },
    ...{ asks: "enabled", says: "sidecar -" },
  },
  "has one of no version": {
    pod: { mark: ["main", "beef"] },
    ...{ asks: "enabled", says: "sidecar OldVersion" },
  },
  "has an old one and asks no more": { pod: { mark: ["1.1.0", "x"] }, says: "sidecar OldVersion" },
  "has one while the operator gives none": {
    pod: { mark: ["1.2.0", "beef"] },
    ...{ current: { template: undefined }, says: "sidecar -" },
  },
  "says that it has one, without a mark": {
    pod: { injected: true },
    ...{ asks: "enabled", says: "Missing" },
  },
  "says that it has one, with a mark that is none of ours": {
    pod: { injected: true, annotations: { [injectionAnnotation]: "{}" } },
    ...{ asks: "enabled", says: "Missing" },
  },
  "says that it has one, with a mark of any length": {
    pod: { injected: true, annotations: { [injectionAnnotation]: " ".repeat(100_000) } },
    ...{ asks: "enabled", says: "Missing" },
  },
  "has a mark and not the label": {
    pod: { mark: ["1.2.0", "cafe"], injected: false },
    ...{ asks: "enabled", says: "Missing" },
  },
};

describe("a pod that runs", () => {
  for (const [what, row] of Object.entries(rows)) {
    it(`${what}: ${row.says}`, () => {
      const { namespace = "shop" } = row.pod;
      const labels = row.asks === undefined ? {} : { [label]: row.asks };
      const all = { ...current, ...row.current };
      const { hasSidecar, finding } = judge(pod(row.pod), { name: namespace, labels }, all);
      const said = `${hasSidecar ? "sidecar " : ""}${finding?.reason ?? "-"}`;
      assert.equal(said, row.says);
    });
  }

  it("is told by whose label it asks, or why it would be refused", () => {
    const whatOf = (said: PodSaid, labels = {}) =>
      judge(pod(said), { name: "shop", labels }, current).finding?.what ?? "";
    assert.match(whatOf({ inject: "enabled" }), /by its own label 'holdfast\.dev\/inject'/);
    assert.match(whatOf({}, { [label]: "enabled" }), /by its namespace's label/);
    assert.match(whatOf({ inject: "yes" }), /would be refused .*'yes'.* to enabled or disabled$/);
    assert.match(whatOf({ mark: ["1.0.0", "x"] }), /by version 1\.0\.0; the operator's is 1\.2\.0/);
  });

  it("is missing a sidecar exactly where the webhook would give it one, and after that is as it should be", () => {
    const values = [undefined, "enabled", "disabled"];
    for (const [ofNamespace, own] of values.flatMap((one) => values.map((two) => [one, two]))) {
      const labels = ofNamespace === undefined ? {} : { [label]: ofNamespace };
      const namespace = { ...usual, labels };
      const metadata = {
        ...{ name: "a", namespace: "shop", uid: "u", resourceVersion: "1" },
        labels: own === undefined ? {} : { [label]: own },
      };
      const made = { metadata, spec: { containers: [{ name: "app" }] } };
      const judged = (one: object) => {
        const kept = keptPod({ apiVersion: "v1", kind: "Pod", metadata, ...one });
        return judge(kept, namespace, currentOf(injector));
      };
      const before = judged(made);
      const injection = inject({ pod: made, namespace, injector });
      assert.equal(before.finding?.reason === "Missing", injection.kind === "patched");
      if (injection.kind !== "patched") continue;
      const sidecar = { hasSidecar: true, finding: undefined };
      assert.deepEqual(judged(applied(made, injection.patch)), sidecar);
    }
  });
});
