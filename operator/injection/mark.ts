/**
 * What was injected, in one annotation of the pod, `holdfast.dev/injection`: so a second call knows what is its own, and
 * the operator which pods have an older sidecar.
 *
 * Anybody who makes a pod may write it. Who writes it on a pod without a sidecar gets one all the same; who writes it
 * beside a container of their own keeps that, and nobody is harmed but them.
 */
import { objectOf, textMapOf, textOf } from "#core/json.ts";

export interface Mark {
  /** Of the operator that injected. */
  readonly version: string;
  /** See `templateHash`. */
  readonly template: string;
  /** The pod's own, as they were. */
  readonly settings: Readonly<Record<string, string>>;
  readonly container: string;
  readonly volumes: readonly string[];
}

/** What is longer is none of ours. */
export const markCharsMax = 8_192;

export function markText({ version, template, settings, container, volumes }: Mark): string {
  const sorted = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ version, template, settings: sorted, container, volumes });
}

/** Undefined: there is none, or none of ours. */
export function readMark(text: string | undefined): Mark | undefined {
  if (text === undefined || text.length > markCharsMax) return undefined;
  const read = parsed(text);
  const version = textOf(read?.["version"]);
  const template = textOf(read?.["template"]);
  const container = textOf(read?.["container"]);
  const volumes = read?.["volumes"];
  if (version === undefined || template === undefined || container === undefined) return undefined;
  if (!Array.isArray(volumes)) return undefined;
  const names = volumes.filter((name) => typeof name === "string");
  const settings = textMapOf(read?.["settings"]);
  return { version, template, settings, container, volumes: names };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
