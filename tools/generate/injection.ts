/** `docs/reference/injection.md`: by what a pod gets a sidecar, how it changes it, and why it may get none. */
import {
  injectionAnnotation,
  injectLabel,
  injectLabelValues,
  sidecarLabel,
  sidecarLabelValue,
} from "#api/names.ts";
import { annotationOf, settingNames, settings } from "#operator/injection/annotations.ts";
import { findings, refusals, skips } from "#operator/injection/reasons.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

const sources = "api/names.ts, operator/injection/annotations.ts and operator/injection/reasons.ts";

export function makeInjection(): Promise<Made> {
  const lines = [
    "# Labels, annotations and reasons of injection",
    "",
    "How they are used, and what is put into a pod, is in [injection](../operations/injection.md).",
    "",
    "## Labels",
    "",
    ...table(["label", "on", "values", "what it does"], labelRows()),
    "",
    "## Annotations",
    "",
    `All stand on the pod (of a Deployment: on its template), and are optional. Any other that begins with ${code(annotationOf("image").replace(/[^/]*$/, ""))} is refused,`,
    "so that one that is spelt wrong is not one that is missing.",
    "",
    ...table(["annotation", "what it does", "takes", "default"], settingNames.map(settingRow)),
    "",
    `The operator itself writes ${code(injectionAnnotation)}: what was injected, as JSON, for its own reading.`,
    "",
    "## Refusals",
    "",
    "The pod is not made: it asked for a sidecar, and would not have what it relies on.",
    "",
    ...table(["reason", "when", "what to do"], reasonRows(refusals)),
    "",
    "## Skips",
    "",
    "The pod is made as it is.",
    "",
    ...table(["reason", "when", "what to do"], reasonRows(skips)),
    "",
    "## Findings",
    "",
    "About pods that run: counted by the metric `holdfast_pods_to_restart` and in the Backend's status, and told by an Event with",
    "`Sidecar` before the reason. Their place is in [injection](../operations/injection.md#find-pods-without-a-sidecar-and-old-sidecars).",
    "",
    ...table(["reason", "when", "what to do"], reasonRows(findings)),
  ];
  return Promise.resolve(new Map([["docs/reference/injection.md", page(sources, lines)]]));
}

function labelRows(): string[][] {
  return [
    [
      code(injectLabel),
      "a pod, a namespace",
      injectLabelValues.map(code).join(", "),
      "Asks for a sidecar, or for none. The pod's wins over its namespace's. Any other value is refused.",
    ],
    [
      code(sidecarLabel),
      "a pod",
      code(sidecarLabelValue),
      "Written by the operator on each pod that gets a sidecar: for selectors.",
    ],
  ];
}

function settingRow(name: (typeof settingNames)[number]): string[] {
  const { about, takes, default: byDefault } = settings[name];
  const said = byDefault === undefined ? "the operator's" : code(byDefault);
  return [code(annotationOf(name)), about, takes, said];
}

function reasonRows(reasons: Record<string, { about: string; way: string }>): string[][] {
  return Object.entries(reasons).map(([reason, { about, way }]) => [code(reason), about, way]);
}
