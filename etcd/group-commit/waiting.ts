/**
 * The writes that wait, and the next batch from among them: in order of arrival, but for those that share something
 * with what is under way. They are passed over, and so is who came later and shares something with them.
 */
import { Batch } from "./batch.ts";
import type { Member } from "./member.ts";
import { Passed, type Ownership } from "./ownership.ts";

const compactAt = 4_096;

export class Waiting {
  /** Looked at, and found to share something with what is under way. */
  #parked: Member[] = [];
  #parkedTouch = new Passed();
  /** Not looked at since the last change, from `#head` on. */
  #fresh: Member[] = [];
  #head = 0;
  #bytes = 0;

  get size(): number {
    return this.#parked.length + this.#fresh.length - this.#head;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  push(member: Member): void {
    this.#fresh.push(member);
    this.#bytes += member.bytes;
  }

  /** Something that was under way has ended: all that waits is worth another look. */
  revive(): void {
    if (this.#parked.length === 0) return;
    this.#fresh = [...this.#parked, ...this.#fresh.slice(this.#head)];
    this.#head = 0;
    this.#parked = [];
    this.#parkedTouch.clear();
  }

  /**
   * Takes the members of the next batch out, and makes what they touch owned; undefined: none may go now.
   * `apart`: puts never ride with what needs no space.
   */
  nextBatch(owners: Ownership, apart: boolean): Batch | undefined {
    const batch = new Batch();
    let reviveAfter = false;
    for (; this.#head < this.#fresh.length; this.#head++) {
      const member = this.#fresh[this.#head];
      if (member === undefined) break;
      const otherSort = apart && batch.members.length > 0 && member.puts !== batch.members[0]?.puts;
      const verdict = otherSort ? "unlike" : owners.judge(member, batch, this.#parkedTouch);
      if (verdict === "free") {
        if (!batch.fits(member)) break;
        owners.take(member, batch, batch.add(member));
        this.#bytes -= member.bytes;
        continue;
      }
      this.#parked.push(member);
      this.#parkedTouch.add(member);
      // It is only this batch that it cannot join.
      if (verdict === "unlike") reviveAfter = true;
    }
    this.#compact();
    if (reviveAfter) this.revive();
    return batch.members.length === 0 ? undefined : batch;
  }

  /** All that waits, in order; nothing waits any more. */
  drain(): readonly Member[] {
    this.revive();
    const all = this.#fresh.slice(this.#head);
    this.#fresh = [];
    this.#head = 0;
    this.#bytes = 0;
    return all;
  }

  #compact(): void {
    if (this.#head === this.#fresh.length) this.#fresh = [];
    else if (this.#head > compactAt) this.#fresh = this.#fresh.slice(this.#head);
    else return;
    this.#head = 0;
  }
}
