/** The charts as helm renders them, for tests: each major of helm, its documents, and what of them is compared. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { Helm } from "#tools/cluster/helm.ts";
import { fetchHelm, helmMajors, type HelmMajor } from "#tools/fetch/helm.ts";
import { versionOf } from "#tools/fetch/built.ts";

export const chart = "charts/holdfast";
export const crdChart = "charts/holdfast-crds";
export const release = "holdfast";
export const namespace = "holdfast-system";
export { helmMajors, type HelmMajor };

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Values by their paths, as `--set-json` takes them. */
export type Sets = Readonly<Record<string, unknown>>;

export function setArgs(sets: Sets): string[] {
  return Object.entries(sets).flatMap(([at, value]) => [
    "--set-json",
    `${at}=${JSON.stringify(value)}`,
  ]);
}

/** Both majors, for what needs no cluster. */
export class Helms implements AsyncDisposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), "holdfast-helm-"));

  async of(major: HelmMajor): Promise<Helm> {
    const { path: program } = await fetchHelm(major);
    return new Helm({ program, folder: this.#folder });
  }

  /** What `helm template` makes, hooks and all. Throws with what helm says where it refuses. */
  async render(major: HelmMajor, sets: Sets = {}, of = chart): Promise<Rendered[]> {
    const helm = await this.of(major);
    const common = ["-n", namespace, "--kube-version", versionOf("kubernetes")];
    return documentsOf(await helm.run("template", release, of, ...common, ...setArgs(sets)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

export function documentsOf(text: string): Rendered[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(String(document.errors[0]));
      return document.toJS() as Rendered | null;
    })
    .filter((document) => document !== null);
}

export function ofKind(documents: readonly Rendered[], kind: string): Rendered[] {
  return documents.filter((document) => document.kind === kind);
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

/** Of the operator's container. */
export function variablesOf(documents: readonly Rendered[]): Variable[] {
  const [deployment] = ofKind(documents, "Deployment");
  const { template } = deployment?.["spec"] as {
    template: { spec: { containers: { env: Variable[] }[] } };
  };
  return template.spec.containers.flatMap(({ env }) => env);
}
