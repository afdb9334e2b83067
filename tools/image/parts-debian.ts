/** The packages of Debian whose libraries an image holds. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { run } from "#tools/fetch/step.ts";
import type { LicenceText, Part } from "./part.ts";

/** What their copyright files say at length; they are not written for machines. */
const licences: Readonly<Record<string, string>> = {
  libc6: "LGPL-2.1-or-later",
  "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
  "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
};

const documents = "/usr/share/doc";
const commonLicences = "/usr/share/common-licenses";

/** Throws where a library is of no package, as on a machine that is no Debian: what we ship must have a name. */
export async function debianParts(libraries: readonly string[]): Promise<Part[]> {
  const names = new Set<string>();
  for (const library of libraries) names.add(await packageOf(library));
  const distribution = distributionOf(readFileSync("/etc/os-release", "utf8"));
  return Promise.all([...names].map((name) => debianPart(name, distribution)));
}

async function packageOf(library: string): Promise<string> {
  // Since /lib is a link to /usr/lib, the package's list and the loader may name the same file differently.
  for (const each of [library, `/usr${library}`, library.replace(/^\/usr/, "")]) {
    const found = await run({ command: "dpkg-query", args: ["--search", each] }).catch(() => "");
    const name = /^([^:\s]+)(?::\S+)?: /m.exec(found)?.[1];
    if (name !== undefined) return name;
  }
  throw new Error(
    `${library} is of no package of Debian. Images are made of Debian's libraries, so that their versions and licences can be told: make them on Debian or Ubuntu.`,
  );
}

async function debianPart(name: string, distribution: string): Promise<Part> {
  const licence = licences[name];
  if (licence === undefined)
    throw new Error(
      `The licence of Debian's ${name} is not known: name it in ${import.meta.filename}.`,
    );
  const format = "--showformat=${Version} ${Architecture}";
  const shown = await run({ command: "dpkg-query", args: ["--show", format, name] });
  const [version = "", architecture = ""] = shown.trim().split(/\s+/);
  return {
    ...{ kind: "deb", name, version, licence },
    texts: textsOf(name),
    purl: `pkg:deb/${distribution}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`,
  };
}

/** Its copyright file, and the licences that this leaves to the folder of common ones. */
function textsOf(name: string): LicenceText[] {
  const file = path.join(documents, name, "copyright");
  if (!existsSync(file))
    throw new Error(
      `${file} is missing (a machine that leaves out documentation?): images ship it.`,
    );
  const content = readFileSync(file);
  const named = [...content.toString().matchAll(/\/usr\/share\/common-licenses\/([\w.-]*\w)/g)];
  const common = [...new Set(named.map((match) => match[1] ?? ""))].toSorted();
  return [
    { name: "copyright", content },
    ...common.map((each) => ({
      name: each,
      content: readFileSync(path.join(commonLicences, each)),
    })),
  ];
}

export const distributionOf = (release: string): string =>
  /^ID="?([a-z]+)"?$/m.exec(release)?.[1] ?? "debian";
