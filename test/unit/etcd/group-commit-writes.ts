/** What the tests of group commit write, and how they let it be answered. */
import assert from "node:assert/strict";
import type { Outcome } from "#core/outcome.ts";
import {
  noRevision,
  prefixRange,
  revision,
  type Compare,
  type Fact,
  type Op,
  type Write,
  type WriteResult,
} from "#core/store.ts";
import type { GroupCommit } from "#etcd/group-commit.ts";
import { settled, type TxnServer } from "./group-commit-server.ts";

export const value = new Uint8Array(4);
export const put = (key: string, bytes = value): Op => ({ kind: "putDurable", key, value: bytes });
export const del = (key: string): Op => ({ kind: "delete", key });
export const list = (prefix: string): Op => ({ kind: "list", range: prefixRange(prefix) });
export const absent = (key: string): Compare => ({ kind: "created", key, revision: noRevision });
export const modified = (key: string, at: number): Fact => ({
  kind: "modified",
  key,
  revision: revision(at),
});

export function write(parts: Partial<Write>): Write {
  return { given: [], when: [], then: [], otherwise: [], ...parts };
}

export function kindOf(outcome: Outcome<WriteResult>): string {
  return outcome.kind === "done" ? "done" : outcome.reason.code;
}

/** A second batch goes at once, however small. */
export const twoBatches = { besideMin: 1 };

/** Both places for batches taken, so that what is written now gathers for the next one. */
export async function busy(server: TxnServer, group: GroupCommit): Promise<void> {
  void group.write(write({ then: [put("busy/1")] }));
  await settled();
  void group.write(write({ then: [put("busy/2")] }));
  await settled();
  assert.equal(server.pending.length, 2);
}

/** The sizes of the requests that are sent until nothing is left. */
export async function drain(server: TxnServer): Promise<number[]> {
  const sizes: number[] = [];
  for (;;) {
    await settled();
    const [pending] = server.pending;
    if (pending === undefined) return sizes;
    sizes.push(pending.request.then.length);
    server.answer(pending);
  }
}
