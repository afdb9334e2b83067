/** How many may ask who they are: each exchange costs the API server a review, and anybody in the cluster can reach us. */
import type { Runtime } from "#core/runtime.ts";
import { Bucket } from "../kube/backoff.ts";

/** Under way at once. */
const runningMax = 64;
const overall = { perSecond: 100, burst: 300 } as const;
/** One pod asks once in hours, and a few times where it is refused; a node's pods may come from one address. */
const perAddress = { perSecond: 5, burst: 30 } as const;
const addressesMax = 5_000;

export class ExchangeLimits {
  readonly #runtime: Runtime;
  readonly #overall: Bucket;
  /** Those that came last are last. */
  readonly #byAddress = new Map<string, Bucket>();
  #running = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#overall = new Bucket(runtime, overall);
  }

  /** Counts the caller in until disposed of; a text: it comes too soon, for this reason. */
  enter(address: string): Disposable | string {
    // First the caller's own: who asks too often must not use up what is everybody's.
    if (!this.#of(address).take()) return `Address ${address} asks too often`;
    if (!this.#overall.take()) return "Too many ask at once";
    if (this.#running >= runningMax) return `${runningMax} are being answered`;
    this.#running += 1;
    return {
      [Symbol.dispose]: () => {
        this.#running -= 1;
      },
    };
  }

  #of(address: string): Bucket {
    const bucket = this.#byAddress.get(address) ?? new Bucket(this.#runtime, perAddress);
    this.#byAddress.delete(address);
    this.#byAddress.set(address, bucket);
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > addressesMax && oldest !== undefined) this.#byAddress.delete(oldest);
    return bucket;
  }
}
