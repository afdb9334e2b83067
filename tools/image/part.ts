/** What of others is in an image: each part with its version, its licence and the texts that go with it. */
import { file } from "./entries.ts";
import type { Entry } from "./tar.ts";

export interface Part {
  readonly kind: "deb" | "generic" | "golang" | "npm";
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly licence: string;
  readonly texts: readonly LicenceText[];
  /** The name of the package at its kind's registry: https://github.com/package-url/purl-spec. */
  readonly purl: string;
}

export interface LicenceText {
  readonly name: string;
  readonly content: Buffer;
}

/** Files of a package that hold its terms. */
export const isLicenceFile = (name: string): boolean =>
  /^(licen[cs]e|copying|notice|patents|copyright)([-._].*)?$/i.test(name);

const placeOf = ({ kind, name, version }: Part): string =>
  `licenses/${kind}/${name.replaceAll("/", "_")}@${version}`;

/** Below /licenses of an image. */
export function licenceEntries(parts: readonly Part[]): Entry[] {
  return parts.flatMap((part) =>
    part.texts.map(({ name, content }) => file(`${placeOf(part)}/${name}`, content)),
  );
}

/** All terms of an image in one file, for beside its archive. */
export function notices(title: string, parts: readonly Part[]): string {
  const rule = "=".repeat(80);
  const chapters = parts.flatMap((part) =>
    part.texts.map(({ name, content }) =>
      [rule, `${part.name} ${part.version} (${part.licence}), ${name}`, rule, "", content].join(
        "\n",
      ),
    ),
  );
  const list = parts.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}`);
  return [`${title} holds:`, ...list, "", ...chapters, ""].join("\n");
}

/** By name, so that the same parts give the same bytes. */
export const inOrder = (parts: readonly Part[]): Part[] =>
  parts.toSorted((one, other) => compare(one.purl, other.purl));

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
