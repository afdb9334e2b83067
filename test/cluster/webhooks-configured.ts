/** The operator's webhooks for tests: as the chart has them, but for where the operator is; and pods to try them with. */
import { webhooksOf } from "#operator/webhooks/configuration.ts";
import { operatorNamespace, operatorWebhooks } from "#test/support/kube/operator-role.ts";
import type { OperatorStage } from "./operator-stage.ts";

/** `at`: host and port. */
export async function configureWebhooks(stage: OperatorStage, at: string): Promise<void> {
  const clientConfig = { url: `https://${at}/inject` };
  const manifest = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: operatorWebhooks },
    webhooks: webhooksOf({ namespace: operatorNamespace, clientConfig }),
  };
  await stage.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
}

/** Why such a pod would not be made; empty: it would be. */
export async function tryPod(
  stage: OperatorStage,
  { namespace, labels }: { readonly namespace: string; readonly labels: object },
): Promise<string> {
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "tried", namespace, labels },
    spec: { containers: [{ name: "app", image: "app" }] },
  };
  const create = ["create", "--dry-run=server", "-f", "-"];
  return stage.cluster.kubectl.run(create, JSON.stringify(manifest)).then(
    () => "",
    (error: unknown) => String(error),
  );
}
