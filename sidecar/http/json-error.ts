/**
 * Where a text stops being JSON. Only for texts that JSON.parse refused: V8 names the position for some mistakes and
 * not for others.
 */
export interface JsonError {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

/** Positions count from 1, columns in UTF-16 units. */
export function findJsonError(text: string): JsonError {
  const { at, expected } = scan(text);
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return { line, column: at - before.lastIndexOf("\n"), expected };
}

interface Stop {
  readonly at: number;
  readonly expected: string;
}

const blank = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** Where the string that begins at `start` ends; undefined: there is none. */
function endOfString(text: string, start: number): number | undefined {
  if (text[start] !== '"') return undefined;
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char < " ") return undefined;
    if (char !== "\\") continue;
    escape.lastIndex = at;
    if (!escape.test(text)) return undefined;
    at = escape.lastIndex - 1;
  }
  return undefined;
}

/** Nesting is kept in a list of closing brackets, so that a deep text cannot exhaust the stack. */
function scan(text: string): Stop {
  const closers: ("}" | "]")[] = [];
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const matchString = (): boolean => {
    const end = endOfString(text, at);
    at = end ?? at;
    return end !== undefined;
  };
  const stop = (expected: string): Stop => ({ at, expected });
  const key = (): Stop | undefined => {
    match(blank);
    if (!matchString()) return stop("a name in double quotes");
    match(blank);
    if (text[at] !== ":") return stop("':'");
    at++;
    return undefined;
  };
  for (;;) {
    match(blank);
    const opener = text[at];
    if (opener === "{" || opener === "[") {
      at++;
      match(blank);
      const closer = opener === "{" ? "}" : "]";
      if (text[at] === closer) at++;
      else {
        closers.push(closer);
        const wrong = closer === "}" ? key() : undefined;
        if (wrong !== undefined) return wrong;
        continue;
      }
    } else if (!matchString() && !match(scalar)) return stop("a value");
    // After a value: close what ends here, or go on behind a comma.
    for (;;) {
      match(blank);
      const closer = closers.at(-1);
      if (closer === undefined) return stop("the end");
      if (text[at] === closer) {
        at++;
        closers.pop();
        continue;
      }
      if (text[at] !== ",") return stop(`',' or '${closer}'`);
      at++;
      const wrong = closer === "}" ? key() : undefined;
      if (wrong !== undefined) return wrong;
      break;
    }
  }
}
