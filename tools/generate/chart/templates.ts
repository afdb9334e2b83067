/**
 * The parts of the charts whose truth stands in the code, as templates of helm: rights, webhooks, CRDs. What the release
 * decides stands in the code's objects as a mark, and is replaced in their YAML by what the template computes.
 */
import { stringify } from "yaml";
import type { ResourceKind } from "#api/resources/kind.ts";
import { permissionsOf, type Rule } from "#operator/permissions.ts";
import { serviceConfig, webhooksOf, type Webhook } from "#operator/webhooks/configuration.ts";
import { crdOf } from "../crds.ts";
import { headOf } from "../made.ts";

/** What a mark becomes. None of them can stand in YAML by chance. */
const marks = {
  xLEASEx: 'include "holdfast.operator" .',
  xCLUSTERNAMEx: 'include "holdfast.clusterName" .',
  xSERVICEx: 'include "holdfast.operator" .',
  xNAMESPACEx: ".Release.Namespace",
} as const;

/** The whole line: a list of the namespaces that are served. */
const servedMark = "xSERVEDx";

/** YAML with templates in it; anything of it that helm would take for a template of its own is quoted. */
function templateOf(document: unknown, depth = 0): string {
  let text = quoted(stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }));
  for (const [mark, template] of Object.entries(marks)) {
    // Alone it is quoted: a namespace may be called 42.
    text = text
      .replaceAll(new RegExp(`(?<=[:-] )${mark}$`, "gm"), `{{ ${template} | quote }}`)
      .replaceAll(mark, `{{ ${template} }}`);
  }
  const indent = " ".repeat(depth);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const at = line.indexOf(`- ${servedMark}`);
      return at < 0
        ? `${indent}${line}\n`
        : `${indent}${" ".repeat(at)}{{- toYaml .Values.namespaces | nindent ${at + depth} }}\n`;
    })
    .join("");
}

/** `{{` as text. */
export function quoted(text: string): string {
  return text.replaceAll("{{", '{{ "{{" }}');
}

/** Named templates with the rules of each Role: `holdfast.rules.all.cluster` and so on. */
export function rulesTemplate(): string {
  const names = { lease: "xLEASEx", webhookConfiguration: "xCLUSTERNAMEx" };
  const all = permissionsOf({ ...names, namespaces: undefined });
  const some = permissionsOf({ ...names, namespaces: [servedMark] });
  return [
    `{{- /* ${headOf("operator/permissions.ts")} */ -}}\n`,
    rulesNamed("all.cluster", all.cluster),
    rulesNamed("all.own", all.own),
    rulesNamed("some.cluster", some.cluster),
    rulesNamed("some.own", some.own),
    rulesNamed("some.served", some.served),
  ].join("");
}

function rulesNamed(name: string, rules: readonly Rule[]): string {
  const texts = rules.map(({ why, ...rule }) => `# ${quoted(why)}\n${templateOf([rule])}`);
  return `{{- define "holdfast.rules.${name}" }}\n${texts.join("")}{{- end }}\n`;
}

/** The list of webhooks of the MutatingWebhookConfiguration. */
export function webhooksTemplate(): string {
  const namespace = "xNAMESPACEx";
  const clientConfig = serviceConfig("xSERVICEx", namespace);
  const webhooks = webhooksOf({ namespace, clientConfig });
  return [
    `{{- /* ${headOf("operator/webhooks/configuration.ts")} */ -}}\n`,
    `{{- define "holdfast.webhooks" }}\n`,
    ...webhooks.map(webhookTemplate),
    "{{- end }}\n",
  ].join("");
}

/** Where some namespaces are served, the pods of no others are asked about: another installation may serve them. */
function webhookTemplate(webhook: Webhook): string {
  const mark = "xONLYx";
  const only = { key: "kubernetes.io/metadata.name", operator: "In", values: [servedMark] };
  const { matchExpressions } = webhook.namespaceSelector;
  const marked = {
    ...webhook,
    namespaceSelector: { matchExpressions: [...matchExpressions, mark] },
  };
  const lines = templateOf([marked]).split("\n");
  const at = lines.findIndex((line) => line.includes(mark));
  const depth = lines[at]?.indexOf("- ") ?? 0;
  const condition = [
    "{{- if .Values.namespaces }}",
    templateOf([only], depth).trimEnd(),
    "{{- end }}",
  ];
  return lines.toSpliced(at, 1, ...condition).join("\n");
}

/** The CRD as part of a release that leaves it behind. `condition`: when it is part; absent: always. */
export function crdTemplate(kind: ResourceKind, condition?: string): string {
  const crd = crdOf(kind) as { metadata: { name: string } };
  const metadata = {
    ...crd.metadata,
    annotations: { "helm.sh/resource-policy": "keep" },
  };
  const text = quoted(
    stringify({ ...crd, metadata }, { lineWidth: 0, aliasDuplicateObjects: false }),
  );
  return condition === undefined ? text : `{{- if ${condition} }}\n${text}{{- end }}\n`;
}
