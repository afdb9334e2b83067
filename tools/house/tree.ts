/** The project's own files: what git would track, found without git, so that an unpacked archive can be checked, too. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const foreign = new Set(["node_modules", ".git", ".cache", "dist", ".library", ".vscode", ".idea"]);
const generatedRoots = [
  "api/generated/",
  "client/generated/",
  "etcd/codec/",
  "etcd/protos/",
  "crds/",
  "docs/reference/",
  "charts/holdfast/README.md",
  "docs/operations/alerts.md",
  "bench/results/",
];

/** Paths below the project, with `/`. */
export function projectFiles(folder = ""): string[] {
  return readdirSync(folder === "" ? "." : folder, { withFileTypes: true })
    .filter((entry) => !foreign.has(entry.name))
    .flatMap((entry) => {
      const place = path.posix.join(folder, entry.name);
      return entry.isDirectory() ? projectFiles(place) : [place];
    })
    .filter((file) => !file.endsWith(".log"));
}

export const isGenerated = (file: string): boolean =>
  generatedRoots.some((root) => file.startsWith(root));
export const isSource = (file: string): boolean => file.endsWith(".ts") && !isGenerated(file);
export const isDoc = (file: string): boolean => file.endsWith(".md") && !isGenerated(file);

/** Our sources: TypeScript that people wrote. */
export const sourceFiles = (): string[] => projectFiles().filter(isSource);
export const docFiles = (): string[] => projectFiles().filter(isDoc);

export function text(file: string): string {
  return readFileSync(file, "utf8");
}

export function lineCount(file: string): number {
  const lines = text(file).split("\n");
  return lines.at(-1) === "" ? lines.length - 1 : lines.length;
}

/** Without blank lines and lines of comment. */
export function codeLineCount(file: string): number {
  return text(file)
    .split("\n")
    .filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line)).length;
}
