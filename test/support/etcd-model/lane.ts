/**
 * The messages of one watch on their way to the client: in order, each with its delay. While the lane is silent the
 * changes wait, and progress is told as a member tells it that is cut off from the others: for ever the same revision.
 */
import { revision } from "#core/store.ts";
import type { Header } from "#core/outcome.ts";
import type { Told, Watching } from "./history.ts";

export interface LaneParts {
  /** Carries one message; called in order, so what it schedules must not overtake. */
  readonly carry: (told: Told) => void;
}

export class Lane {
  /** The server's side, once the request for the watch has arrived. */
  watching: Watching | undefined;
  cancelled = false;
  /** Something of it was lost: it can only be broken. */
  spoiled = false;
  /** When the message before arrives. */
  lastArrivalMs = 0;
  readonly #carry: (told: Told) => void;
  #silentAt: Header | undefined;
  #held: Told[] = [];

  constructor({ carry }: LaneParts) {
    this.#carry = carry;
  }

  /** The last that the silent member knows; undefined: the lane is not silent. */
  get silentAt(): Header | undefined {
    return this.#silentAt;
  }

  /** `at`: the last that the silent member knows. */
  silence(at: Header): void {
    this.#silentAt ??= at;
  }

  speak(): void {
    this.#silentAt = undefined;
    const held = this.#held;
    this.#held = [];
    for (const told of held) this.#carry(told);
  }

  tell(told: Told): void {
    if (this.#silentAt === undefined || told.kind === "broken" || told.kind === "compacted") {
      this.#carry(told);
    } else if (told.kind === "progress") this.#carry({ kind: "progress", at: this.#silentAt });
    else this.#held.push(told);
  }
}

/** The revision before the first change that was not told. */
export function before(at: Header): Header {
  return { cluster: at.cluster, revision: revision(at.revision - 1n) };
}
