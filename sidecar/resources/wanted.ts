/**
 * What the files ask for, over time. A document that is wrong leaves the last good one of its name in force. One that
 * is gone is let go only when it stayed away for a while, and never because its file cannot be read just now: files
 * are replaced by truncating and writing, and folders by swapping them.
 */
import type { ResourceProblem } from "#api/operations/status.ts";
import { after, forever, type Epoch, type Instant } from "#core/runtime.ts";
import type { Document } from "./owner.ts";

/** How long a document must stay away before it counts as deleted. */
export const goneMs = 2_000;

/** One file as it was last read. */
export interface FileContent {
  readonly changedAt: Epoch;
  readonly entries: readonly Entry[];
  /** Parts of it that could not be understood may be documents that were seen before. */
  readonly unclear: boolean;
}

export type Entry =
  | {
      readonly kind: "resource";
      readonly name: string;
      readonly line: number;
      readonly spec: Document["spec"];
    }
  | {
      readonly kind: "wrong";
      readonly name?: string | undefined;
      readonly line: number;
      readonly problems: readonly ResourceProblem[];
    };

export interface FileProblem extends ResourceProblem {
  /** The resource that it is about; absent: not known. */
  readonly name?: string | undefined;
}

export interface Look {
  readonly files: ReadonlyMap<string, FileContent>;
  /** Some folder or file could not be read: what is missing may be there. */
  readonly incomplete: boolean;
}

export interface Wish {
  readonly documents: readonly Document[];
  readonly problems: readonly FileProblem[];
  /** When something that is gone will have been away for long enough. */
  readonly againAt: Instant;
}

interface Good {
  readonly file: string;
  readonly document: Document;
  readonly awaySince: Instant | undefined;
}

interface Found {
  readonly file: string;
  readonly line: number;
}

export class Wanted {
  readonly #good = new Map<string, Good>();

  update(look: Look, now: Instant): Wish {
    const found = new Map<string, Found>();
    const problems: FileProblem[] = [];
    for (const [file, content] of [...look.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const entry of content.entries) this.#take({ file, content, entry }, found, problems);
    }
    const againAt = this.#letGo(look, found, now);
    return {
      documents: [...this.#good.values()].map(({ document }) => document),
      problems,
      againAt,
    };
  }

  #take(
    { file, content, entry }: { file: string; content: FileContent; entry: Entry },
    found: Map<string, Found>,
    problems: FileProblem[],
  ): void {
    const { name, line } = entry;
    const first = name === undefined ? undefined : found.get(name);
    if (name !== undefined && first !== undefined) {
      const reason = `DistributedLock '${name}' stands already at ${first.file}:${String(first.line)}, which counts`;
      problems.push({
        file,
        line,
        name,
        field: "metadata.name",
        reason,
        fix: "remove one of the two",
      });
      return;
    }
    if (name !== undefined) found.set(name, { file, line });
    if (entry.kind === "wrong") {
      problems.push(...entry.problems.map((problem) => ({ ...problem, name })));
      return;
    }
    const { changedAt } = content;
    const document: Document = {
      kind: "DistributedLock",
      name: entry.name,
      spec: entry.spec,
      changedAt,
    };
    this.#good.set(entry.name, { file, document, awaySince: undefined });
  }

  #letGo(look: Look, found: ReadonlyMap<string, Found>, now: Instant): Instant {
    let againAt = forever;
    for (const [name, good] of this.#good) {
      const mayBeThere = look.incomplete || look.files.get(good.file)?.unclear === true;
      if (found.has(name) || mayBeThere) {
        if (good.awaySince !== undefined) this.#good.set(name, { ...good, awaySince: undefined });
        continue;
      }
      const awaySince = good.awaySince ?? now;
      const goneAt = after(awaySince, goneMs);
      if (now >= goneAt) {
        this.#good.delete(name);
        continue;
      }
      this.#good.set(name, { ...good, awaySince });
      if (goneAt < againAt) againAt = goneAt;
    }
    return againAt;
  }
}
