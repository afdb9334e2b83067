/** The Lock of npm `etcd3`, as its documentation shows it: each lock has a lease of its own. It cannot wait. */
import { Etcd3, type Lock } from "etcd3";
import type { Locker, Lockers } from "./load.ts";

export function etcd3Lockers(endpoint: string): Lockers {
  const client = new Etcd3({ hosts: endpoint });
  return { locker: (name) => Promise.resolve(new Etcd3Locker(() => client.lock(name))) };
}

class Etcd3Locker implements Locker {
  readonly #make: () => Lock;
  #lock: Lock | undefined;

  constructor(make: () => Lock) {
    this.#make = make;
  }

  async take(): Promise<void> {
    this.#lock = await this.#make().acquire();
  }

  async give(): Promise<void> {
    await this.#lock?.release();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
