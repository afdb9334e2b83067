/** What a page tells to type, typed: its blocks of shell, with kubectl and helm as a person has them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { answerOf } from "#tools/cluster/answer.ts";
import type { Installation } from "./installation.ts";

/** A namespace that hangs would be waited for without an end. */
const blockMaxMs = 120_000;

/** The blocks below a heading, up to the next one: of `console` without the prompts. */
export function blocksBelow(heading: string, file: string): string[] {
  const sections = readFileSync(file, "utf8").split(/^## /m);
  const section = sections.find((each) => each.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `${file} has no section '${heading}'`);
  const blocks = section.matchAll(/^```(?:sh|console)\n(.*?)^```$/gms);
  return [...blocks].map(([, block = ""]) => block.replaceAll(/^\$ /gm, "").trim());
}

interface More {
  /** Folders of further programs. */
  readonly programs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Its output, errors and all; throws where a line of it fails. */
export async function type(
  { cluster, helm }: Installation,
  block: string,
  { programs: more = [], env: others = {} }: More = {},
): Promise<string> {
  const own = [cluster.programs, path.dirname(helm.program), process.env["PATH"] ?? ""];
  const env = {
    ...helm.env,
    ...{ PATH: [...more, ...own].join(path.delimiter), KUBECONFIG: cluster.kubeconfig },
    ...{ KUBECACHEDIR: path.join(cluster.folder, "kubectl-cache"), ...others },
  };
  const shell = ["-euo", "pipefail", "-c", `exec 2>&1; ${block}`];
  const { code, out } = await answerOf("bash", shell, { env, withinMs: blockMaxMs });
  assert.equal(code, 0, `${block}\n${out}`);
  return out;
}
