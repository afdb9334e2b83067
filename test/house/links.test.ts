/** Docs that lead somewhere: links, anchors, functions (`core/lock/acquire.ts#enter`), targets of make. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { declaredNames } from "#tools/house/functions.ts";
import { docFiles, projectFiles, text } from "#tools/house/tree.ts";
import { anchorsOf, linksOf } from "./support/markdown.ts";
import { nothing } from "./support/nothing.ts";

const isOutside = (target: string): boolean => /^[a-z]+:/i.test(target);

/** What is wrong with the link; undefined: nothing. */
function wrong(doc: string, target: string): string | undefined {
  const [place = "", anchor] = target.split("#");
  const file =
    place === ""
      ? doc
      : path.posix.normalize(path.posix.join(path.posix.dirname(doc), decodeURI(place)));
  if (!existsSync(file)) return "leads to no file";
  if (anchor === undefined) return undefined;
  if (file.endsWith(".ts"))
    return declaredNames(file).has(anchor) ? undefined : `names no declaration of ${file}`;
  if (file.endsWith(".md"))
    return anchorsOf(text(file)).has(anchor) ? undefined : `names no heading of ${file}`;
  return undefined;
}

describe("the docs", () => {
  it("have no dead link", () => {
    const dead = docFiles().flatMap((doc) =>
      linksOf(text(doc))
        .filter(({ target }) => !isOutside(target))
        .flatMap(({ target, line }) => {
          const problem = wrong(doc, target);
          return problem === undefined ? [] : [`${doc}:${line} ${target}: ${problem}`];
        }),
    );
    nothing(dead, "These lead nowhere:");
  });

  it("link to functions from the life of a lock", () => {
    const links = linksOf(text("docs/life-of-a-lock.md")).filter(({ target }) =>
      /\.ts#/.test(target),
    );
    assert.ok(
      links.length >= 8,
      `Only ${links.length} links to functions: the page is a walk through the code.`,
    );
  });

  it("are all reached from the README", () => {
    const reached = new Set<string>();
    const visit = (doc: string): void => {
      if (reached.has(doc) || !existsSync(doc)) return;
      reached.add(doc);
      for (const { target } of linksOf(text(doc))) {
        const [place = ""] = target.split("#");
        if (isOutside(target) || place === "") continue;
        const file = path.posix.normalize(path.posix.join(path.posix.dirname(doc), place));
        if (file.endsWith(".md")) visit(file);
      }
    };
    visit("README.md");
    const lost = projectFiles().filter(
      (file) => file.endsWith(".md") && !reached.has(file) && !file.startsWith("."),
    );
    nothing(lost, "No page leads here.");
  });

  it("name only targets that make has", () => {
    const targets = new Set(
      [...text("Makefile").matchAll(/^([a-z-]+):/gm)].map((match) => match[1]),
    );
    const strange = docFiles().flatMap((doc) =>
      [...text(doc).matchAll(/(?:`|^\s*)make ([a-z-]+)/gm)]
        .filter((match) => !targets.has(match[1]))
        .map((match) => `${doc}: make ${match[1] ?? ""}`),
    );
    nothing(strange, "There are no such targets (make help):");
  });
});
