/**
 * The three authorities of an installation, each in a Secret of the operator's namespace, the same for all replicas:
 *
 * - `operator`: what sidecars and the API server trust when they speak to the operator; and etcd's admin is by it;
 * - `clients`: etcd's serving certificates, and what sidecars show to etcd;
 * - `peers`: etcd's members among themselves, so that no sidecar's certificate opens a member's door.
 *
 * The Secret decides, whoever wrote it. A replica makes a missing one by a create: of two that do, one is refused and reads
 * the other's. Nothing is used before the API server has it. Each replica reads all three every few seconds, and the leader
 * renews what is due, over the version that it read ({@link file://./renewal.ts}).
 *
 * A Secret that somebody deletes is written again as it was by the first replica that misses it: its certificates are out
 * there, and another authority would be trusted by nobody.
 *
 *     const authorities = await Authorities.start(parts);
 *     authorities.get("clients")?.bundle;
 *
 * Who holds a certificate, or trusts a bundle, has to look again when told of a change: from then on it has `overlapMs`
 * until the next step.
 */
import { sleep, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Metrics } from "#host/metrics.ts";
import type { Api } from "../kube/api.ts";
import { Backoff } from "../kube/backoff.ts";
import { create, get, replace, type Call } from "../kube/calls.ts";
import { isRefused, reasonText, type KubeOutcome } from "../kube/errors.ts";
import type { KubeObject } from "../kube/objects.ts";
import { secrets as resource } from "../kube/secrets.ts";
import {
  bundleOf,
  certificatesOf,
  expiryMs,
  readRecord,
  secretOf,
  withRecord,
  type AuthorityRecord,
} from "./authority-record.ts";
import { declareAuthorities, type AuthoritiesSeen } from "./metrics.ts";
import { decideRenewal, firstRecord, newAuthority, overlapMsDefault, takeStep } from "./renewal.ts";
import type { Authority } from "./x509/certificate.ts";

export type AuthorityName = "operator" | "clients" | "peers";
export const authorityNames = ["operator", "clients", "peers"] as const;

export interface Held {
  /** What issues now. */
  readonly authority: Authority;
  /** What is to be trusted: PEM, that one first, then the next or former ones. */
  readonly bundle: string;
}

export interface AuthoritiesParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  /** The operator's own. */
  readonly namespace: string;
  readonly installation: string;
  /** Whether this replica renews now. */
  readonly leads: () => boolean;
  /** Between two steps of a renewal; absent: a week. */
  readonly overlapMs?: number;
  readonly onFailure: (name: string, error: unknown) => void;
}

/** How often a Secret is read; also at most so long does it take until all replicas agree. */
const lookEveryMs = 10_000;
const backoffSettings = { firstMs: 500, factor: 2, maxMs: 15_000, jitter: 1 } as const;
/** Of losing against another replica again and again. */
const racesMax = 5;

interface Known extends Held {
  readonly record: AuthorityRecord;
  readonly expiryMs: number;
}

export function authoritySecretName(installation: string, which: AuthorityName): string {
  return `${installation}-ca-${which}`;
}

export class Authorities implements AsyncDisposable {
  readonly #parts: AuthoritiesParts;
  readonly #tasks: Tasks;
  readonly #known = new Map<AuthorityName, Known>();
  readonly #problems = new Map<AuthorityName, string>();
  readonly #listeners = new Set<(which: AuthorityName) => void>();

  private constructor(parts: AuthoritiesParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
    declareAuthorities(parts.metrics, () => this.#seen());
  }

  /** Waits for nothing: an API server that is away must not keep the operator from starting. */
  static start(parts: AuthoritiesParts): Promise<Authorities> {
    const authorities = new Authorities(parts);
    for (const which of authorityNames)
      authorities.#tasks.run(`keeping the authority ${which}`, (signal) =>
        authorities.#keep(which, signal),
      );
    return Promise.resolve(authorities);
  }

  /** Undefined: it was not read yet. */
  get(which: AuthorityName): Held | undefined {
    return this.#known.get(which);
  }

  /** Why one is not there or may be old; undefined: the Secret was read lately, and can be used. */
  problem(which: AuthorityName): string | undefined {
    return this.#problems.get(which) ?? (this.#known.has(which) ? undefined : "not read yet");
  }

