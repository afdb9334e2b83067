/**
 * The client of one etcd: reads, watches, leases and single transactions. It is there at once, whatever etcd does: while
 * no endpoint answers, it goes on trying, reads wait, and writes are refused as not sent.
 */
import { type Outcome, type Refused, type Unknown, done, unknown } from "#core/outcome.ts";
import { after, type Runtime } from "#core/runtime.ts";
import type {
  Changes,
  KeyRange,
  Leases,
  RangeRead,
  Revision,
  Snapshot,
  Wait,
} from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { type Admitted, type MemberStatus, admit, memberStatus } from "./admission.ts";
import { Bell } from "#core/bell.ts";
import { Caller } from "./caller.ts";
import type { Credentials } from "./credentials.ts";
import { Endpoints } from "./endpoints.ts";
import type { TxnPort, TxnRequest, TxnResponse } from "./batch.ts";
import { EtcdLeases } from "./leases.ts";
import { methods } from "./methods.ts";
import { provesNothingWritten } from "./no-space.ts";
import { read } from "./read.ts";
import type { TlsSource } from "./tls.ts";
import { decodeTxn, encodeTxn } from "./txn.ts";
import { Watches } from "./watch.ts";

/** How old what {@link EtcdClient.status} tells of a member may be. */
const statusEveryMs = 10_000;
/** For the read that tells what became of a write. */
const provedWithinMs = 5_000;

export interface EtcdParts {
  readonly runtime: Runtime;
  /** Like `http://host:2379`, or `https://…`. */
  readonly endpoints: readonly string[];
  /** For endpoints with https. */
  readonly tls?: TlsSource | undefined;
  readonly auth?: Credentials | undefined;
  /** Told of work that failed for a reason nobody foresaw: a bug. Absent: it is logged. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

export interface EtcdStatus {
  /** What calls go over now; undefined: etcd cannot be reached. */
  readonly endpoint: string | undefined;
  /** The id of the cluster, in hexadecimal; empty: not known yet. */
  readonly cluster: string;
  /** Why there is no connection, or why the last one ended. */
  readonly lastError: string | undefined;
  /** What should be said of the server's version. */
  readonly warning: string | undefined;
  /** What each member told when it was asked last, the connected one at most 10 s ago. */
  readonly members: readonly MemberStatus[];
  /** The highest revision that a linearizable answer told. */
  readonly revision: Revision;
}

export class EtcdClient implements TxnPort, AsyncDisposable {
  readonly leases: Leases;
  readonly #caller: Caller;
  readonly #endpoints: Endpoints;
  readonly #watches: Watches;
  readonly #members = new Map<string, MemberStatus>();
  #admitted: Admitted | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: EtcdParts, tasks: Tasks) {
    const { runtime, endpoints, tls, auth } = parts;
    this.#caller = new Caller({ runtime, tasks, credentials: auth });
    this.#endpoints = Endpoints.start({
      runtime,
      endpoints,
      tls,
      tasks,
      admit: async (connection) => {
        this.#admitted = await admit(this.#caller, connection);
        this.#members.set(connection.endpoint, this.#admitted.status);
      },
    });
    this.#caller.use(this.#endpoints);
    this.leases = new EtcdLeases(this.#caller);
    this.#watches = Watches.start(this.#caller, () => this.#admitted?.exactProgress ?? false);
    tasks.run("etcd status", (signal) => this.#keepStatus(signal));
  }

  /** Waits for nothing. Throws where an endpoint is not one, or the signal has aborted. */
  static start(parts: EtcdParts, signal: AbortSignal): Promise<EtcdClient> {
    return Promise.resolve().then(() => {
      signal.throwIfAborted();
      const failed = (name: string, error: unknown) => {
        parts.runtime.log.error("etcd: a task failed", { name, error });
      };
      return new EtcdClient(parts, new Tasks(parts.onFailure ?? failed));
    });
  }

  /** Resolves when a connection stands, or else when the wait ends: false then. */
  async connected(wait: Wait): Promise<boolean> {
    return (await this.#endpoints.ready(wait.deadline, wait.signal)) !== undefined;
  }

  /** One transaction. Sent at most once; ends with its answer, its connection, or etcd's time. */
  async sendTxn(request: TxnRequest): Promise<Outcome<TxnResponse>> {
    const caller = this.#caller;
    const before = caller.revisions.latest.revision;
    const reached = await caller.ask(methods.txn, encodeTxn(request), caller.forWrites);
    if (reached.kind === "refused" && reached.reason.code === "noSpace")
      return this.#noSpace(request, before, reached);
    if (reached.kind !== "answered") return reached;
    const at = caller.revisions.note(reached.value.header, reached.sentAt);
    return done(decodeTxn(request, reached.value), at);
  }

  /** See `Store.read`. */
  read(ranges: readonly RangeRead[], wait: Wait, atLeast?: Revision): Promise<Outcome<Snapshot>> {
    return read(this.#caller, { ranges, wait, atLeast });
  }

  /** See `Store.watch`. */
  watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes> {
    return this.#watches.watch(range, from, signal);
  }

  /** What is known, without asking anybody. */
  status(): EtcdStatus {
    const { revisions } = this.#caller;
    return {
      endpoint: this.#endpoints.current?.endpoint,
      cluster: revisions.cluster,
      lastError: this.#endpoints.lastError,
      warning: this.#admitted?.warning,
      members: [...this.#members.values()],
      revision: revisions.latest.revision,
    };
  }

  /** For calls that only maintenance makes. */
  get caller(): Caller {
    return this.#caller;
  }

  /** Calls under way end: what was sent is unknown, what was not is refused. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** It may have been carried out all the same. */
  async #noSpace(request: TxnRequest, before: Revision, no: Refused): Promise<Refused | Unknown> {
    const { runtime, tasks } = this.#caller;
    const wait = { signal: tasks.signal, deadline: after(runtime.now(), provedWithinMs) };
    if (await provesNothingWritten(request, before, (ranges) => this.read(ranges, wait))) return no;
    const message = "etcd says that its space is exceeded, and may have written it all the same";
    return unknown({ code: "noAnswer", message });
  }

  async #close(): Promise<void> {
    const ended = this.#caller.tasks.close();
    await this.#endpoints.close();
    await ended;
    // A connection that was being made when all closed.
    await this.#endpoints.close();
  }

  async #keepStatus(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#caller;
    const bell = new Bell(runtime);
    while (!signal.aborted) {
      await bell.wait({ until: after(runtime.now(), statusEveryMs), signal });
      const connection = this.#endpoints.current;
      if (connection === undefined) continue;
      const reply = await this.#caller.askOver(connection, methods.status, {});
      if (reply.kind !== "answered") continue;
      this.#members.set(connection.endpoint, memberStatus(connection.endpoint, reply.value));
    }
  }
}
