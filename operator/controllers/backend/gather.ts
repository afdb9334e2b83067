/** Everything that is known of one Backend: its spec and its Secrets, then what its etcd says. */
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { Runtime } from "#core/runtime.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import { EtcdAdmin } from "../../etcd-admin/admin.ts";
import type { AdminAccess } from "../../etcd-admin/connection.ts";
import type { AdminOutcome } from "../../etcd-admin/outcome.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeObject } from "../../kube/objects.ts";
import { markOf, readAccess } from "./access.ts";
import { usedName } from "./resources.ts";

export interface GatherParts {
  readonly api: Api;
  readonly operatorNamespace: string;
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
  { api, operatorNamespace }: GatherParts,
  signal: AbortSignal,
): Promise<BackendRead> {
  const { name, namespace = "" } = object.metadata;
  const used = name === usedName && namespace === operatorNamespace;
  const spec = parseBackendSpec(object["spec"], "spec");
  const facts = {
    ...{ used, operatorNamespace, spec, etcd: undefined, usersFailed: [] },
    secrets: { kind: "read" } as const,
  };
  const external = spec.ok ? spec.spec.external : undefined;
  if (!used || external === undefined) return { facts, access: undefined };
  const read = await readAccess(external, { api, namespace, signal });
  if (read.kind === "read") return { facts, access: read.access };
  return { facts: { ...facts, secrets: read }, access: undefined };
}

/** With what etcd says. */
export async function lookAt(
  { facts, access }: BackendRead,
  admins: Admins,
): Promise<BackendFacts> {
  if (access === undefined) return facts;
  const admin = admins.of(access);
  if (admin.kind === "done") return { ...facts, etcd: await admin.value.look() };
  const what = `The certificates of spec.external.ca and adminSecret cannot be used: ${admin.message}. Write PEM, and a key that belongs to its certificate.`;
  return { ...facts, secrets: { kind: "unusable", what } };
}