  /** Told after every change of what {@link get} gives, the first reading among them. */
  onChange(listener: (which: AuthorityName) => void): Disposable {
    // A listener that is given twice is told twice.
    const told = (which: AuthorityName): void => {
      listener(which);
    };
    this.#listeners.add(told);
    return { [Symbol.dispose]: () => void this.#listeners.delete(told) };
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #keep(which: AuthorityName, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const backoff = new Backoff(backoffSettings, runtime);
    for (;;) {
      const problem = await this.#look(which, signal);
      this.#say(which, problem);
      if (problem === undefined) backoff.reset();
      const waitMs =
        problem === undefined ? lookEveryMs * (0.9 + 0.2 * runtime.random()) : backoff.next();
      await sleep(runtime, waitMs, signal);
    }
  }

  /** Tells why it did not end well. */
  async #look(which: AuthorityName, signal: AbortSignal): Promise<string | undefined> {
    for (let races = 0; races < racesMax; races++) {
      const found = await get(this.#call(signal), this.#object(which));
      if (isRefused(found, "notFound")) {
        const made = await this.#make(which, signal);
        if (isRefused(made, "alreadyExists")) continue;
        return this.#taken(which, made);
      }
      if (found.kind !== "done") return reasonText(found);
      const problem = this.#take(which, found.value);
      if (problem !== undefined) return problem;
      const renewed = await this.#renew(which, found.value, signal);
      if (renewed === undefined) return undefined;
      if (isRefused(renewed, "conflict")) continue;
      return this.#taken(which, renewed);
    }
    return "others write it all the time";
  }

  #call(signal: AbortSignal): Call {
    return { api: this.#parts.api, resource, signal };
  }

  #object(which: AuthorityName): { namespace: string; name: string } {
    const { namespace, installation } = this.#parts;
    return { namespace, name: authoritySecretName(installation, which) };
  }

  #make(which: AuthorityName, signal: AbortSignal): Promise<KubeOutcome<KubeObject>> {
    const { runtime, installation } = this.#parts;
    const before = this.#known.get(which)?.record;
    runtime.log.info("making the Secret of an authority", {
      ...{ authority: which, again: before !== undefined },
    });
    const nowMs = runtime.wallNow();
    const record = before ?? firstRecord(() => this.#newOne(which), nowMs);
    const names = { ...this.#object(which), installation };
    return create(this.#call(signal), secretOf(record, names));
  }

  #newOne(which: AuthorityName): Authority {
    const { runtime } = this.#parts;
    return newAuthority(`holdfast ${which} ${runtime.randomId(4)}`, runtime.wallNow());
  }

  /** Undefined: there is nothing to do, or it is not ours to do. */
  async #renew(
    which: AuthorityName,
    secret: KubeObject,
    signal: AbortSignal,
  ): Promise<KubeOutcome<KubeObject> | undefined> {
    const { runtime, overlapMs = overlapMsDefault, leads } = this.#parts;
    const record = this.#known.get(which)?.record;
    if (record === undefined || !leads()) return undefined;
    const nowMs = runtime.wallNow();
    const step = decideRenewal(record, { nowMs, overlapMs });
    if (step.kind === "wait") return undefined;
    const { kind, why } = step;
    runtime.log.info("renewing an authority", { authority: which, step: kind, why });
    const after = takeStep(record, kind, { nowMs, make: () => this.#newOne(which) });
    return replace(this.#call(signal), withRecord(secret, after));
  }

  #taken(which: AuthorityName, outcome: KubeOutcome<KubeObject>): string | undefined {
    return outcome.kind === "done" ? this.#take(which, outcome.value) : reasonText(outcome);
  }

  /** What was read or written counts from now on. Tells why it cannot be used. */
  #take(which: AuthorityName, secret: KubeObject): string | undefined {
    const read = readRecord(secret);
    if (read.kind === "unusable")
      return `the Secret '${secret.metadata.name}' cannot be used: ${read.problem}`;
    const { record } = read;
    const before = this.#known.get(which);
    const { current } = record;
    const bundle = bundleOf(record);
    this.#known.set(which, {
      ...{ authority: current, bundle, record, expiryMs: expiryMs(current) },
    });
    if (before?.bundle === bundle) return undefined;
    this.#warnOfReplaced(which, before, bundle);
    for (const listener of [...this.#listeners]) listener(which);
    return undefined;
  }

  #warnOfReplaced(which: AuthorityName, before: Known | undefined, bundle: string): void {
    if (before === undefined) return;
    const still = certificatesOf(bundle);
    if (still.includes(certificatesOf(before.bundle)[0] ?? "")) return;
    const { runtime } = this.#parts;
    runtime.log.error(
      "the Secret of an authority was replaced: what the former one issued is trusted no more",
      { authority: which },
    );
  }

  #say(which: AuthorityName, problem: string | undefined): void {
    const before = this.#problems.get(which);
    if (problem === before) return;
    const { log } = this.#parts.runtime;
    if (problem === undefined) this.#problems.delete(which);
    else {
      this.#problems.set(which, problem);
      log.warn("the Secret of an authority could not be read or made", {
        ...{ authority: which, problem },
      });
    }
  }

  *#seen(): AuthoritiesSeen {
    for (const [which, { expiryMs: ends, bundle }] of this.#known)
      yield { which, expiryMs: ends, trusted: certificatesOf(bundle).length };
  }
}
