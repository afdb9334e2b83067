/**
 * The Secrets with the passwords of namespaces, each read before it is written and written over the version that was read:
 * the watch of Secrets may be late, and another operator may lead by now.
 */
import { accessName } from "../../etcd-admin/namespace-access.ts";
import { adminDone, notLeading, type AdminOutcome } from "../../etcd-admin/outcome.ts";
import { apply } from "../../kube/apply.ts";
import type { Api } from "../../kube/api.ts";
import { create, get, remove, type Call } from "../../kube/calls.ts";
import { isRefused, reasonText, type KubeOutcome } from "../../kube/errors.ts";
import type { KubeObject } from "../../kube/objects.ts";
import { secrets } from "../../kube/secrets.ts";
import {
  fieldManager,
  isUserSecret,
  userSecretFields,
  userSecretName,
  type WrittenSecret,
} from "./resources.ts";

export interface UserSecretsParts {
  readonly api: Api;
  readonly operatorNamespace: string;
  readonly mayAct: () => boolean;
}

export class UserSecrets {
  readonly #parts: UserSecretsParts;

  constructor(parts: UserSecretsParts) {
    this.#parts = parts;
  }

  /** As it stands now; undefined: there is none. One that is not ours is a failure: it is never touched. */
  async read(
    namespace: string,
    signal: AbortSignal,
  ): Promise<AdminOutcome<KubeObject | undefined>> {
    const name = userSecretName(namespace);
    const found = await get(this.#call(signal), { namespace: this.#parts.operatorNamespace, name });
    if (isRefused(found, "notFound")) return adminDone(undefined);
    if (found.kind !== "done") return said("cannot be read", found);
    return isUserSecret(found.value, namespace) ? adminDone(found.value) : notOurs(name);
  }

  /** Over this version of it; undefined: there must be none. */
  async write(
    written: Omit<WrittenSecret, "user">,
    over: KubeObject | undefined,
    signal: AbortSignal,
  ): Promise<AdminOutcome<KubeObject>> {
    if (!this.#parts.mayAct()) return notLeading;
    const { namespace } = written;
    const object = { namespace: this.#parts.operatorNamespace, name: userSecretName(namespace) };
    const content = userSecretFields({ ...written, user: accessName(namespace) });
    const call = this.#call(signal);
    if (over === undefined) {
      const { labels, annotations, fields } = content;
      const metadata = { ...object, labels, annotations };
      const head = { apiVersion: "v1", kind: secrets.kind, metadata };
      return said("cannot be made", await create(call, { ...head, ...fields }));
    }
    const { resourceVersion } = over.metadata;
    const applied = await apply(call, fieldManager, { object, resourceVersion, ...content });
    return said("cannot be written", applied);
  }

  async remove(secret: KubeObject, signal: AbortSignal): Promise<AdminOutcome<unknown>> {
    if (!this.#parts.mayAct()) return notLeading;
    return said("cannot be deleted", await remove(this.#call(signal), secret));
  }

  #call(signal: AbortSignal): Call {
    return { api: this.#parts.api, resource: secrets, signal };
  }
}

/** What became of a call about a namespace's Secret, as what became of its user. */
function said<T>(what: string, outcome: KubeOutcome<T>): AdminOutcome<T> {
  if (outcome.kind === "done") return adminDone(outcome.value);
  return { kind: "unknown", message: `its Secret ${what}: ${reasonText(outcome)}` };
}

function notOurs(name: string): AdminOutcome<never> {
  const message = `the Secret '${name}' is not of Holdfast's making. Delete it, or give it another name`;
  return { kind: "unknown", message };
}
