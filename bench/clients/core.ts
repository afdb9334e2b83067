/**
 * What is behind the sidecar's HTTP, without it: the same core on the same client of etcd, called in this process. The sidecar
 * that runs beside has published the pool.
 */
import process from "node:process";
import type { Locks } from "#core/lock/locks.ts";
import type { AcquireRequest } from "#core/lock/views.ts";
import { EtcdStore } from "#etcd/store.ts";
import { makeLog } from "#host/log.ts";
import { realRuntime } from "#host/runtime.ts";
import { Kernel } from "#sidecar/kernel.ts";
import { whenStarted } from "#sidecar/started.ts";
import type { Locker, Lockers } from "./load.ts";

/** The sidecar's default. */
const sessionTtlMs = 10_000;
const waitMs = 600_000;

export async function coreLockers(endpoint: string, pool: string): Promise<Lockers> {
  const runtime = realRuntime(makeLog({ level: "warn", format: "text", stream: process.stderr }));
  const never = new AbortController().signal;
  const onFailure = (name: string, error: unknown): never => {
    throw new Error(`core: ${name}`, { cause: error });
  };
  const store = await EtcdStore.start({ runtime, endpoints: [endpoint], onFailure }, never);
  const options = { namespace: "default", pod: `bench-${process.pid}`, sessionTtlMs };
  const kernel = Kernel.start({ runtime, store, options, onBug: onFailure });
  const wanted = () => [{ kind: "DistributedLock", name: pool }];
  await whenStarted({ runtime, kernel, wanted, etcdProblem: () => undefined }, never);
  return {
    locker: (name, mayWait) => {
      const demand = { pool, name, mode: "exclusive", permits: 1, hold: "ttl" } as const;
      const request: AcquireRequest = { ...demand, waitMs: mayWait ? waitMs : 0 };
      return Promise.resolve(new CoreLocker(kernel.locks, request));
    },
  };
}

class CoreLocker implements Locker {
  readonly #locks: Locks;
  readonly #request: AcquireRequest;
  #grantId = "";

  constructor(locks: Locks, request: AcquireRequest) {
    this.#locks = locks;
    this.#request = request;
  }

  async take(): Promise<void> {
    const acquired = await this.#locks.acquire(this.#request, undefined);
    if (acquired.kind !== "granted") throw new Error(`acquire: ${acquired.kind}`);
    this.#grantId = acquired.grant.grantId;
  }

  async give(): Promise<void> {
    const freed = await this.#locks.release(this.#grantId);
    if (freed !== "released") throw new Error(`release: ${freed}`);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
