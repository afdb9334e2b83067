/** The npm packages that a bundle holds, and the Node that runs it. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { isLicenceFile, type LicenceText, type Part } from "./part.ts";

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** `inputs`: the files that a bundle was made of. */
export function npmParts(inputs: readonly string[]): Part[] {
  const packages = new Map<string, string[]>();
  for (const input of inputs) {
    const folder = packageFolderOf(input);
    if (folder !== undefined) packages.set(folder, [...(packages.get(folder) ?? []), input]);
  }
  return [...packages].map(([folder, files]) => npmPart(folder, files));
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` is of `node_modules/a/node_modules/@b/c`. */
export function packageFolderOf(input: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];
}

function npmPart(folder: string, files: readonly string[]): Part {
  const read = readFileSync(path.join(folder, "package.json"), "utf8");
  const { name, version, license } = JSON.parse(read) as PackageFile;
  if (license === undefined) throw new Error(`${folder}/package.json names no licence`);
  const texts = textsIn(folder);
  return {
    ...{ kind: "npm", name, version, licence: license },
    texts: texts.length > 0 ? texts : [headsOf(files, `${name} is ${license}.`)],
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
  };
}

/** Of a package that ships no text of its licence: what its files say at their beginning, which no bundle keeps. */
function headsOf(files: readonly string[], told: string): LicenceText {
  const heads = new Set<string>();
  for (const file of files) {
    const head = /^(?:\s*(?:\/\/[^\n]*\n|\/\*[^]*?\*\/))+/.exec(readFileSync(file, "utf8"))?.[0];
    if (head !== undefined && /copyright|licen[cs]e/i.test(head)) heads.add(head.trim());
  }
  const content = [`${told} It ships no text of its licence; its files say:`, ...heads, ""];
  return { name: "LICENSE", content: Buffer.from(content.join("\n\n")) };
}

/** Its licence names those of all that is linked into it: V8, OpenSSL, ICU, … */
export function nodePart(program: string): Part {
  const version = process.versions.node;
  const own = path.dirname(path.dirname(realpathSync(program)));
  const npm = path.join(own, "node_modules", `node-linux-${process.arch}`);
  // The npm package keeps what was released in a package below it; a release has its licence at its own root.
  const folder = [npm, own].find((each) => existsSync(path.join(each, "LICENSE")));
  if (folder === undefined)
    throw new Error(`The licence of Node is missing: neither ${npm} nor ${own} holds LICENSE.`);
  return {
    ...{ kind: "generic", name: "node", version, licence: "MIT" },
    texts: [{ name: "LICENSE", content: readFileSync(path.join(folder, "LICENSE")) }],
    purl: `pkg:generic/node@${version}`,
  };
}

export function textsIn(folder: string): LicenceText[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((each) => each.isFile() && isLicenceFile(each.name))
    .map(({ name }) => ({ name, content: readFileSync(path.join(folder, name)) }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
