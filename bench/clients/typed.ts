/** Our typed client, as an app would use it: one for all callers. */
import { connect } from "#client/holdfast.ts";
import type { Held, Locks } from "#client/holdfast.ts";
import type { Locker, Lockers } from "./load.ts";

export function typedLockers(port: number, pool: string): Lockers {
  const locks = connect({ url: `http://127.0.0.1:${port}` }).locks(pool);
  return { locker: (name) => Promise.resolve(new TypedLocker(locks, name)) };
}

class TypedLocker implements Locker {
  readonly #locks: Locks;
  readonly #name: string;
  #grant: Held | undefined;

  constructor(locks: Locks, name: string) {
    this.#locks = locks;
    this.#name = name;
  }

  async take(): Promise<void> {
    this.#grant = await this.#locks.acquire(this.#name);
  }

  async give(): Promise<void> {
    await this.#grant?.release();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
