/** How etcd is reached: as the options say, or as the operator says to whom it gives an identity. */
import type { Runtime } from "#core/runtime.ts";
import type { Credentials } from "#etcd/credentials.ts";
import type { TlsSource } from "#etcd/tls.ts";
import { credentials, tlsFiles } from "#host/etcd-options.ts";
import type { Metrics } from "#host/metrics.ts";
import type { Die } from "#host/program.ts";
import type { Identity } from "./identity/identity.ts";
import type { SidecarOptions } from "./options.ts";

export interface EtcdAccess {
  readonly endpoints: readonly string[];
  readonly tls: TlsSource | undefined;
  readonly auth: Credentials | undefined;
  readonly sessionTtlMs: number;
  /** Undefined: nobody gives one. */
  readonly identity: Identity | undefined;
}

/** Nobody gave an identity in time; the message names the step. It ends the process. */
export class IdentityRefused extends Error {
  override readonly name = "IdentityRefused";
}

export interface AccessParts {
  readonly options: SidecarOptions;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly onBug: Die;
}

/** Throws IdentityRefused, or the signal's reason. */
export async function etcdAccess(parts: AccessParts, signal: AbortSignal): Promise<EtcdAccess> {
  const { options, runtime } = parts;
  const { identity: url, identityTrust: trust, identityToken: tokenFile, stateFolder } = options;
  const { sessionTtl: sessionTtlMs } = options;
  if (url === undefined || trust === undefined || tokenFile === undefined)
    return {
      ...{ endpoints: options.etcdEndpoints, tls: tlsFiles(options) },
      ...{ auth: credentials(options, runtime.log), sessionTtlMs, identity: undefined },
    };
  const { Identity, NoIdentity } = await import("./identity/identity.ts");
  try {
    const identity = await Identity.start(
      {
        ...{ runtime, metrics: parts.metrics, namespace: options.namespace, url, trust, tokenFile },
        ...{ folder: stateFolder ?? "", waitMs: options.identityWait, onFailure: parts.onBug },
      },
      signal,
    );
    return {
      ...{ endpoints: identity.endpoints, tls: identity.tls, auth: identity.credentials },
      // The operator waits for no longer session than that.
      ...{ sessionTtlMs: Math.min(sessionTtlMs, identity.sessionTtlMs), identity },
    };
  } catch (error) {
    if (!(error instanceof NoIdentity)) throw error;
    const { leaveWords } = await import("./identity/last-words.ts");
    await leaveWords(options.terminationLog, error.message, runtime.log);
    throw new IdentityRefused(error.message, { cause: error });
  }
}
