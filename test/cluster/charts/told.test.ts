/** The lines of helm in the docs are lines that helm takes, with the files that they name. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse as parseYaml } from "yaml";
import { versionOf } from "#tools/fetch/built.ts";
import packageFile from "../../../package.json" with { type: "json" };
import { documentsOf, helmMajors, Helms, ofKind } from "./chart.ts";

const pages = ["docs/quickstart.md", "docs/operations/installation.md", "charts/holdfast/README.md"];

/** The fenced blocks of a language. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.+?)^\`\`\`$`, "gms"))].map(
    (match) => match[1] ?? "",
  );
}

/** As a shell would part them; what the docs quote has no quotes inside. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

function installsOf(page: string): string[][] {
  return blocksOf(page, "sh")
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"))
    .filter((line) => line.startsWith("helm install "))
    .map(wordsOf);
}

describe("the docs", function () {
  this.timeout(60_000);
  const helms = new Helms();
  const folder = mkdtempSync(path.join(tmpdir(), "holdfast-docs-"));
  after(async () => {
    rmSync(folder, { recursive: true });
    await helms[Symbol.asyncDispose]();
  });

  it("install by lines that both helms take", async () => {
    const external = blocksOf("docs/operations/installation.md", "yaml").find((block) =>
      block.startsWith("# external.yaml"),
    );
    assert.ok(external !== undefined);
    const file = path.join(folder, "external.yaml");
    writeFileSync(file, external);
    const lines = pages.flatMap(installsOf);
    assert.ok(lines.length >= 8, `only ${lines.length} lines were found`);
    for (const major of helmMajors) {
      const helm = await helms.of(major);
      for (const [, , ...words] of lines) {
        const args = words
          .filter((word) => word !== "--create-namespace")
          .map((word) => (word === "external.yaml" ? file : word));
        const version = ["--kube-version", versionOf("kubernetes")];
        assert.ok(documentsOf(await helm.run("template", ...args, ...version)).length > 0);
      }
    }
  });

  it("show a pool and an app that name what there is", () => {
    const blocks = blocksOf("docs/quickstart.md", "sh");
    const applied = blocks.flatMap((block) => {
      const [, yaml] = /<<'YAML'\n(.+)^YAML$/ms.exec(block) ?? [];
      return yaml === undefined ? [] : documentsOf(yaml);
    });
    assert.deepEqual(
      applied.map(({ kind }) => kind),
      ["DistributedLock", "Deployment"],
    );
    const app = JSON.stringify(ofKind(applied, "Deployment"));
    assert.ok(app.includes(`"image":"holdfast-sidecar:${packageFile.version}"`));
    const [pool] = ofKind(applied, "DistributedLock");
    assert.ok(app.includes(`/locks/${pool?.metadata.name ?? "?"}/42/acquire`));
  });

  it("leave a field out of the comparison of GitOps that the chart does not render", async () => {
    const block = blocksOf("docs/operations/installation.md", "yaml").find((each) =>
      each.includes("ignoreDifferences"),
    );
    const { ignoreDifferences } = parseYaml(block ?? "") as {
      ignoreDifferences: { group: string; kind: string }[];
    };
    const documents = await helms.render("4");
    for (const { group, kind } of ignoreDifferences)
      assert.ok(ofKind(documents, kind).some((one) => one.apiVersion.startsWith(`${group}/`)));
  });
});
