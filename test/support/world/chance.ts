/**
 * Chance from a seed: the same seed gives the same numbers on every machine (sfc32, seeded through a hash of the
 * seed's text). Not for secrets.
 */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    const next = hashOf(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    // sfc32's first numbers still show the seed; its author throws twelve away.
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** True once in `1 / probability` calls; a probability of 0 or 1 draws nothing. */
  happens(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.fraction() < probability;
  }

  between(bounds: Bounds): number {
    return bounds.min + this.fraction() * (bounds.max - bounds.min);
  }

  /** A whole number, both bounds possible. */
  wholeBetween(bounds: Bounds): number {
    return bounds.min + Math.floor(this.fraction() * (bounds.max - bounds.min + 1));
  }

  oneOf<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError("oneOf() needs at least one choice");
    return choices[Math.floor(this.fraction() * choices.length)] as T;
  }

  hex(bytes: number): string {
    let text = "";
    for (let i = 0; i < bytes; i++) text += (this.uint32() & 0xff).toString(16).padStart(2, "0");
    return text;
  }
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** xmur3: spreads a text over as many 32-bit seeds as are asked for. */
function hashOf(text: string): () => number {
  let hash = 1_779_033_703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 3_432_918_353);
    hash = (hash << 13) | (hash >>> 19);
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507);
    hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909);
    hash ^= hash >>> 16;
    return hash >>> 0;
  };
}
