/** Which licence a text is: Go's modules come with the text and no name. */
import type { LicenceText } from "./part.ts";

/** What only the one licence says, in lower case with single blanks. */
const marks: readonly (readonly [spdx: string, mark: RegExp])[] = [
  ["Apache-2.0", /apache license,? version 2\.0/],
  ["MPL-2.0", /mozilla public license,? version 2\.0/],
  ["MIT", /permission is hereby granted, free of charge, to any person obtaining a copy/],
  ["ISC", /permission to use, copy, modify, and\/?(or)? distribute this software for any purpose/],
  ["BSD-3-Clause", /redistribution and use in source and binary forms[^]*neither the name/],
  ["BSD-2-Clause", /redistribution and use in source and binary forms(?![^]*neither the name)/],
];

/** An SPDX expression. Throws where no text is known: a licence that nobody has looked at is not shipped. */
export function licenceOf(of: string, texts: readonly LicenceText[]): string {
  const found = new Set(
    texts.filter(({ name }) => /^(licen|copy)/i.test(name)).flatMap(licencesIn),
  );
  if (found.size === 0)
    throw new Error(`The licence of ${of} is not known: look at it, and name it in licence-of.ts.`);
  return [...found].toSorted().join(" AND ");
}

function licencesIn({ content }: LicenceText): string[] {
  const text = content
    .toString()
    .toLowerCase()
    .replaceAll(/[\s/*#]+/g, " ");
  return marks.filter(([, mark]) => mark.test(text)).map(([spdx]) => spdx);
}
