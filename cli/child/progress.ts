/**
 * What a person at a terminal sees while the lock is waited for: one line that is written anew, and gone in the end. Who
 * holds it is asked for now and then; where that gets no answer the line says what it knows.
 */
import type { Lock } from "#client/holdfast.ts";
import { ageOf, plain } from "../table.ts";
import { waitingOf } from "../waiting.ts";

/** A lock that is free is granted before anything is written. */
const beginMs = 300;
const drawEveryMs = 1_000;
/** Of the lines that are drawn. */
const asksEvery = 2;

export interface Waiting {
  /** `orders/42`. */
  readonly lock: string;
  /** For how long at most, as it was given. */
  readonly wait: string;
  readonly look: () => Promise<Lock>;
  readonly write: (text: string) => void;
}

const clear = "\r\u{1b}[2K";

export class Progress implements Disposable {
  readonly #of: Waiting;
  readonly #since = Date.now();
  #timer: NodeJS.Timeout;
  #drawn = 0;
  #seen: Lock | undefined;

  constructor(of: Waiting) {
    this.#of = of;
    this.#timer = setTimeout(this.#draw, beginMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (this.#drawn > 0) this.#of.write(clear);
  }

  readonly #draw = (): void => {
    if (this.#drawn % asksEvery === 0) void this.#look();
    this.#drawn += 1;
    const { lock, wait, write } = this.#of;
    const seconds = Math.floor((Date.now() - this.#since) / 1_000);
    const held = this.#seen === undefined ? "" : `, ${heldText(this.#seen)}`;
    write(`${clear}waits for ${lock}, ${seconds}s of ${wait}${held}`);
    this.#timer = setTimeout(this.#draw, drawEveryMs);
  };

  async #look(): Promise<void> {
    // The acquire itself tells what is wrong.
    this.#seen = await this.#of.look().catch(() => this.#seen);
  }
}

/** One line, whatever others call themselves. */
export function heldText(lock: Lock): string {
  const [first] = lock.holders;
  const others = waitingOf(lock);
  const wait = others > 1 ? `, ${others} wait` : "";
  const [lost] = lock.lost ?? [];
  if (first === undefined && lost !== undefined)
    return plain(`kept until ${lost.until}: ${lost.holder} was lost${wait}`);
  if (first === undefined) return `free${wait}`;
  const { holder, pod, since } = first;
  const more = lock.holders.length > 1 ? ` and ${lock.holders.length - 1} more` : "";
  const by = holder === pod ? holder : `${holder} (${pod})`;
  const text = `held by ${by}${more} for ${ageOf(since, Date.now())}${wait}`;
  return plain(text);
}
