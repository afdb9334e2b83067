/** What the tests of injection share: an injector that lacks nothing, and a namespace that asks. */
import type { Injector } from "#operator/injection/inject.ts";
import type { NamespaceFacts } from "#operator/injection/pod.ts";

export const injector: Injector = {
  version: "1.2.3",
  image: "registry.example/holdfast-sidecar:1.2.3",
  pullPolicy: "IfNotPresent",
  identity: "https://holdfast-operator.holdfast-system.svc:4658/v1/identity",
  trust: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  excluded: ["kube-system", "holdfast-system"],
  served: undefined,
  sessionTtlMaxMs: 10_000,
  etcdPorts: [2_379],
};

export const namespace: NamespaceFacts = {
  name: "shop",
  labels: { "holdfast.dev/inject": "enabled" },
  annotations: {},
};
