/**
 * Where the sidecars' etcd is and how they are let in, as every replica knows it, whether or not it leads: the Backend
 * `default`, followed by a watch, and the Secrets that it names, read every few seconds.
 *
 * What was known stays while the API server is away. A Secret that is there and cannot be used is told: an answer made of
 * half of it would lock its sidecar out.
 */
import { parseBackendSpec, type BackendSpec } from "#api/resources/backend.ts";
import { describeProblem } from "#api/fields/read.ts";
import { Bell } from "#core/bell.ts";
import { after, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { backends, usedName } from "../controllers/backend/resources.ts";
import type { Api } from "../kube/api.ts";
import { Backoff } from "../kube/backoff.ts";
import { get } from "../kube/calls.ts";
import { Collection } from "../kube/collection.ts";
import { isRefused, reasonText } from "../kube/errors.ts";
import type { KubeMetrics } from "../kube/metrics.ts";
import { objectKey } from "../kube/objects.ts";
import { secrets, textsIn } from "../kube/secrets.ts";
import { etcdEndpoint } from "../objects/installation.ts";
import type { Authorities } from "./authorities.ts";
import { certificatesOf } from "./authority-record.ts";
import { readAuthority, type Authority } from "./x509/certificate.ts";

export interface EtcdForSidecars {
  readonly kind: "known";
  readonly endpoints: readonly string[];
  /** PEM; undefined: the authorities that are known publicly, or no TLS. */
  readonly ca: string | undefined;
  /** Of the sidecars' certificates; undefined: etcd asks for none. */
  readonly issuer: Authority | undefined;
  /** Whether each namespace has a user with a password. */
  readonly passwords: boolean;
}

export interface NoEtcd {
  readonly kind: "unknown";
  /** `authority`: only that is missing. */
  readonly lacks: "backend" | "authority";
  readonly problem: string;
}

export type BackendOfSidecars = EtcdForSidecars | NoEtcd;

export interface SidecarBackendParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly authorities: Pick<Authorities, "get" | "onChange">;
  /** The operator's own. */
  readonly namespace: string;
  readonly installation: string;
  readonly onFailure: (name: string, error: unknown) => void;
}

const unread = "The Backend was not read yet.";
const lookEveryMs = 15_000;
const backoffSettings = { firstMs: 500, factor: 2, maxMs: 10_000, jitter: 1 } as const;

type External = NonNullable<BackendSpec["external"]>;
type SecretRead =
  | { readonly kind: "read"; readonly entries: ReturnType<typeof textsIn> }
  /** `sure`: the API server said so. */
  | { readonly kind: "missing"; readonly problem: string; readonly sure: boolean };

export class SidecarBackend implements AsyncDisposable {
  readonly #parts: SidecarBackendParts;
  readonly #tasks: Tasks;
  readonly #bell: Bell;
  readonly #collection: Collection;
  readonly #listening = new DisposableStack();
  #current: BackendOfSidecars = lacking(unread);

