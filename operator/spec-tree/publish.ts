/**
 * The two writes to a record. Each compares what it was judged by, and is given the installation's record as the leader left
 * it: every leader raises the base first, so a leader that was deposed can write nothing any more, whatever it believes.
 *
 * | what became of it | what it means                                                                        |
 * | ----------------- | ------------------------------------------------------------------------------------ |
 * | `done`            | it stands, or is gone, at that revision                                              |
 * | `inUse`           | something of a former resource of the name is in use; nothing was written            |
 * | `moved`           | the record, or the installation's, is not what we took it for: look again            |
 * | `refused`         | etcd said no                                                                         |
 * | `unknown`         | it may be written, now or later: look again; a repetition compares, and does no harm |
 */
import type { Outcome, StoreRefusal } from "#core/outcome.ts";
import type { Epoch } from "#core/runtime.ts";
import { recordKey, type RecordName } from "#core/spec/keys.ts";
import { encodeRecord, type RecordContent } from "#core/spec/records.ts";
import type { Fact, Key, Revision, Store, Write, WriteResult } from "#core/store.ts";

export type Wrote =
  | { readonly kind: "done"; readonly at: Revision }
  | { readonly kind: "inUse" }
  | { readonly kind: "moved" }
  | { readonly kind: "refused"; readonly refusal: StoreRefusal }
  | { readonly kind: "unknown" };

export interface Publication {
  readonly name: RecordName;
  readonly content: Omit<RecordContent, "publishedAt">;
  readonly publishedAt: Epoch;
  /** What it replaces; revision 0: nothing. */
  readonly over: Revision;
  /** Only when this range is empty; undefined: whatever is in use. */
  readonly unused: { readonly key: Key; readonly end: Key } | undefined;
}

export async function publish(
  store: Store,
  owned: Fact,
  { name, content, publishedAt, over, unused }: Publication,
): Promise<Wrote> {
  const key = recordKey(name.namespace, name.kind, name.name);
  const value = encodeRecord({ ...content, publishedAt });
  const write: Write = {
    given: [owned],
    when: [
      { kind: "modified", key, revision: over },
      ...(unused === undefined ? [] : [{ kind: "empty", ...unused } as const]),
    ],
    then: [{ kind: "putDurable", key, value }],
    otherwise:
      unused === undefined ? [] : [{ kind: "list", range: { ...unused, countOnly: true } }],
  };
  return wroteOf(await store.write(write));
}

export async function retract(
  store: Store,
  owned: Fact,
  { name, over }: { readonly name: RecordName; readonly over: Revision },
): Promise<Wrote> {
  const key = recordKey(name.namespace, name.kind, name.name);
  const when = [{ kind: "modified", key, revision: over } as const];
  const then = [{ kind: "delete", key } as const];
  return wroteOf(await store.write({ given: [owned], when, then, otherwise: [] }));
}

function wroteOf(outcome: Outcome<WriteResult>): Wrote {
  switch (outcome.kind) {
    case "done": {
      const { held, results } = outcome.value;
      if (held) return { kind: "done", at: outcome.at.revision };
      const [listed] = results;
      const isInUse = listed?.kind === "listed" && listed.result.count > 0;
      return isInUse ? { kind: "inUse" } : { kind: "moved" };
    }
    case "refused":
      return outcome.reason.code === "stale"
        ? { kind: "moved" }
        : { kind: "refused", refusal: outcome.reason };
    case "unknown":
      return { kind: "unknown" };
    default:
      return outcome satisfies never;
  }
}
