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

/** Words of one time, none of them spoiled. */
export class Words {
  readonly #next: () => string;
  readonly #given: string[] = [];

  /** `next`: gives a word that no other key of the session has. */
  constructor(next: () => string) {
    this.#next = next;
  }

  at(index: number): string {
    return (this.#given[index] ??= this.#next());
  }
}

/** For places that stand alone, or that are left in the write that takes another. */
const pair = 2;

export class Seats {
  readonly #next: () => string;
  #words: Words;

  constructor(next: () => string) {
    this.#next = next;
    this.#words = new Words(next);
  }

  /** `leaving`: the only other place in the same queue that has a word of here, if there is one. */
  free(leaving: Key | undefined): string {
    const first = this.#words.at(0);
    return leaving?.endsWith(first) === true ? this.#words.at(1) : first;
  }

  get words(): Words {
    return this.#words;
  }

  /** What becomes of a key with one of them is not certain. */
  spoil(): void {
    this.#words = new Words(this.#next);
  }
}

export interface SideSeat {
  readonly word: string;
  /** No key with it stands, or ever will: it may be given again. */
  readonly leave: () => void;
}

/** Of the places of one process that stand in the same queue beside each other. */
export class SideSeats {
  /** By the words of their time: who began under a session that is over may come after others have seats of the next. */
  readonly #times = new WeakMap<Words, { readonly left: number[]; count: number }>();

  take({ words }: Seats): SideSeat {
    let time = this.#times.get(words);
    if (time === undefined) this.#times.set(words, (time = { left: [], count: pair }));
    const { left } = time;
    const index = left.pop() ?? time.count++;
    let taken = true;
    const leave = (): void => {
      if (taken) left.push(index);
      taken = false;
    };
    return { word: words.at(index), leave };
  }
}
