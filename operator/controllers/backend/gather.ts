/** Everything that is known of one Backend: its spec, its Secrets, what its etcd says, and who uses it. */
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
  readonly admins: Admins;
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

export async function gather(
  object: KubeObject,
  { api, operatorNamespace, admins }: GatherParts,
  signal: AbortSignal,
): Promise<BackendFacts> {
  const { name, namespace = "" } = object.metadata;
  const used = name === usedName && namespace === operatorNamespace;
  const spec = parseBackendSpec(object["spec"], "spec");
  const facts = {
    ...{ used, operatorNamespace, spec, etcd: undefined, usersFailed: [] },
    secrets: { kind: "read" } as const,
  };
  const external = spec.ok ? spec.spec.external : undefined;
  if (!used || external === undefined) return facts;
  const read = await readAccess(external, { api, namespace, signal });
  if (read.kind !== "read") return { ...facts, secrets: read };
  const admin = admins.of(read.access);
  if (admin.kind === "done") return { ...facts, etcd: await admin.value.look() };
  const what = `The certificates of spec.external.ca and adminSecret cannot be used: ${admin.message}. Write PEM, and a key that belongs to its certificate.`;
  return { ...facts, secrets: { kind: "unusable", what } };
}
