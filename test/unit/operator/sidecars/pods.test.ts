import assert from "node:assert/strict";
import { isSamePod, keptPod, podSelections, saysInjected } from "#operator/sidecars/pods.ts";
import type { KubeObject, ObjectMeta } from "#operator/kube/objects.ts";

const sent = (more: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: "meta.k8s.io/v1",
  kind: "PartialObjectMetadata",
  metadata: {
    ...{ name: "a", namespace: "shop", uid: "u", resourceVersion: "7", generateName: "a-" },
    managedFields: [{ manager: "kubelet" }],
    labels: { app: "shop", "holdfast.dev/inject": "enabled", "pod-template-hash": "6f" },
    annotations: { "a.example/b": "x".repeat(10_000), "holdfast.dev/injection": "{}" },
    ownerReferences: [
      { apiVersion: "v1", kind: "Other", name: "o", uid: "1" },
      { apiVersion: "apps/v1", kind: "ReplicaSet", name: "a", uid: "2", controller: true },
    ],
    ...more,
  },
});

describe("a pod that is kept", () => {
  it("is a pod, with what is read of it and nothing else", () => {
    assert.deepEqual(keptPod(sent()), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...{ name: "a", namespace: "shop", uid: "u", resourceVersion: "7" },
        labels: { "holdfast.dev/inject": "enabled", "pod-template-hash": "6f" },
        annotations: { "holdfast.dev/injection": "{}" },
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "ReplicaSet", name: "a", uid: "2", controller: true },
        ],
      },
    });
  });

  it("has no map that is empty, and no mark that is too long to be ours", () => {
    const { metadata } = keptPod(sent({ labels: { app: "x" }, annotations: {} }));
    assert.deepEqual(Object.keys(metadata).sort(), [
      ...["name", "namespace", "ownerReferences", "resourceVersion", "uid"],
    ]);
    const long = keptPod(sent({ annotations: { "holdfast.dev/injection": "x".repeat(9_000) } }));
    assert.deepEqual(long.metadata.annotations, { "holdfast.dev/injection": "" });
  });

  it("is the same whatever else changes, and another when its label, its mark or its end does", () => {
    const before = keptPod(sent());
    const same = { resourceVersion: "8", finalizers: ["x"] };
    assert.ok(isSamePod(before, keptPod(sent(same))));
    for (const change of [
      { labels: {} },
      { annotations: {} },
      { uid: "v" },
      { deletionTimestamp: "2026-01-01T00:00:00Z" },
    ])
      assert.ok(!isSamePod(before, keptPod(sent(change))), JSON.stringify(change));
    assert.ok(!saysInjected(before));
    assert.ok(saysInjected(keptPod(sent({ labels: { "holdfast.dev/sidecar": "injected" } }))));
  });

  it("is one that has not ended, and none of a namespace without sidecars", () => {
    const [all, ...more] = podSelections(undefined, ["kube-system"]);
    assert.equal(more.length, 0);
    assert.equal(all?.metadataOnly, true);
    assert.equal(
      all.fieldSelector,
      "status.phase!=Succeeded,status.phase!=Failed,metadata.namespace!=kube-system",
    );
    const some = podSelections(["a", "b"], []);
    assert.deepEqual(
      some.map(({ namespace }) => namespace),
      ["a", "b"],
    );
  });
});
