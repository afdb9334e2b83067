/**
 * Whom the API server trusts at the webhooks: the leader writes the bundle of the authority `operator` into both entries of
 * their MutatingWebhookConfiguration. Whoever installs the operator makes that, and may write it again without a bundle; so
 * it is looked at every few seconds, and at once when the authority changes.
 *
 * It is an apply under a field manager of its own, of nothing but `caBundle`, so it takes nothing from whoever made the rest.
 * Only entries that are there are named: of others there would be a half, which the API server refuses.
 */
import { objectOf, textOf } from "#core/json.ts";
import { sleep, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Authorities } from "../identity/authorities.ts";
import type { Api } from "../kube/api.ts";
import { apply } from "../kube/apply.ts";
import { get, type Call } from "../kube/calls.ts";
import { isRefused, reasonText } from "../kube/errors.ts";
import type { KubeObject, Resource } from "../kube/objects.ts";
import { namespaceWebhook, podWebhook } from "./configuration.ts";

export interface CaBundleParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly authorities: Pick<Authorities, "get" | "onChange">;
  /** The MutatingWebhookConfiguration's name. */
  readonly name: string;
  /** Whether this process may write now. */
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

const resource: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "MutatingWebhookConfiguration",
  plural: "mutatingwebhookconfigurations",
  namespaced: false,
};
const fieldManager = "holdfast-webhooks";
const lookEveryMs = 10_000;
const ours: readonly string[] = [podWebhook, namespaceWebhook];

export class CaBundle implements AsyncDisposable {
  readonly #parts: CaBundleParts;
  readonly #tasks: Tasks;
  readonly #listening: Disposable;
  /** Ends the wait for the next look. */
  #wake = new AbortController();
  #problem: string | undefined;

  private constructor(parts: CaBundleParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
    this.#listening = parts.authorities.onChange((which) => {
      if (which === "operator") this.#wake.abort();
    });
  }

  static start(parts: CaBundleParts): CaBundle {
    const started = new CaBundle(parts);
    started.#tasks.run("keeping the webhooks' bundle", (signal) => started.#run(signal));
    return started;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    return this.#tasks.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#wake = new AbortController();
      this.#say(await this.#look(signal));
      await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const woken = this.#wake.signal;
    try {
      await sleep(runtime, lookEveryMs, AbortSignal.any([signal, woken]));
    } catch (error) {
      signal.throwIfAborted();
      if (!woken.aborted) throw error;
    }
  }

  /** Tells why it did not end well. */
  async #look(signal: AbortSignal): Promise<string | undefined> {
    const { api, runtime, authorities, name, mayAct } = this.#parts;
    const bundle = authorities.get("operator")?.bundle;
    if (bundle === undefined) return "the authority 'operator' was not read or made yet";
    const call: Call = { api, resource, signal };
    const found = await get(call, { name });
    if (found.kind !== "done") return reasonText(found);
    const wanted = wantedOf(found.value, Buffer.from(bundle).toString("base64"));
    if (wanted === undefined || !mayAct()) return undefined;
    const { uid } = found.value.metadata;
    const applied = { object: { name }, uid, fields: { webhooks: wanted } };
    const written = await apply(call, fieldManager, applied);
    if (written.kind !== "done")
      // Another has its name by now, or none: the next look sees.
      return isRefused(written, "conflict") ? undefined : reasonText(written);
    runtime.log.info("told the API server whom to trust at the webhooks", { configuration: name });
    return undefined;
  }

  #say(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === undefined) return;
    const { runtime, name } = this.#parts;
    runtime.log.warn("whom the API server is to trust at the webhooks could not be written", {
      ...{ configuration: name, problem },
    });
  }
}

/** Our entries with the bundle; undefined: they have it. */
function wantedOf({ webhooks }: KubeObject, caBundle: string): readonly object[] | undefined {
  const entries = (Array.isArray(webhooks) ? webhooks : [])
    .map((entry) => objectOf(entry) ?? {})
    .filter((entry) => ours.includes(textOf(entry["name"]) ?? ""));
  const has = (entry: Readonly<Record<string, unknown>>): boolean =>
    objectOf(entry["clientConfig"])?.["caBundle"] === caBundle;
  if (entries.every(has)) return undefined;
  return entries.map((entry) => ({ name: entry["name"], clientConfig: { caBundle } }));
}
