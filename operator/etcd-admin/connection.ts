/**
 * One endpoint of etcd, spoken to by etcd3: for the operator's cold calls only. What etcd3 does by itself is turned off:
 *
 * - its fault handling: it repeats what must not be repeated, and stops calling for five seconds after three failures;
 * - its choice of a host by chance: one client has one host, so that it is known who answered;
 * - its logins: it leaks a client for each. We log in by a plain call, and put the token into each call by an interceptor;
 * - its endless repetition where a token is not known: its words are replaced before etcd3 sees them.
 */
import { rootCertificates } from "node:tls";
import { Etcd3, type CallOptionsFactory, type IOptions } from "etcd3";
import type { Runtime } from "#core/runtime.ts";
import { Tokens, type Credentials } from "#etcd/credentials.ts";
import {
  adminDone,
  badTokenText,
  interpret,
  isRefusedBy,
  notLeading,
  type AdminOutcome,
} from "./outcome.ts";

type FaultHandling = NonNullable<IOptions["faultHandling"]>;
type Policy = NonNullable<FaultHandling["global"]>;
export type CallOptions = Exclude<CallOptionsFactory, (...args: never[]) => unknown>;
type Interceptor = NonNullable<CallOptions["interceptors"]>[number];

/** PEM. */
export interface AdminTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface AdminAccess {
  readonly endpoints: readonly string[];
  readonly tls: AdminTls;
  readonly credentials?: Credentials;
}

/** Under what a call is made. */
export interface Leave {
  /** Ends the wait at once, with its reason; what was sent may be done all the same. */
  readonly signal?: AbortSignal;
  /** Whether this process may change etcd now: asked right before each sending. Absent: the call changes nothing. */
  readonly mayAct?: () => boolean;
}

/** Of one call, its login included twice at most; less than the next leader waits after the last one's end. */
const callMs = 3_000;
/** Tries of one call: a token that is not known, a change of users meanwhile. */
const triesMax = 3;

/** Does what it is handed, once. */
const once = {
  execute: (work: (context: { signal: AbortSignal }) => unknown) =>
    work({ signal: new AbortController().signal }),
} as unknown as Policy;

const channel = {
  // Else a channel of the same address passes on its back-off, which grows to minutes, to a new client.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // etcd is near: a proxy for the internet must not see its passwords.
  "grpc.enable_http_proxy": 0,
};

export class AdminConnection {
  readonly endpoint: string;
  readonly #client: Etcd3;
  readonly #runtime: Runtime;
  readonly #tokens: Tokens;
  /** The token that was refused last. */
  #spent: string | undefined;

  constructor(endpoint: string, access: AdminAccess, runtime: Runtime) {
    this.endpoint = endpoint;
    this.#runtime = runtime;
    this.#tokens = new Tokens(access.credentials);
    this.#client = new Etcd3({
      hosts: endpoint,
      faultHandling: { global: once, host: () => once },
      grpcOptions: channel,
      ...(endpoint.startsWith("https:") && { credentials: tlsOf(access.tls) }),
    });
  }

  /** Makes the call, as the admin, with a deadline. Rejects with the signal's reason alone. */
  async ask<T>(
    call: (client: Etcd3, options: CallOptions) => Promise<T>,
    { signal, mayAct }: Leave = {},
  ): Promise<AdminOutcome<T>> {
    for (let tries = 1; ; tries++) {
      const login = await unlessAborted(signal, () => this.#login());
      if (login.kind !== "done") return login;
      const { token } = this.#tokens;
      if (mayAct?.() === false) return notLeading;
      const outcome = await unlessAborted(signal, () => this.#once(call, token));
      const again = isRefusedBy(outcome, "staleAuth", "badToken");
      if (!again || tries === triesMax) return outcome;
      if (isRefusedBy(outcome, "badToken")) this.#spent = token;
    }
  }

  close(): void {
    this.#client.close();
  }

  async #login(): Promise<AdminOutcome<void>> {
    if (!this.#tokens.renewable) return adminDone(undefined);
    try {
      const stale = this.#tokens.token;
      if (stale === undefined || stale === this.#spent)
        await this.#tokens.renew(stale, async ({ user, password }) => {
          const options = this.#options(undefined);
          const request = { name: user, password };
          const { token } = await this.#client.auth.authenticate(request, options);
          return token;
        });
      return adminDone(undefined);
    } catch (error) {
      const outcome = interpret(error);
      // Users are off: whoever comes is an admin.
      return isRefusedBy(outcome, "authOff") ? adminDone(undefined) : outcome;
    }
  }

  async #once<T>(
    call: (client: Etcd3, options: CallOptions) => Promise<T>,
    token: string | undefined,
  ): Promise<AdminOutcome<T>> {
    try {
      return adminDone(await call(this.#client, this.#options(token)));
    } catch (error) {
      return interpret(error);
    }
  }

  #options(token: string | undefined): CallOptions {
    const deadline = this.#runtime.wallNow() + callMs;
    return { deadline, interceptors: [withToken(token)] };
  }
}

/** What `work` comes to after that is nobody's; it never rejects. */
function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", leave, { once: true });
    const settled = (): void => {
      signal.removeEventListener("abort", leave);
    };
    void work().then(resolve, reject).finally(settled);
  });
}

function withToken(token: string | undefined): Interceptor {
  return (options, next) => {
    const call = next(options);
    const start = call.start.bind(call);
    call.start = (metadata, listener) => {
      if (token !== undefined) metadata.set("token", token);
      start(metadata, {
        onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
        onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
        onReceiveStatus: (status) => {
          const bad = status.details.includes("invalid auth token");
          listener?.onReceiveStatus?.(bad ? { ...status, details: badTokenText } : status);
        },
      });
    };
    // Its class is not ours to name, and nothing but its methods is used.
    return call as unknown as ReturnType<Interceptor>;
  };
}

function tlsOf({ ca, cert, key }: AdminTls): NonNullable<IOptions["credentials"]> {
  return {
    rootCertificate: ca ?? Buffer.from(rootCertificates.join("\n")),
    ...(key !== undefined && { privateKey: key }),
    ...(cert !== undefined && { certChain: cert }),
  };
}
