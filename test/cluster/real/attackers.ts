/** What namespaces that attack each other are made of: their policies, somebody without a sidecar, and forged questions. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { identityAudience } from "#api/identity.ts";
import { imageOf } from "#tools/cluster/real/site.ts";

interface Policy {
  readonly metadata: object;
  readonly spec: { readonly egress: readonly object[] };
}

export const denyAll = {
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "deny-all" } },
  spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
};

/** As docs/operations/injection.md has it, to the letter. */
export function documentedPolicy(): Policy {
  const page = readFileSync("docs/operations/injection.md", "utf8");
  const blocks = [...page.matchAll(/^```yaml\n([^`]+)^```/gm)].map(([, text]) => text ?? "");
  const policies = blocks.filter((text) => text.includes("kind: NetworkPolicy"));
  assert.equal(policies.length, 1);
  const [document] = parseAllDocuments(policies[0] ?? "");
  return document?.toJS() as Policy;
}

/** The first of the documented ways out, or as many of them, for one app. */
export function partlyOpen(app: string, ways: number): object {
  const { spec, ...policy } = documentedPolicy();
  return {
    ...{ ...policy, metadata: { name: app } },
    spec: { ...spec, podSelector: { matchLabels: { app } }, egress: spec.egress.slice(0, ways) },
  };
}

/** Has no sidecar, and mounts tokens of its own, as any pod may. */
export const thiefPod = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { name: "thief", labels: { "holdfast.dev/inject": "disabled" } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        ...{ name: "app", image: imageOf("busybox"), imagePullPolicy: "Never" },
        command: ["sleep", "86400"],
        volumeMounts: [{ name: "tokens", mountPath: "/tokens" }],
      },
    ],
    volumes: [
      {
        name: "tokens",
        projected: {
          sources: [
            { serviceAccountToken: { path: "ours", audience: identityAudience } },
            { serviceAccountToken: { path: "others", audience: "somebody.else" } },
            { serviceAccountToken: { path: "api" } },
          ],
        },
      },
    ],
  },
};

export const reviewOf = (request: object): object => ({
  ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
  request: {
    ...{ uid: "1", operation: "CREATE", dryRun: false },
    resource: { group: "", version: "v1", resource: "pods" },
    ...request,
  },
});

export function podNamed(
  name: string,
  { owner, hostNetwork = false }: { owner?: string; hostNetwork?: boolean } = {},
): object {
  const reference = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: owner,
    uid: "1-2-3",
    controller: true,
  };
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, ...(owner !== undefined && { ownerReferences: [reference] }) },
    spec: { hostNetwork, containers: [{ name: "app", image: "app" }] },
  };
}
