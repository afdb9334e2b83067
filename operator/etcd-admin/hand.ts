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

/** Changes of users that were sent. */
export interface Writes {
  /** That etcd has taken. */
  readonly done: number;
  /** Of which it is not known whether it has. */
  readonly lost: number;
}

export class AdminHand {
  readonly #admin: EtcdAdmin;
  readonly #parts: HandParts;
  #done = 0;
  #lost = 0;

  constructor(admin: EtcdAdmin, parts: HandParts) {
    this.#admin = admin;
    this.#parts = parts;
  }

  get writes(): Writes {
    return { done: this.#done, lost: this.#lost };
  }

  get hasWritten(): boolean {
    return this.#done + this.#lost > 0;
  }

  read<T>(call: Call<T>): Promise<AdminOutcome<T>> {
    return this.#admin.ask(call, { signal: this.#parts.signal });
  }

  /** A call that is one change, which is one more in etcd's own count. */
  async write<T>(call: Call<T>): Promise<AdminOutcome<T>> {
    let kind: AdminOutcome<T>["kind"] = "unknown";
    try {
      const outcome = await this.#admin.ask(call, this.#parts);
      kind = outcome.kind;
      return outcome;
    } finally {
      if (kind === "done") this.#done += 1;
      else if (kind === "unknown") this.#lost += 1;
    }
  }
}
