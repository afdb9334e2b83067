/**
 * Keeps the order of one client's writes that have to do with one another, as group commit does: a write waits for
 * the outcome of those sent before it that write its keys or lists them.
 */
import type { Key, Op, Write } from "#core/store.ts";
import { covers } from "./txn.ts";

interface Sent {
  readonly write: Write;
  readonly over: Promise<unknown>;
}

export class WriteOrder {
  readonly #underWay = new Set<Sent>();

  /** Runs `send` when nothing that `write` has to do with is under way any more. */
  async enter<T>(write: Write, send: () => Promise<T>): Promise<T> {
    const before = [...this.#underWay].filter((sent) => touch(sent.write, write));
    const work =
      before.length === 0 ? send() : Promise.all(before.map((sent) => sent.over)).then(send);
    const sent: Sent = { write, over: work };
    this.#underWay.add(sent);
    try {
      return await work;
    } finally {
      this.#underWay.delete(sent);
    }
  }
}

function touch(a: Write, b: Write): boolean {
  return overlaps(opsOf(a), opsOf(b)) || overlaps(opsOf(b), opsOf(a));
}

function opsOf(write: Write): readonly Op[] {
  return [...write.then, ...write.otherwise];
}

/** Whether a key written by one is written or listed by the other. */
function overlaps(writing: readonly Op[], touching: readonly Op[]): boolean {
  return writing.some((op) => {
    if (op.kind === "list") return false;
    const key: Key = op.key;
    return touching.some((other) =>
      other.kind === "list" ? covers(other.range, key) : other.key === key,
    );
  });
}
