/**
 * What keeps late writers out of a service: each write brings the fence of its lock in a header, and a lower one than the
 * service has seen for that thing is refused.
 *
 * Looking at the fence and writing have to be one step. In one process the gate lets the writers of a thing in one after
 * another. Where several processes write, or a restart must not forget, `seen` is in the database, and the look is part of
 * the write's transaction: see ../postgresql and ../mariadb.
 *
 * It is for locks that one holds alone. Among holders that share a lock, and among permits, a fence says nothing: do not
 * refuse by it there.
 */
export const fenceHeader = "holdfast-fence";

/** Keeps the highest fence of each thing. */
export interface Seen {
  /** Whether this one is not below it; from then on it is the highest. */
  raise(thing: string, fence: bigint): boolean | Promise<boolean>;
}

/** For as long as the process lives. */
export class SeenInMemory implements Seen {
  readonly #highest = new Map<string, bigint>();

  raise(thing: string, fence: bigint): boolean {
    if (fence < (this.#highest.get(thing) ?? 0n)) return false;
    this.#highest.set(thing, fence);
    return true;
  }
}

export interface Refusal {
  readonly status: 400 | 409 | 428;
  readonly detail: string;
}

export class FenceGate {
  readonly #seen: Seen;
  /** The last writer of each thing that has some. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(seen: Seen = new SeenInMemory()) {
    this.#seen = seen;
  }

  /**
   * Runs the write where its fence lets it. Writes to one thing run one after another.
   * @returns why it was refused; undefined: it has run
   */
  async pass(
    thing: string,
    header: string | undefined,
    write: () => Promise<void>,
  ): Promise<Refusal | undefined> {
    if (header === undefined)
      return { status: 428, detail: `Send the fence of the lock in the header ${fenceHeader}.` };
    // A number would lose its last digits.
    if (!/^[0-9]{1,19}$/.test(header))
      return { status: 400, detail: `'${header.slice(0, 40)}' is no fence.` };
    const before = this.#last.get(thing);
    const turn = this.#turn(before, { thing, fence: BigInt(header), write });
    const over = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(thing, over);
    try {
      return await turn;
    } finally {
      if (this.#last.get(thing) === over) this.#last.delete(thing);
    }
  }

  async #turn(
    before: Promise<void> | undefined,
    { thing, fence, write }: { thing: string; fence: bigint; write: () => Promise<void> },
  ): Promise<Refusal | undefined> {
    await before;
    if (!(await this.#seen.raise(thing, fence)))
      return { status: 409, detail: `A newer holder of the lock has written to ${thing}. Stop.` };
    await write();
    return undefined;
  }
}
