/** The facts of one batch: each once, and never two that expect unlike things of one subject. */
import type { StaleFact } from "#core/outcome.ts";
import {
  noRevision,
  type Compare,
  type Fact,
  type Key,
  type Op,
  type RangeResult,
} from "#core/store.ts";

interface Entry {
  readonly fact: Fact;
  /** A member of the batch writes what the fact is about: nobody else may count on it. */
  written: boolean;
  /** Another subject with the same key: its mod revision beside its create revision, a range that begins there. */
  readonly next: Entry | undefined;
}

export class Facts {
  readonly list: Fact[] = [];
  readonly #byKey = new Map<Key, Entry>();

  /** What stands here about the subject of `fact`. */
  find(fact: Fact): "none" | "same" | "unlike" {
    for (let entry = this.#byKey.get(fact.key); entry !== undefined; entry = entry.next) {
      if (entry.fact === fact) return entry.written ? "unlike" : "same";
      if (!sameSubject(entry.fact, fact)) continue;
      return !entry.written && sameExpectation(entry.fact, fact) ? "same" : "unlike";
    }
    return "none";
  }

  /** Where {@link find} says that there is none. */
  add(fact: Fact, written: boolean): void {
    this.#byKey.set(fact.key, { fact, written, next: this.#byKey.get(fact.key) });
    this.list.push(fact);
  }

  /** What the else part reads, one operation a fact, in order. */
  reads(): Op[] {
    return this.list.map((fact) =>
      fact.kind === "empty"
        ? { kind: "list", range: { key: fact.key, end: fact.end, limit: 1 } }
        : { kind: "list", range: { key: fact.key } },
    );
  }
}

/** The fact as stale, where what was read contradicts it; undefined: it holds. */
export function staleBy(fact: Fact, read: RangeResult): StaleFact | undefined {
  const now = read.keys[0];
  switch (fact.kind) {
    case "empty":
      return now === undefined ? undefined : { fact, key: now.key, now };
    case "created":
      if ((now?.createRevision ?? noRevision) === fact.revision) return undefined;
      return { fact, key: fact.key, now };
    case "modified":
      if ((now?.modRevision ?? noRevision) === fact.revision) return undefined;
      return { fact, key: fact.key, now };
    default:
      return fact satisfies never;
  }
}

function sameSubject(one: Compare, other: Compare): boolean {
  if (one.kind !== other.kind || one.key !== other.key) return false;
  return one.kind !== "empty" || other.kind !== "empty" || one.end === other.end;
}

function sameExpectation(one: Compare, other: Compare): boolean {
  return one.kind === "empty" || (other.kind !== "empty" && one.revision === other.revision);
}

export function sameFact(one: Fact, other: Fact): boolean {
  return one === other || (sameSubject(one, other) && sameExpectation(one, other));
}
