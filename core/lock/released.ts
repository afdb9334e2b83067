/**
 * Which grants of one session were released, by their numbers: a bit each, so that a busy sidecar remembers a minute of them
 * in some kilobytes. Numbers are given one after another, so few bits are left over.
 */

/** Numbers from the first one on: 128 KiB. */
const numbersMax = 2 ** 20;
const firstBytes = 1_024;

export class Released {
  readonly #first: number;
  #bits: Uint8Array = new Uint8Array(0);

  /** `first`: no smaller number is remembered. */
  constructor(first: number) {
    this.#first = first;
  }

  /** False: it is out of bounds. */
  add(number: number): boolean {
    const at = number - this.#first;
    if (at < 0 || at >= numbersMax) return false;
    if (at >> 3 >= this.#bits.length) this.#grow((at >> 3) + 1);
    const byte = at >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (at & 7));
    return true;
  }

  has(number: number): boolean {
    const at = number - this.#first;
    return at >= 0 && at < numbersMax && ((this.#bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }

  #grow(bytes: number): void {
    const bits = new Uint8Array(Math.max(firstBytes, 2 * bytes));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
