/**
 * The webhooks by which the API server asks the operator about new pods: the one description, from which the chart's
 * MutatingWebhookConfiguration and the tests' are made.
 *
 * A pod is matched by one entry at most, and only where somebody asked, by label: selectors cannot see annotations.
 *
 * | the pod's label          | the namespace's label      | entry                                        |
 * | ------------------------ | -------------------------- | -------------------------------------------- |
 * | `enabled`                | any, or none               | `pod.inject.holdfast.dev`                    |
 * | `disabled`               | any, or none               | none                                         |
 * | none                     | `enabled`                  | `namespace.inject.holdfast.dev`              |
 * | none                     | `disabled`, or none        | none                                         |
 * | another value            | any, or none               | `pod.inject.holdfast.dev`, which refuses it  |
 * | none                     | another value              | `namespace.inject.holdfast.dev`, which refuses it |
 *
 * Another value stands for somebody who asked and spelt it wrong: the chart's policy refuses it where it is written; where
 * that policy is not in force, a pod must not start without what was asked for. `Fail` means the same: nobody who asked
 * starts without, and nobody else waits for us.
 *
 * Each field that the API server would fill in is written out, else what is stored would differ from what was sent, and
 * tools that compare the two would apply it for ever. `caBundle` is left out: the operator writes it (ca-bundle.ts).
 */
import { group, injectLabel } from "#api/names.ts";

export const injectPath = "/inject";
/** The port of the Service, not of the process. */
export const servicePort = 443;
/** How long the API server waits for an answer. */
export const timeoutSeconds = 5;

/** Of both entries; the API server asks for three words at least. */
export const podWebhook = `pod.inject.${group}`;
export const namespaceWebhook = `namespace.inject.${group}`;

/** The API server puts this label on each namespace. */
const nameLabel = "kubernetes.io/metadata.name";

export interface Expression {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}

export interface Selector {
  readonly matchExpressions: readonly Expression[];
}

/** Where the API server finds the operator. */
export type ClientConfig =
  | { readonly url: string; readonly caBundle?: string }
  | {
      readonly service: {
        readonly name: string;
        readonly namespace: string;
        readonly path: string;
        readonly port: number;
      };
    };

export interface Webhook {
  readonly name: string;
  readonly clientConfig: ClientConfig;
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly operations: readonly string[];
    readonly resources: readonly string[];
    readonly scope: string;
  }[];
  readonly namespaceSelector: Selector;
  readonly objectSelector: Selector;
  readonly failurePolicy: "Fail";
  readonly matchPolicy: "Equivalent";
  readonly reinvocationPolicy: "IfNeeded";
  readonly sideEffects: "None";
  readonly timeoutSeconds: number;
  readonly admissionReviewVersions: readonly string[];
}

/** The operator's own pods cannot wait for the operator, nor those that it needs itself. */
export function excludedNamespaces(own: string): readonly string[] {
  return ["kube-system", own];
}

export function serviceConfig(service: string, namespace: string): ClientConfig {
  return { service: { name: service, namespace, path: injectPath, port: servicePort } };
}

/** `namespace`: the operator's own. */
export function webhooksOf({
  namespace,
  clientConfig,
}: {
  readonly namespace: string;
  readonly clientConfig: ClientConfig;
}): readonly Webhook[] {
  const elsewhere: Expression = {
    key: nameLabel,
    operator: "NotIn",
    values: excludedNamespaces(namespace),
  };
  const asks: readonly Expression[] = [
    { key: injectLabel, operator: "Exists" },
    { key: injectLabel, operator: "NotIn", values: ["disabled"] },
  ];
  const saysNothing: Expression = { key: injectLabel, operator: "DoesNotExist" };
  return [
    {
      name: podWebhook,
      ...common(clientConfig),
      namespaceSelector: { matchExpressions: [elsewhere] },
      objectSelector: { matchExpressions: asks },
    },
    {
      name: namespaceWebhook,
      ...common(clientConfig),
      namespaceSelector: { matchExpressions: [...asks, elsewhere] },
      objectSelector: { matchExpressions: [saysNothing] },
    },
  ];
}

function common(clientConfig: ClientConfig) {
  return {
    clientConfig,
    rules: [
      {
        apiGroups: [""],
        apiVersions: ["v1"],
        operations: ["CREATE"],
        resources: ["pods"],
        scope: "Namespaced",
      },
    ],
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    // Another webhook may add a container, or a mesh, after we were asked.
    reinvocationPolicy: "IfNeeded",
    // Events are told, and nothing that would have to be taken back; on a dry run not even those.
    sideEffects: "None",
    timeoutSeconds,
    admissionReviewVersions: ["v1"],
  } as const;
}
