/** Everything that is known of one Backend: its spec and its Secrets, then what its etcd says. */
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { Runtime } from "#core/runtime.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import type { ManagedFacts } from "../../conditions/managed-facts.ts";
import { EtcdAdmin } from "../../etcd-admin/admin.ts";
import type { AdminAccess } from "../../etcd-admin/connection.ts";
import type { AdminOutcome } from "../../etcd-admin/outcome.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeObject } from "../../kube/objects.ts";
import type { Installation } from "../../objects/installation.ts";
import { managedAccess, markOf, readAccess, type Reading } from "./access.ts";
import { usedName } from "./resources.ts";

export interface GatherParts {
  readonly api: Api;
  readonly operatorNamespace: string;
  /** What is known of the etcd that we run, and of whose making it is. */
  readonly managed: ManagedView;
}

export interface ManagedView {
  readonly installation: Installation;
  readonly facts: () => ManagedFacts | undefined;
}

/** What Kubernetes says of a Backend. */
export interface BackendRead {
  /** All but what etcd says. */
  readonly facts: BackendFacts;
  /** Undefined: it is not used, or with what to connect is missing. */
  readonly access: AdminAccess | undefined;
}

/** The connection to the etcd that is used; made anew when its endpoints or Secrets change. */
export class Admins implements Disposable {
  readonly #runtime: Runtime;
  #admin: EtcdAdmin | undefined;
  #mark = "";

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get current(): EtcdAdmin | undefined {
    return this.#admin;
  }

  of(access: AdminAccess): AdminOutcome<EtcdAdmin> {
    const mark = markOf(access);
    if (this.#admin !== undefined && mark === this.#mark)
      return { kind: "done", value: this.#admin };
    const made = EtcdAdmin.start(access, this.#runtime);
    if (made.kind !== "done") return made;
    this[Symbol.dispose]();
    this.#admin = made.value;
    this.#mark = mark;
    return made;
  }

  [Symbol.dispose](): void {
    this.#admin?.[Symbol.dispose]();
    this.#admin = undefined;
  }
}

export async function readBackend(
  object: KubeObject,
  { api, operatorNamespace, managed }: GatherParts,
  signal: AbortSignal,
): Promise<BackendRead> {
  const { name, namespace = "" } = object.metadata;
  const used = name === usedName && namespace === operatorNamespace;
  const spec = parseBackendSpec(object["spec"], "spec");
  const facts = {
    ...{ used, operatorNamespace, spec, etcd: undefined, tree: undefined, usersFailed: [] },
    secrets: { kind: "read" } as const,
  };
  if (!used || !spec.ok) return { facts, access: undefined };
  if (spec.spec.managed !== undefined)
    return readManaged(facts, { api, namespace, signal }, managed);
  const { external } = spec.spec;
  if (external === undefined) return { facts, access: undefined };
  const read = await readAccess(external, { api, namespace, signal });
  if (read.kind === "read") return { facts, access: read.access };
  return { facts: { ...facts, secrets: read }, access: undefined };
}

/** The Secret is ours: that it is not there yet is nothing that a user could mend. */
async function readManaged(
  before: BackendFacts,
  reading: Reading,
  { installation, facts: seen }: ManagedView,
): Promise<BackendRead> {
  const facts = { ...before, managed: seen() };
  const read = await readAccess(managedAccess(installation), reading);
  if (read.kind === "read") return { facts, access: read.access };
  const what =
    read.kind === "missing"
      ? "The Secret of etcd's admin is not made yet; see Running."
      : read.what;
  return { facts: { ...facts, secrets: { kind: "unread", what } }, access: undefined };
}

/** All of one that is not used. */
export function readUnused(object: KubeObject, operatorNamespace: string): BackendFacts {
  return {
    ...{ used: false, operatorNamespace, spec: parseBackendSpec(object["spec"], "spec") },
    ...{ etcd: undefined, tree: undefined, usersFailed: [], secrets: { kind: "read" } },
  };
}

/** With what etcd says. Rejects with the signal's reason as soon as that aborts. */
export async function lookAt(
  { facts, access }: BackendRead,
  admins: Admins,
  signal: AbortSignal,
): Promise<BackendFacts> {
  if (access === undefined) return facts;
  const admin = admins.of(access);
  if (admin.kind === "done") return { ...facts, etcd: await admin.value.look(signal) };
  const what = `The certificates of spec.external.ca and adminSecret cannot be used: ${admin.message}. Write PEM, and a key that belongs to its certificate.`;
  return { ...facts, secrets: { kind: "unusable", what } };
}
