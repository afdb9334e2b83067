/**
 * What is known of the cluster's history from its answers: which cluster it is, the latest revision that a linearizable
 * answer has told, and whether history began anew (the data was wiped, or an old snapshot restored).
 */
import type { Header } from "#core/outcome.ts";
import type { Instant, Runtime } from "#core/runtime.ts";
import { type Revision, noRevision, revision } from "#core/store.ts";
import type { ResponseHeader } from "./codec/etcdserverpb/rpc.ts";

export interface Known {
  readonly revision: Revision;
  /** Since when: an answer to a request sent after it can not be older. */
  readonly knownAt: Instant;
}

export class Revisions {
  readonly #runtime: Runtime;
  #clusterId = 0n;
  #cluster = "";
  #latest: Known;
  #histories = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#latest = { revision: noRevision, knownAt: runtime.now() };
  }

  /** Lower-case hexadecimal, as etcd prints it; empty before the first answer. */
  get cluster(): string {
    return this.#cluster;
  }

  /** The highest revision that a linearizable answer told. */
  get latest(): Known {
    return this.#latest;
  }

  /** Grows when history begins anew: what was watched up to a later revision has to be read again. */
  get histories(): number {
    return this.#histories;
  }

  /** For an answer without a header. */
  get lastHeader(): Header {
    return { cluster: this.#cluster, revision: this.#latest.revision };
  }

  headerOf(header: ResponseHeader | undefined): Header {
    if (header === undefined) return this.lastHeader;
    return { cluster: this.#clusterOf(header), revision: revision(header.revision) };
  }

  /** Takes note of a linearizable answer to a request that was sent at `sentAt`. */
  note(header: ResponseHeader | undefined, sentAt: Instant): Header {
    if (header === undefined) return this.lastHeader;
    const cluster = this.#clusterOf(header);
    const told = revision(header.revision);
    if (told > this.#latest.revision)
      this.#latest = { revision: told, knownAt: this.#runtime.now() };
    else if (told < this.#latest.revision && sentAt > this.#latest.knownAt) this.#beginAnew(told);
    return { cluster, revision: told };
  }

  #clusterOf(header: ResponseHeader): string {
    if (header.clusterId === this.#clusterId) return this.#cluster;
    // A change is a new history only where there was one.
    if (this.#cluster !== "") this.#beginAnew(revision(header.revision));
    this.#clusterId = header.clusterId;
    this.#cluster = header.clusterId.toString(16);
    return this.#cluster;
  }

  #beginAnew(told: Revision): void {
    this.#histories += 1;
    this.#latest = { revision: told, knownAt: this.#runtime.now() };
  }
}
