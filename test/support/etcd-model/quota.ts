/**
 * The size of the database file and its quota. The file grows with what is written, never shrinks by a delete or a
 * compaction (they leave free pages in it), only by defragmentation. A put that would not fit raises the alarm, and
 * while it stands every put and every lease is refused: deletes go on.
 */
export class Quota {
  readonly limitBytes: number;
  #inUseBytes = 0;
  #fileBytes = 0;
  #alarm = false;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get alarm(): boolean {
    return this.#alarm;
  }

  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Whether a request of that cost is taken; one that does not fit raises the alarm. */
  admits(costBytes: number): boolean {
    if (costBytes === 0) return true;
    if (this.#fileBytes + costBytes > this.limitBytes) this.#alarm = true;
    return !this.#alarm;
  }

  written(bytes: number): void {
    this.#inUseBytes += bytes;
    this.#fileBytes = Math.max(this.#fileBytes, this.#inUseBytes);
  }

  compacted(inUseBytes: number): void {
    this.#inUseBytes = inUseBytes;
  }

  defragment(): void {
    this.#fileBytes = this.#inUseBytes;
  }

  /** Somebody else's data: the file is full now. */
  fill(): void {
    this.#fileBytes = this.limitBytes;
    this.#alarm = true;
  }

  disarm(): void {
    this.#alarm = false;
  }
}
