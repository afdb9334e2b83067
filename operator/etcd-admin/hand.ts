/** The admin at work on users, for one piece of it: what reads, and what writes, which is counted and asks first. */
import type { Etcd3 } from "etcd3";
import type { EtcdAdmin } from "./admin.ts";
import type { CallOptions } from "./connection.ts";
import type { AdminOutcome } from "./outcome.ts";

type Call<T> = (client: Etcd3, options: CallOptions) => Promise<T>;

export interface HandParts {
  readonly signal: AbortSignal;
  /** Whether this process may change etcd now. */
  readonly mayAct: () => boolean;
}

export class AdminHand {
  readonly #admin: EtcdAdmin;
  readonly #parts: HandParts;
  #writes = 0;

  constructor(admin: EtcdAdmin, parts: HandParts) {
    this.#admin = admin;
    this.#parts = parts;
  }

  /** How many changes etcd has taken; NaN where one may or may not have been. */
  get writes(): number {
    return this.#writes;
  }

  read<T>(call: Call<T>): Promise<AdminOutcome<T>> {
    return this.#admin.ask(call, { signal: this.#parts.signal });
  }

  /** A call that is one change, which is one more in etcd's own count. */
  async write<T>(call: Call<T>): Promise<AdminOutcome<T>> {
    let outcome: AdminOutcome<T> | undefined;
    try {
      outcome = await this.#admin.ask(call, this.#parts);
      return outcome;
    } finally {
      if (outcome?.kind === "done") this.#writes += 1;
      else if (outcome?.kind !== "refused") this.#writes = NaN;
    }
  }
}
