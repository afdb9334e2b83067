/** The objects of an etcd that the operator runs, word for word: golden/*.yaml. `GOLDEN=write` writes them anew, to be read as a diff. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { stringify } from "yaml";
import { parseBackendSpec } from "#api/resources/backend.ts";
import { appliedOf, stands, type Wanted } from "#operator/objects/wanted.ts";
import { etcdObjects } from "#operator/objects/etcd.ts";
import { readEtcdPod } from "#operator/objects/etcd-pod.ts";
import { coresOf, quantityOf } from "#operator/objects/quantities.ts";
import { apiVersionOf, type KubeObject } from "#operator/kube/objects.ts";

const folder = "test/unit/operator/objects/golden";
const installation = { name: "holdfast", namespace: "holdfast-system" };

function objectsOf(managed: object, pod: object = {}): readonly Wanted[] {
  const read = parseBackendSpec({ type: "etcd", managed }, "spec");
  assert.ok(read.ok && read.spec.managed !== undefined);
  const settings = {
    ...{ installation, image: "example.test/holdfast-etcd:0.1.0", trustMark: "c0ffee" },
    pod: readEtcdPod(JSON.stringify(pod)),
  };
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

  it("have what the platform wants of the pod", () => {
    golden(
      "placed",
      objectsOf(
        {},
        {
          imagePullSecrets: [{ name: "pull" }],
          priorityClassName: "storage",
          nodeSelector: { "example.test/pool": "storage" },
          tolerations: [{ key: "dedicated", operator: "Equal", value: "storage" }],
          affinity: { nodeAffinity: {} },
          resources: { requests: { cpu: "1.5", memory: "1024Mi" }, limits: { cpu: 2 } },
        },
      ),
    );
  });

  it("have memory as the pod's settings say, or the Backend, or as is computed", () => {
    const memoryOf = (managed: object, resources: object): unknown[] => {
      const set = objectsOf(managed, { resources }).at(-1)?.fields as {
        spec: { template: { spec: { containers: { resources: Amounts }[] } } };
      };
      const [container] = set.spec.template.spec.containers;
      return [container?.resources.requests["memory"], container?.resources.limits["memory"]];
    };
    interface Amounts {
      requests: Record<string, string>;
      limits: Record<string, string>;
    }
    const backend = { resources: { memory: "1Gi" } };
    assert.deepEqual(memoryOf({}, {}), ["708Mi", "1416Mi"]);
    assert.deepEqual(memoryOf(backend, {}), ["1Gi", "2Gi"]);
    assert.deepEqual(memoryOf(backend, { requests: { memory: "3Gi" } }), ["3Gi", "6Gi"]);
    assert.deepEqual(memoryOf(backend, { limits: { memory: "4Gi" } }), ["1Gi", "4Gi"]);
    assert.deepEqual(memoryOf({}, { limits: { memory: "512Mi" } }), ["512Mi", "512Mi"]);
  });

  it("take nothing of the pod that is not named, nor in another shape", () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["[]", /is no object in JSON/],
      ["{", /is no object in JSON/],
      ['{"hostNetwork":true}', /has 'hostNetwork', which is not taken/],
      ['{"constructor":{}}', /has 'constructor', which is not taken/],
      ['{"tolerations":{}}', /has 'tolerations' in another shape/],
      ['{"imagePullSecrets":["pull"]}', /has 'imagePullSecrets' in another shape/],
      ['{"resources":{"cpu":"1"}}', /has 'resources' in another shape/],
      ['{"resources":{"limits":{"gpu":"1"}}}', /with more than cpu and memory: 'gpu'/],
      ['{"resources":{"limits":{"cpu":"much"}}}', /'resources.limits.cpu' that is not as in/],
      ['{"resources":{"requests":{"memory":"1e9"}}}', /'resources.requests.memory' that is not/],
    ];
    for (const [text, why] of wrong) assert.throws(() => readEtcdPod(text), why, text);
    assert.deepEqual(
      readEtcdPod('{"nodeSelector":{},"tolerations":[],"priorityClassName":""}'),
      {},
    );
  });

  it("say cores as the API server does", () => {
    for (const [said, written] of [
      ["500m", "500m"],
      ["0.5", "500m"],
      ["2000m", "2"],
      ["1.250", "1250m"],
      ["0", undefined],
      ["1e3", undefined],
    ] as const)
      assert.equal(coresOf(said), written);
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
