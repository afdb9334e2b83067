/**
 * The last word of a contender's key. Etcd keeps a dead key in its index until it is compacted, and each list of a lock visits
 * the dead ones (measured: 9 ms with 50,000 of them), so a session makes the same two keys of a lock again and again: one
 * stands, and another is made in the write that deletes it.
 *
 * A key may be made again only when nothing that is under way can touch it: its put and its removal were answered. Where an
 * answer was lost, both words are spoiled: no key of this session is made with them any more, so a removal that is repeated
 * or comes late hits nothing that came after.
 */
import type { Key } from "../store.ts";

export class Seats {
  readonly #next: () => string;
  #first: string;
  #second: string;

  /** `next`: gives a word that no other key of the session has. */
  constructor(next: () => string) {
    this.#next = next;
    this.#first = next();
    this.#second = next();
  }

  /** `leaving`: the session's only other place in the same queue, if there is one. */
  free(leaving: Key | undefined): string {
    return leaving?.endsWith(this.#first) === true ? this.#second : this.#first;
  }

  /** What becomes of a key with one of them is not certain. */
  spoil(): void {
    this.#first = this.#next();
    this.#second = this.#next();
  }
}