  private constructor(parts: SidecarBackendParts) {
    this.#parts = parts;
    const { api, runtime, metrics, namespace, authorities, onFailure } = parts;
    this.#tasks = new Tasks(onFailure);
    this.#bell = new Bell(runtime);
    this.#collection = Collection.start({
      ...{ api, runtime, metrics, onFailure },
      selections: [{ resource: backends, namespace, fieldSelector: `metadata.name=${usedName}` }],
    });
    const look = (): void => {
      this.#bell.ring();
    };
    this.#listening.use(this.#collection.listen(look));
    this.#listening.use(authorities.onChange(look));
  }

  static start(parts: SidecarBackendParts): SidecarBackend {
    const backend = new SidecarBackend(parts);
    backend.#tasks.run("following the Backend for sidecars", (signal) => backend.#follow(signal));
    return backend;
  }

  /** As it was last seen. */
  get current(): BackendOfSidecars {
    return this.#current;
  }

  /** Why nobody can be answered yet; undefined: what there is was read, be it that there is none. */
  problem(): string | undefined {
    const { current } = this;
    return current.kind === "unknown" && current.problem === unread ? unread : undefined;
  }

  /** The password of the namespace's user; undefined: it has none yet. */
  async passwordOf(secretName: string, signal: AbortSignal): Promise<string | undefined> {
    const read = await this.#secret(secretName, "the user's Secret", signal);
    const password = read.kind === "read" ? read.entries["password"] : undefined;
    return password === "" ? undefined : password;
  }

  async close(): Promise<void> {
    this.#listening.dispose();
    await this.#tasks.close();
    await this.#collection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    await this.#collection.synced(signal);
    const backoff = new Backoff(backoffSettings, runtime);
    for (;;) {
      const seen = await this.#look(signal);
      signal.throwIfAborted();
      const known = seen?.kind === "known";
      if (known) backoff.reset();
      if (seen !== undefined) this.#say(seen);
      const waitMs = known ? lookEveryMs : backoff.next();
      await this.#bell.wait({ until: after(runtime.now(), waitMs), signal });
      signal.throwIfAborted();
    }
  }

  #say(seen: BackendOfSidecars): void {
    const before = this.#current;
    this.#current = seen;
    const problem = seen.kind === "unknown" ? seen.problem : undefined;
    if (problem !== undefined && (before.kind === "known" || before.problem !== problem))
      this.#parts.runtime.log.warn("sidecars cannot be told where etcd is", { problem });
  }

  /** Undefined: what was known stays. */
  async #look(signal: AbortSignal): Promise<BackendOfSidecars | undefined> {
    const { namespace } = this.#parts;
    const object = this.#collection.get(objectKey({ namespace, name: usedName }));
    if (object === undefined)
      return lacking(`There is no Backend '${usedName}' in namespace '${namespace}'.`);
    const spec = parseBackendSpec(object["spec"], "spec");
    if (!spec.ok)
      return lacking(
        `The Backend '${usedName}' is not accepted: ${spec.problems.map(describeProblem).join("; ")}.`,
      );
    if (spec.spec.external !== undefined) return this.#external(spec.spec.external, signal);
    return this.#managed();
  }

  /** By the names that the operator gives to what it runs. */
  #managed(): BackendOfSidecars {
    const { authorities, namespace, installation } = this.#parts;
    const clients = authorities.get("clients");
    if (clients === undefined)
      return lacking("The authority 'clients' was not read or made yet.", "authority");
    const endpoints = [etcdEndpoint({ name: installation, namespace })];
    const { authority: issuer, bundle: ca } = clients;
    return { kind: "known", endpoints, ca, issuer, passwords: false };
  }

  async #external(external: External, signal: AbortSignal): Promise<BackendOfSidecars | undefined> {
    const { endpoints, ca, issuer, passwords } = external;
    const answer = { kind: "known", endpoints, passwords } as const;
    let bundle: string | undefined;
    if (ca !== undefined) {
      const read = await this.#secret(ca.name, "spec.external.ca", signal);
      if (read.kind === "missing") return this.#without(read);
      bundle = read.entries[ca.key];
      if (bundle === undefined) return lacking(`The Secret '${ca.name}' has no key '${ca.key}'.`);
      if (certificatesOf(bundle).length === 0)
        return lacking(`The Secret '${ca.name}' holds no certificate in '${ca.key}'.`);
    }
    if (issuer === undefined) return { ...answer, ca: bundle, issuer: undefined };
    const read = await this.#secret(issuer.name, "spec.external.issuer", signal);
    if (read.kind === "missing") return this.#without(read, "authority");
    const { "tls.crt": certificate = "", "tls.key": key = "" } = read.entries;
    try {
      return { ...answer, ca: bundle, issuer: readAuthority(certificate, key) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const problem = `The Secret '${issuer.name}' of spec.external.issuer cannot be used: ${why}.`;
      return lacking(problem, "authority");
    }
  }

  #without(
    { problem, sure }: { readonly problem: string; readonly sure: boolean },
    lacks: NoEtcd["lacks"] = "backend",
  ): BackendOfSidecars | undefined {
    return !sure && this.#current.kind === "known" ? undefined : lacking(problem, lacks);
  }

  async #secret(name: string, field: string, signal: AbortSignal): Promise<SecretRead> {
    const { api, namespace } = this.#parts;
    const found = await get({ api, resource: secrets, signal }, { namespace, name });
    if (found.kind === "done") return { kind: "read", entries: textsIn(found.value["data"]) };
    const sure = isRefused(found, "notFound");
    const why = sure ? `is not there, in namespace '${namespace}'` : reasonText(found);
    return { kind: "missing", problem: `The Secret '${name}' of ${field}: ${why}.`, sure };
  }
}

function lacking(problem: string, lacks: NoEtcd["lacks"] = "backend"): NoEtcd {
  return { kind: "unknown", lacks, problem };
}
