/**
 * What one YAML file says: its documents in order, each with its line, or what is wrong with it and where. A broken, huge
 * or hostile document costs itself only.
 */
import { isUtf8 } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { pathTo } from "#api/fields/read.ts";
import { group } from "#api/names.ts";
import type { ResourceProblem } from "#api/operations/status.ts";
import { checkDocument } from "./document.ts";
import { splitDocuments, type Chunk } from "./split.ts";
import type { Entry } from "./wanted.ts";

/** YAML's parser takes up to 150 ms for so much of the worst, and nothing else runs meanwhile. */
export const documentCharsMax = 32 * 1024;
/** What a document may unfold by its aliases: more is a bomb. */
const aliasesMax = 50;

interface Content {
  readonly entries: readonly Entry[];
  readonly unclear: boolean;
  readonly foreign: number;
}

/** Never throws for what stands in the file. */
export async function readFileContent(
  file: string,
  bytes: Buffer,
  namespace: string,
): Promise<Content> {
  if (!isUtf8(bytes)) {
    const problem = { file, line: 1, reason: "is not valid UTF-8", fix: "save it as UTF-8" };
    return {
      entries: [{ kind: "wrong", line: 1, problems: [problem] }],
      unclear: true,
      foreign: 0,
    };
  }
  const entries: Entry[] = [];
  let foreign = 0;
  for (const chunk of splitDocuments(bytes.toString("utf8"))) {
    const entry = await readChunk(file, chunk, namespace);
    if (entry === "foreign") foreign++;
    else if (entry !== undefined) entries.push(entry);
    await setImmediate();
  }
  const unclear = entries.some((entry) => entry.kind === "wrong" && entry.name === undefined);
  return { entries, unclear, foreign };
}

/** Undefined: nothing but comments. */
async function readChunk(
  file: string,
  chunk: Chunk,
  namespace: string,
): Promise<Entry | "foreign" | undefined> {
  const wrong = (problem: Omit<ResourceProblem, "file">): Entry => ({
    kind: "wrong",
    line: problem.line ?? chunk.line,
    problems: [{ file, ...problem }],
  });
  // Others' documents, which may be large, are not even parsed.
  if (!chunk.text.includes(group)) return chunk.isEmpty ? undefined : "foreign";
  if (chunk.text.length > documentCharsMax) {
    const reason = `the document has more than ${String(documentCharsMax)} characters`;
    return wrong({ line: chunk.line, reason, fix: "write less" });
  }
  const { LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const lineAt = (offset: number) => chunk.line + Math.max(lines.linePos(offset).line, 1) - 1;
  try {
    const parsed = parseDocument(chunk.text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      logLevel: "silent",
    });
    const [error] = parsed.errors;
    if (error !== undefined) {
      return wrong({
        line: lineAt(error.pos[0]),
        reason: `is not valid YAML: ${error.message}`,
        fix: "correct it",
      });
    }
    const checked = checkDocument(parsed.toJS({ maxAliasCount: aliasesMax }), namespace);
    const line = lineAt(rangeStart(parsed.contents));
    switch (checked.kind) {
      case "resource":
        return { kind: "resource", name: checked.name, line, spec: checked.spec };
      case "foreign":
        return "foreign";
      case "wrong": {
        const problems = checked.problems.map(({ field, reason, fix }) => {
          const offset = offsetOf(parsed.contents, field);
          return { file, line: offset === undefined ? line : lineAt(offset), field, reason, fix };
        });
        return { kind: "wrong", name: checked.name, line, problems };
      }
      default:
        return checked satisfies never;
    }
  } catch (error) {
    // Too many aliases, or nesting deeper than the parser's stack: its own errors, of whatever class.
    return wrong({
      line: chunk.line,
      reason: `cannot be read: ${error instanceof Error ? error.message : "?"}`,
      fix: "write it plainly",
    });
  }
}

/** The shapes of yaml's nodes that are needed here. */
interface YamlNode {
  readonly range?: readonly number[] | null;
  readonly items?: readonly unknown[];
}

function rangeStart(node: unknown): number {
  return ((node ?? {}) as YamlNode).range?.[0] ?? 0;
}

interface YamlKey extends YamlNode {
  readonly value?: unknown;
}

/** Where a field such as `spec.limits.names` stands; where it is missing, the nearest thing that it belongs to. */
function offsetOf(node: unknown, field: string): number | undefined {
  const { items = [] } = (node ?? {}) as YamlNode;
  for (const [index, item] of items.entries()) {
    const { key, value } = (item ?? {}) as { key?: YamlKey; value?: unknown };
    const shown = key === undefined ? `[${String(index)}]` : pathTo("", String(key.value));
    const at = (key ?? (item as YamlNode | null))?.range?.[0];
    if (field === shown) return at;
    const next = field.charAt(shown.length);
    if (!field.startsWith(shown) || (next !== "." && next !== "[")) continue;
    const rest = field.slice(next === "." ? shown.length + 1 : shown.length);
    return offsetOf(key === undefined ? item : value, rest) ?? at;
  }
  return undefined;
}
