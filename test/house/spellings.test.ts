/** Spellings that we do not use, each with what we write instead; and names of files. */
import path from "node:path";
import { docFiles, projectFiles, sourceFiles, text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

interface Banned {
  readonly pattern: RegExp;
  readonly instead: string;
  readonly where: "code" | "tests" | "everywhere";
}

/** In two parts each, so that this file does not find itself. */
const word = (...parts: readonly string[]): RegExp => new RegExp(parts.join(""), "g");

const banned: readonly Banned[] = [
  { pattern: word("@ts-", "(ignore|nocheck)"), instead: "a type that fits", where: "code" },
  {
    pattern: word("eslint-", "disable"),
    instead: "code that passes, or a rule for the folder",
    where: "code",
  },
  {
    pattern: word("\\b(TO", "DO|FIX", "ME|HA", "CK)\\b"),
    instead: "an issue, or the thing itself",
    where: "everywhere",
  },
  { pattern: word("\\b(it|describe)", "\\.only\\("), instead: "GREP= or FILE=", where: "tests" },
  {
    pattern: word("\\b(it|describe)", "\\.skip\\("),
    instead: "this.skip() where something is missing, and say what",
    where: "tests",
  },
  {
    pattern: word("await (sleep|delay|setTimeout)", "\\(\\d"),
    instead: "a wait for the event, or virtual time",
    where: "tests",
  },
  {
    pattern: word("\\b\\w+(Millis|Milli", "seconds)\\b(?!\\()"),
    instead: "a name that ends in Ms",
    where: "code",
  },
  { pattern: word("\\b(white|black)", "list"), instead: "allowed, refused", where: "everywhere" },
  { pattern: word("\\bfencing", " (number|id)\\b"), instead: "fence", where: "everywhere" },
  { pattern: word("\\breceipt", " handle\\b"), instead: "receipt", where: "everywhere" },
  { pattern: word("\\block", " (group|namespace)\\b"), instead: "pool", where: "everywhere" },
  {
    pattern: word("registry\\.", "npmjs\\.org"),
    instead: "nothing: npm knows its registry",
    where: "everywhere",
  },
  {
    pattern: word("(?<![\\w.~-])/(work|home|root|Us", "ers)/[a-z]"),
    instead: "a path below the project, or $XDG_CACHE_HOME",
    where: "everywhere",
  },
];

const vagueNames = /^(utils?|helpers?|common|types|interfaces|manager|misc|index)\.ts$/;
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/;

function filesFor(where: Banned["where"]): string[] {
  if (where === "tests") return sourceFiles().filter((file) => file.startsWith("test/"));
  if (where === "code") return sourceFiles();
  const settings = projectFiles().filter((file) =>
    /\.(mjs|cjs|json|yaml|sh)$|^Makefile$|^\.ci\//.test(file),
  );
  return [...new Set([...sourceFiles(), ...docFiles(), ...settings])];
}

describe("spellings", () => {
  for (const { pattern, instead, where } of banned) {
    it(`${pattern.source}: write ${instead}`, () => {
      const found = filesFor(where).flatMap((file) =>
        text(file)
          .split("\n")
          .flatMap((content, i) =>
            content.search(pattern) < 0 ? [] : [`${file}:${i + 1} ${content.trim()}`],
          ),
      );
      nothing(found, `Write ${instead}.`);
    });
  }

  it("files are named after what they hold, in kebab-case", () => {
    const names = sourceFiles().filter((file) => {
      const name = path.basename(file);
      return vagueNames.test(name) || !kebab.test(name);
    });
    nothing(names, "Rename these:");
  });

  it("package-lock.json names no registry", () => {
    const hosts = [
      ...text("package-lock.json").matchAll(/"resolved": "(?:git\+)?https?:\/\/([^/"]+)/g),
    ].map((match) => match[1] ?? "");
    nothing([...new Set(hosts)], "Run npm install with omit-lockfile-registry-resolved=true.");
  });
});
