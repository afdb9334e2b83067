/**
 * The certificate that this replica shows to the API server and to sidecars: issued by itself, in memory, from the
 * authority `operator`. A new one takes its place at a third of its life, and at once where another authority issues now; servers
 * take it for their next connection, and those that stand are not disturbed.
 *
 *     using serving = Serving.start(parts);
 *     using attached = serving.secure(server);
 */
import { after, type Runtime, type Timer } from "#core/runtime.ts";
import type { Metrics } from "#host/metrics.ts";
import type { Authorities } from "./authorities.ts";
import { expiryMs } from "./authority-record.ts";
import { declareServing } from "./metrics.ts";
import { skewMs } from "./renewal.ts";
import { issue, keyPem } from "./x509/certificate.ts";

export interface ServingParts {
  readonly authorities: Pick<Authorities, "get" | "onChange">;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  /** The Service that leads to all replicas. */
  readonly service: string;
  readonly namespace: string;
  /** Of a certificate; absent: a week. */
  readonly lifeMs?: number;
}

/** As `tls.Server` has it. */
interface Secured {
  setSecureContext(material: {
    readonly cert: string;
    readonly key: string;
    readonly minVersion: typeof tlsVersionMin;
  }): void;
}

/** All who call are Go's and Node's clients of these years. */
export const tlsVersionMin = "TLSv1.3" as const;
const lifeMsDefault = 7 * 86_400_000;
/** A timer of Node reaches no further than 24 days. */
const timerMsMax = 86_400_000;

interface Shown {
  readonly cert: string;
  readonly key: string;
  readonly untilMs: number;
  readonly renewAtMs: number;
}

export class Serving implements Disposable {
  readonly #parts: ServingParts;
  readonly #listening: Disposable;
  readonly #servers = new Set<Secured>();
  #shown: Shown | undefined;
  #timer: Timer | undefined;

  private constructor(parts: ServingParts) {
    this.#parts = parts;
    this.#listening = parts.authorities.onChange((which) => {
      if (which === "operator") this.#renew();
    });
    declareServing(parts.metrics, () => this.#shown?.untilMs);
    this.#renew();
  }

  static start(parts: ServingParts): Serving {
    return new Serving(parts);
  }

  /** Why nobody can be served; undefined: the certificate is there and good. */
  problem(): string | undefined {
    if (this.#shown === undefined) return "the authority 'operator' was not read or made yet";
    return this.#shown.untilMs > this.#parts.runtime.wallNow()
      ? undefined
      : "the serving certificate has ended";
  }

  /** The server shows the certificate from now on, or as soon as there is one: until then every handshake fails. */
  secure(server: Secured): Disposable {
    this.#servers.add(server);
    this.#show(server);
    return { [Symbol.dispose]: () => void this.#servers.delete(server) };
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
    this.#timer?.cancel();
    this.#servers.clear();
  }

  #renew(): void {
    const { authorities, runtime, lifeMs = lifeMsDefault } = this.#parts;
    const held = authorities.get("operator");
    if (held === undefined) return;
    const nowMs = runtime.wallNow();
    const untilMs = Math.min(nowMs + lifeMs, expiryMs(held.authority));
    const made = issue(held.authority, {
      subject: { name: this.#hosts[0] ?? "" },
      uses: ["server"],
      hosts: this.#hosts,
      validity: { fromMs: nowMs - skewMs, untilMs },
    });
    this.#shown = {
      ...{ cert: made.certificate, key: keyPem(made.key), untilMs },
      renewAtMs: nowMs + (untilMs - nowMs) / 3,
    };
    for (const server of this.#servers) this.#show(server);
    runtime.log.info("the serving certificate was issued", { until: new Date(untilMs) });
    this.#look();
  }

  /** By the wall clock, which may jump and which no timer follows: so it is looked at again and again. */
  #look(): void {
    const { runtime } = this.#parts;
    this.#timer?.cancel();
    const leftMs = (this.#shown?.renewAtMs ?? 0) - runtime.wallNow();
    const waitMs = Math.min(Math.max(leftMs, 1_000), timerMsMax);
    this.#timer = runtime.timer(after(runtime.now(), waitMs), () => {
      if ((this.#shown?.renewAtMs ?? 0) <= runtime.wallNow()) this.#renew();
      else this.#look();
    });
  }

  get #hosts(): readonly string[] {
    const { service, namespace } = this.#parts;
    const inCluster = `${service}.${namespace}`;
    const names = [`${inCluster}.svc`, `${inCluster}.svc.cluster.local`, inCluster];
    return [...names, "127.0.0.1", "localhost"];
  }

  #show(server: Secured): void {
    if (this.#shown === undefined) return;
    const { cert, key } = this.#shown;
    server.setSecureContext({ cert, key, minVersion: tlsVersionMin });
  }
}
