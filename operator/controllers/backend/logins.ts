/**
 * Which passwords etcd is known to take, so that none is asked about without a reason: a login costs etcd a tenth of a
 * second of a core.
 *
 * All of it is forgotten when somebody else has changed users: etcd counts all changes, and we count ours. Where etcd does
 * not tell its count (before 3.5), and against a change that cancels out, each is asked about again after a while.
 */
import type { Instant, Runtime } from "#core/runtime.ts";
import type { Writes } from "../../etcd-admin/hand.ts";

const knownMs = 3_600_000;

interface Known {
  readonly password: string | undefined;
  readonly at: Instant;
}

export class Logins {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, Known>();
  #revision: bigint | undefined;
  #writes: Writes = { done: 0, lost: 0 };

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** By namespace; undefined: it takes none, and asks for a certificate. */
  get taken(): ReadonlyMap<string, string | undefined> {
    return new Map([...this.#known].map(([namespace, { password }]) => [namespace, password]));
  }

  /** `revision`: etcd's count, just looked at; `writes`: ours, up to before that look. */
  looked(revision: bigint | undefined, writes: Writes): void {
    const { done, lost } = this.#writes;
    const isOurs =
      writes.lost === lost &&
      (revision === undefined ||
        revision === (this.#revision ?? revision) + BigInt(writes.done - done));
    this.#revision = revision;
    this.#writes = writes;
    if (!isOurs) this.#known.clear();
    for (const [namespace, { at }] of this.#known)
      if (this.#runtime.now() - at >= knownMs) this.#known.delete(namespace);
  }

  took(namespace: string, password: string | undefined): void {
    this.#known.set(namespace, { password, at: this.#runtime.now() });
  }

  refused(namespace: string): void {
    this.#known.delete(namespace);
  }

  /** It may be another etcd, or users are off. */
  forgetAll(): void {
    this.#known.clear();
    this.#revision = undefined;
  }
}
