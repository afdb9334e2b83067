/** `charts/`: what of the charts is made from the code; the rest of their templates is written by hand. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { group } from "#api/names.ts";
import { kinds } from "#api/resources/kinds.ts";
import { alertsPage, rulesOf } from "./chart/alerts.ts";
import { dashboard } from "./chart/dashboard.ts";
import { crdTemplate, rulesTemplate, webhooksTemplate } from "./chart/templates.ts";
import { rowsOf, schemaOf, yamlOf } from "./chart/value.ts";
import { values } from "./chart/values.ts";
import { headOf, type Made } from "./made.ts";
import { page, table } from "./markdown.ts";

const source = "tools/generate/chart/values.ts";
const projectFolder = join(import.meta.dirname, "../..");

export const chartFolder = "charts/holdfast";
export const crdChartFolder = "charts/holdfast-crds";
/** Folders that hold nothing else. */
export const chartsOwn = [`${chartFolder}/templates/made`, `${crdChartFolder}/templates`];

/** The oldest Kubernetes that is tested; the -0 lets the versions of vendors in, such as 1.34.1-gke.2. */
const kubeVersion = ">=1.34.0-0";

export function makeCharts(): Promise<Made> {
  const crds = kinds.flatMap((kind): [string, string][] => {
    const file = `${group}_${kind.plural}.yaml`;
    return [
      [`${chartFolder}/templates/made/${file}`, crdTemplate(kind, ".Values.crds.install")],
      [`${crdChartFolder}/templates/${file}`, crdTemplate(kind)],
    ];
  });
  const made = new Map([
    [
      `${chartFolder}/Chart.yaml`,
      chartOf(
        "holdfast",
        "Locks on localhost for every pod: the operator, its webhooks, and what watches them",
      ),
    ],
    [
      `${crdChartFolder}/Chart.yaml`,
      chartOf(
        "holdfast-crds",
        "The CustomResourceDefinitions of Holdfast, for installations that keep them apart",
      ),
    ],
    [`${chartFolder}/values.yaml`, `# ${headOf(source)}\n\n${yamlOf(values)}`],
    [`${chartFolder}/values.schema.json`, `${JSON.stringify(rootSchema(), undefined, 2)}\n`],
    [`${chartFolder}/README.md`, readme()],
    [`${chartFolder}/files/dashboard.json`, `${JSON.stringify(dashboard(), undefined, 2)}\n`],
    [`${chartFolder}/files/alerts.yaml`, stringify(rulesOf(), { lineWidth: 0 })],
    ["docs/operations/alerts.md", page("tools/generate/chart/alerts.ts", alertsPage())],
    [`${chartFolder}/templates/made/_rules.tpl`, rulesTemplate()],
    [`${chartFolder}/templates/made/_webhooks.tpl`, webhooksTemplate()],
    ...crds,
  ]);
  return Promise.resolve(made);
}

function chartOf(name: string, description: string): string {
  const { version, license } = JSON.parse(
    readFileSync(join(projectFolder, "package.json"), "utf8"),
  ) as { version: string; license: string };
  const chart = {
    ...{ apiVersion: "v2", name, description, type: "application" },
    ...{ version, appVersion: version, kubeVersion },
    keywords: ["lock", "distributed-lock", "mutex", "lease", "etcd", "sidecar", "operator"],
    annotations: {
      "artifacthub.io/license": license,
      "artifacthub.io/operator": name === "holdfast" ? "true" : "false",
      "artifacthub.io/prerelease": "true",
    },
  };
  return `# ${headOf("package.json and tools/generate/charts.ts")}\n${stringify(chart)}`;
}

function rootSchema(): object {
  const { properties, ...rest } = schemaOf(values);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart holdfast",
    ...rest,
    properties: {
      ...(properties as object),
      global: { description: "Helm gives it to charts within others. Not used.", type: "object" },
    },
  };
}

function readme(): string {
  return page(source, [
    "# Chart holdfast",
    "",
    "Installs the operator of Holdfast, which puts a sidecar into pods that ask for one and runs an etcd for them.",
    "",
    "```sh",
    "helm install holdfast charts/holdfast --namespace holdfast-system --create-namespace",
    "```",
    "",
    "[Installation](../../docs/operations/installation.md) tells what to choose, [the quickstart](../../docs/quickstart.md) leads to the first lock in a pod, and [uninstalling](../../docs/operations/uninstall.md) says what stays. `values-ha.yaml` is a start for production.",
    "",
    `Kubernetes ${kubeVersion.replace(/^>=|-0$/g, "").replace(/-0$/, "")} or later; Helm 3 or 4. A value that is not in the table, or has another type, is refused with its name.`,
    "",
    ...table(["value", "default", "what"], rowsOf(values)),
  ]);
}
