/** The objects of an etcd that the operator runs, word for word: golden/*.yaml. `GOLDEN=write` writes them anew, to be read as a diff. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { stringify } from "yaml";
import { parseBackendSpec } from "#api/resources/backend.ts";
import { appliedOf, stands, type Wanted } from "#operator/objects/wanted.ts";
import { etcdObjects, quantityOf } from "#operator/objects/etcd.ts";
import { apiVersionOf, type KubeObject } from "#operator/kube/objects.ts";

const folder = "test/unit/operator/objects/golden";
const installation = { name: "holdfast", namespace: "holdfast-system" };

function objectsOf(managed: object): readonly Wanted[] {
  const read = parseBackendSpec({ type: "etcd", managed }, "spec");
  assert.ok(read.ok && read.spec.managed !== undefined);
  const settings = { installation, image: "example.test/holdfast-etcd:0.1.0", trustMark: "c0ffee" };
  return etcdObjects(read.spec.managed, settings);
}

function golden(name: string, wanted: readonly Wanted[]): void {
  const documents = wanted.map(({ resource, name: called, labels, fields }) =>
    stringify({
      ...{ apiVersion: apiVersionOf(resource), kind: resource.kind },
      metadata: { name: called, labels },
      ...fields,
    }),
  );
  const text = documents.join("---\n");
  const file = path.join(folder, `${name}.yaml`);
  if (process.env["GOLDEN"] === "write") writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"));
}

describe("the objects of an etcd that the operator runs", () => {
  it("are these, with all defaults", () => {
    golden("usual", objectsOf({}));
  });

  it("are these, with all that can be said", () => {
    const storage = { size: "2048Mi", className: "fast" };
    golden("said", objectsOf({ storage, resources: { memory: "1024Mi" } }));
  });

  it("have no volume that outlives the pod, where that is said", () => {
    golden("ephemeral", objectsOf({ storage: { ephemeral: true, size: "1Gi" } }));
  });

  it("say sizes as the API server does", () => {
    for (const [said, written] of [
      ["8Gi", "8Gi"],
      ["8192Mi", "8Gi"],
      ["1500Mi", "1500Mi"],
      ["1024Gi", "1Ti"],
      ["2048Ti", "2Pi"],
    ] as const)
      assert.equal(quantityOf(said), written);
  });
});

describe("an object that stands", () => {
  const [, , wanted] = objectsOf({});
  assert.ok(wanted !== undefined);
  const asApplied = (): KubeObject => {
    const { object, labels, annotations, fields } = appliedOf(wanted, installation.namespace);
    return structuredClone({
      ...{ apiVersion: "apps/v1", kind: "StatefulSet", ...fields },
      metadata: { ...object, labels, annotations, uid: "u", resourceVersion: "1" },
    }) as unknown as KubeObject;
  };
  interface Set {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> };
    spec: {
      replicas: number;
      template: { spec: { containers: Record<string, unknown>[]; dnsPolicy?: string } };
    };
  }
  const changed = (change: (set: Set) => void): boolean => {
    const object = asApplied();
    change(object as unknown as Set);
    return stands(object, wanted);
  };

  it("does as it was applied, also with what the server fills in and others add", () => {
    assert.ok(changed(() => undefined));
    const more = changed(({ metadata, spec }) => {
      metadata.labels["team"] = "platform";
      spec.template.spec.dnsPolicy = "ClusterFirst";
      spec.template.spec.containers.unshift({ name: "mesh" });
    });
    assert.ok(more);
  });

  it("does not where somebody changed or took away what was said", () => {
    assert.ok(!changed(({ spec }) => (spec.replicas = 0)));
    assert.ok(!changed(({ metadata }) => delete metadata.labels["app.kubernetes.io/instance"]));
    assert.ok(!changed(({ spec }) => spec.template.spec.containers.pop()));
    assert.ok(
      !changed(({ spec }) => {
        const [container] = spec.template.spec.containers;
        (container?.["args"] as string[]).push("--unsafe-no-fsync");
      }),
    );
  });

  it("does not where something was said that is said no more", () => {
    assert.ok(!changed(({ metadata }) => (metadata.annotations["holdfast.dev/applied"] = "old")));
  });
});
