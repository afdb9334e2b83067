/** The bill of materials of an image, as SPDX 2.3 in JSON. */
import { digestOf, noTime } from "./archive.ts";
import type { Part } from "./part.ts";

export interface Shipped {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** The same parts give the same bytes: it has no time, and a name from what it says. */
export function sbomOf(image: Shipped, parts: readonly Part[]): string {
  const root = "SPDXRef-image";
  const packages = [
    { SPDXID: root, ...packageOf(image), primaryPackagePurpose: "CONTAINER" },
    ...parts.map((part) => ({
      SPDXID: idOf(part),
      ...packageOf(part),
      externalRefs: [
        {
          referenceCategory: "PACKAGE-MANAGER",
          referenceType: "purl",
          referenceLocator: part.purl,
        },
      ],
    })),
  ];
  const relationships = [
    relationship("SPDXRef-DOCUMENT", "DESCRIBES", root),
    ...parts.map((part) => relationship(root, "CONTAINS", idOf(part))),
  ];
  const digest = digestOf(Buffer.from(JSON.stringify(packages))).slice("sha256:".length);
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${image.name}-${image.version}`,
    documentNamespace: `https://holdfast.dev/spdx/${image.name}-${image.version}-${digest}`,
    creationInfo: { created: noTime, creators: ["Tool: holdfast-images"] },
    packages,
    relationships,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function packageOf({ name, version, licence }: Shipped) {
  return {
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: licence,
    copyrightText: "NOASSERTION",
  };
}

/** Letters, digits, dots and dashes only. */
const idOf = ({ kind, name, version }: Part): string =>
  `SPDXRef-${kind}-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]+/g, "-")}`;

const relationship = (from: string, type: string, to: string) => ({
  spdxElementId: from,
  relationshipType: type,
  relatedSpdxElement: to,
});
