/** Links and headings of a Markdown file, outside code. */

export interface Link {
  readonly target: string;
  readonly line: number;
}

export function linksOf(markdown: string): Link[] {
  return withoutCode(markdown)
    .split("\n")
    .flatMap((content, i) =>
      [...content.matchAll(/\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].map((match) => ({
        target: match[1] ?? "",
        line: i + 1,
      })),
    );
}

/** The anchors that a page has: GitHub's slugs of its headings. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutFences(markdown).matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const slug = heading
      .trim()
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Code keeps its lines, so that the numbers of the others stay right. */
function withoutFences(markdown: string): string {
  return markdown.replaceAll(/^(```|~~~).*?^\1/gms, (fence) => fence.replaceAll(/[^\n]/g, ""));
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replaceAll(/`[^`\n]*`(?!\])/g, (span) => " ".repeat(span.length));
}
