/**
 * The etcd that the Backend names, and all that the leader keeps of it: its spec tree, what the sidecars say there, and
 * its files. It is put together anew where the Backend names another etcd, or other ways to it.
 */
import { TracedStore, type Lineage } from "#core/session/lineage.ts";
import type { RecordName } from "#core/spec/keys.ts";
import type { Store } from "#core/store.ts";
import { EtcdClient, type EtcdParts } from "#etcd/client.ts";
import { Maintenance } from "#etcd/maintenance.ts";
import { MaintenanceCalls } from "#etcd/maintenance-calls.ts";
import { EtcdStore } from "#etcd/store.ts";
import type { BackendView } from "./conditions/backend-reachable.ts";
import type { UsableBackend } from "./controllers/backend/use.ts";
import type { OwnedTree } from "./controllers/published/act.ts";
import { isApplied } from "./controllers/published/controller.ts";
import type { Running } from "./running.ts";
import { Reports, type ReportsParts } from "./sidecars/reports.ts";
import { TreeOwner, type Ancestry } from "./spec-tree/owner.ts";
import { SpecRecords } from "./spec-tree/records.ts";

export interface ServedEtcdParts {
  readonly running: Running;
  readonly backend: UsableBackend;
  /** What is written into the installation's record. */
  readonly owner: string;
  readonly lineage: Lineage;
  readonly ancestry: Ancestry;
  /** Whether this process may write now. */
  readonly mayAct: () => boolean;
  readonly recordChanged: (name: RecordName) => void;
  /** All resources are to be looked at again. */
  readonly allChanged: () => void;
  readonly reportsChanged: ReportsParts["changed"];
}

export class ServedEtcd implements AsyncDisposable {
  readonly records: SpecRecords;
  readonly reports: Reports;
  readonly #client: EtcdClient;
  readonly #store: Store;
  readonly #owner: TreeOwner;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: ServedEtcdParts, etcd: EtcdStore, stack: AsyncDisposableStack) {
    const { running, owner, ancestry, lineage, mayAct } = parts;
    const { options, runtime, objects, onBug: onFailure } = running;
    const namespaces = (): Set<string> => new Set(objects.flatMap((one) => [...one.namespaces()]));
    const store = new TracedStore(etcd, lineage);
    this.#client = etcd.client;
    this.#store = store;
    this.records = stack.use(
      SpecRecords.start({
        ...{ runtime, store, namespaces: options.namespaces, onFailure },
        ...{ changed: parts.recordChanged, wasRead: parts.allChanged },
      }),
    );
    this.#owner = stack.use(
      TreeOwner.start({
        ...{ runtime, store, namespaces, onFailure, ancestry, owner, mayAct },
        sessionTtlMs: options.sessionTtl,
        etcdProblem: () => this.#client.status().lastError,
        changed: parts.allChanged,
      }),
    );
    this.reports = stack.use(
      Reports.start({
        ...{ runtime, store, namespaces, onFailure, changed: parts.reportsChanged },
        isSettled: (namespace, said) =>
          objects.every((one) =>
            isApplied({ objects: one, records: this.records }, namespace, said),
          ),
      }),
    );
    this.#stack = stack;
  }

  /** Waits for no answer of etcd. */
  static async start(parts: ServedEtcdParts): Promise<ServedEtcd> {
    await using stack = new AsyncDisposableStack();
    const { running, backend } = parts;
    const { runtime, onBug: onFailure } = running;
    const { endpoints, tls, credentials: auth } = backend.access;
    const given = { runtime, endpoints, tls, auth, onFailure };
    const etcd = stack.use(await EtcdStore.start(given, new AbortController().signal));
    if (backend.maintenance) await startMaintenance(stack, given, parts.mayAct);
    return new ServedEtcd(parts, etcd, stack.move());
  }

  get view(): BackendView {
    return this.#owner.backend;
  }

  /** Undefined: nothing may be written now. */
  get tree(): OwnedTree | undefined {
    const { owned } = this.#owner;
    return owned === undefined ? undefined : { store: this.#store, records: this.records, owned };
  }

  get isConnected(): boolean {
    return this.#client.status().endpoint !== undefined;
  }

  /** The smallest of those that members have told; undefined: none has. */
  get quotaBytes(): number | undefined {
    const told = this.#client.status().members.flatMap(({ quotaBytes }) => quotaBytes ?? []);
    return told.length === 0 ? undefined : Math.min(...told);
  }

  /** Etcd is not what it was. */
  begunAnew(): void {
    this.#owner.begunAnew();
    this.records.readAgain();
  }

  close(): Promise<void> {
    return this.#stack.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Each member by a connection of its own: what it does to its file, it does to no other's. */
async function startMaintenance(
  stack: AsyncDisposableStack,
  given: EtcdParts,
  mayAct: () => boolean,
): Promise<void> {
  const ports: MaintenanceCalls[] = [];
  for (const endpoint of given.endpoints) {
    const signal = new AbortController().signal;
    const client = await EtcdClient.start({ ...given, endpoints: [endpoint] }, signal);
    ports.push(new MaintenanceCalls(stack.use(client)));
  }
  const { runtime, onFailure } = given;
  stack.use(Maintenance.start({ ports, runtime, mayAct, ...(onFailure && { onFailure }) }));
}
