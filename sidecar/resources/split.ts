/** Cuts a file of several YAML documents at their marks, so that one that is broken or huge leaves the others alone. */
export interface Chunk {
  readonly text: string;
  /** Of the file, from 1. */
  readonly line: number;
  /** Nothing but blank lines, comments, marks and directives. */
  readonly isEmpty: boolean;
}

/** `---` and `...` at the beginning of a line end a document wherever they stand, also inside quotes: YAML says so. */
export function* splitDocuments(text: string): Generator<Chunk> {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  let start = 0;
  for (const [index, line] of lines.entries()) {
    if (index === start || !isMark(line)) continue;
    yield chunkOf(lines, start, index);
    // A document's own mark belongs to it; an end mark to nobody.
    start = line.startsWith("...") ? index + 1 : index;
  }
  yield chunkOf(lines, start, lines.length);
}

function isMark(line: string): boolean {
  return /^(---|\.\.\.)(\s|$)/.test(line);
}

function chunkOf(lines: readonly string[], start: number, end: number): Chunk {
  const own = lines.slice(start, end);
  const isEmpty = own.every((line) => /^\s*(#.*)?$|^%|^(---|\.\.\.)\s*(#.*)?$/.test(line));
  return { text: own.join("\n"), line: start + 1, isEmpty };
}
