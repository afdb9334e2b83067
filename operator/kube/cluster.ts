/**
 * Which API server, and who we are to it: what client-node's KubeConfig finds, and nothing else of client-node.
 *
 * Files (kubeconfig, authority, token, client certificate) are read again while requests are made, at most every
 * `freshMs`, and at once when the server says that it does not know us: a token of a service account is replaced
 * every hour, and an old one is refused. A file that cannot be read, or is half written, leaves us with what we had.
 * Plugins (`exec`, OIDC) keep what they got until it ends, or is refused.
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { RequestOptions } from "node:https";
import { KubeConfig, type Cluster as ClusterEntry, type User } from "@kubernetes/client-node";
import { textOf } from "#core/json.ts";
import { after, type Instant, type Runtime } from "#core/runtime.ts";
import { recordOf } from "./errors.ts";

/** How old what was read may be. */
const freshMs = 10_000;
/** Who is refused over and over does not read files, or run plugins, more often. */
const refusedMs = 1_000;

/** What one connection and one request need. */
export interface Access {
  /** Without a slash at its end. */
  readonly server: string;
  /** Of the server, with its port: a label of metrics. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Two of the same mark may share connections. */
  readonly tlsMark: string;
}

export interface TlsMaterial {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** The kubeconfig says what we cannot do, or nothing at all. The message says what to do. */
export class ClusterRefused extends Error {
  override readonly name = "ClusterRefused";
}

export type LoadConfig = () => KubeConfig;

/** The pod's own service account. */
export function configOfPod(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

/** `context` absent: the file's current one. */
export function configOfFile(path: string, context?: string): LoadConfig {
  return () => {
    const config = new KubeConfig();
    config.loadFromFile(path);
    if (context !== undefined) config.setCurrentContext(context);
    return config;
  };
}

interface Read {
  readonly access: Access;
  readonly config: KubeConfig;
  readonly at: Instant;
}

export class Cluster {
  readonly #load: LoadConfig;
  readonly #runtime: Runtime;
  #read: Read | undefined;
  #reading: Promise<Read> | undefined;

  constructor(load: LoadConfig, runtime: Runtime) {
    this.#load = load;
    this.#runtime = runtime;
  }

  /** Empty before anything was read. */
  get host(): string {
    return this.#read?.access.host ?? "";
  }

  /** Throws where there never was a readable configuration, {@link ClusterRefused} among other things. */
  async access(): Promise<Access> {
    const now = this.#runtime.now();
    if (this.#read !== undefined && now < after(this.#read.at, freshMs)) return this.#read.access;
    return this.#again(false);
  }

  /** The server does not know who came with `stale`: what to come with next. The same object: there is nothing newer. */
  async renewed(stale: Access): Promise<Access> {
    const read = this.#read;
    if (read !== undefined && read.access !== stale) return read.access;
    if (read !== undefined && this.#runtime.now() < after(read.at, refusedMs)) return stale;
    const access = await this.#again(true);
    return sameCredentials(access, stale) ? stale : access;
  }

  async #again(refused: boolean): Promise<Access> {
    this.#reading ??= this.#readAll(refused).finally(() => (this.#reading = undefined));
    const read = await this.#reading;
    return read.access;
  }

  async #readAll(refused: boolean): Promise<Read> {
    const before = this.#read;
    try {
      const anew = refused || before === undefined || !hasPlugin(before.config);
      const config = anew ? this.#load() : before.config;
      this.#read = { access: await accessOf(config), config, at: this.#runtime.now() };
    } catch (error) {
      if (before === undefined) throw error;
      this.#runtime.log.warn("the kubeconfig cannot be read; what was read before is used", {
        error,
      });
      this.#read = { ...before, at: this.#runtime.now() };
    }
    return this.#read;
  }
}

async function accessOf(config: KubeConfig): Promise<Access> {
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new ClusterRefused(
      `The kubeconfig's context '${config.getCurrentContext()}' names no cluster. Set current-context, or choose one.`,
    );
  checkServer(cluster);
  const user = config.getCurrentUser();
  // Reads the files and asks the plugins; the agent that it makes, too, is never used.
  const options: RequestOptions & { headers: Record<string, unknown> } = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const headers = Object.fromEntries(
    Object.entries(options.headers).map(([name, value]) => [name, String(value)]),
  );
  const token = tokenOfFile(user);
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  else if (typeof options.auth === "string")
    headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  const tls = tlsOf(options);
  const server = cluster.server.replace(/\/+$/, "");
  return { server, host: new URL(server).host, headers, tls, tlsMark: markOf(tls) };
}

function checkServer({ server, proxyUrl }: ClusterEntry): void {
  if (!/^https?:\/\//.test(server))
    throw new ClusterRefused(`The kubeconfig's server '${server}' is no http(s) URL.`);
  if (proxyUrl !== undefined && proxyUrl !== null && proxyUrl !== "")
    throw new ClusterRefused(
      "The kubeconfig sets proxy-url, which is not supported. Use a context that reaches the API server directly.",
    );
}

/** client-node reads it again after a minute; a token that was replaced is wanted now. */
function tokenOfFile(user: User | null): string | undefined {
  const file = tokenFileOf(recordOf(user?.authProvider));
  return file === undefined ? undefined : readFileSync(file, "utf8").trim();
}

/** Throws where certificate and key do not belong together, as while they are being replaced one after the other. */
function tlsOf(options: RequestOptions): TlsMaterial {
  const tls: TlsMaterial = {
    ...(isPem(options.ca) && { ca: options.ca }),
    ...(isPem(options.cert) && { cert: options.cert }),
    ...(isPem(options.key) && { key: options.key }),
    ...(options.servername !== undefined && { servername: options.servername }),
    ...(options.rejectUnauthorized !== undefined && {
      rejectUnauthorized: options.rejectUnauthorized,
    }),
  };
  createSecureContext(tls);
  return tls;
}

const isPem = (value: unknown): value is Buffer | string =>
  typeof value === "string" || Buffer.isBuffer(value);

function markOf(tls: TlsMaterial): string {
  return JSON.stringify([
    tls.ca?.toString(),
    tls.cert?.toString(),
    tls.key?.toString(),
    tls.servername,
    tls.rejectUnauthorized,
  ]);
}

function hasPlugin(config: KubeConfig): boolean {
  const user = config.getCurrentUser();
  const provider = recordOf(user?.authProvider);
  const plugin = Object.keys(provider).length > 0 && tokenFileOf(provider) === undefined;
  return plugin || Object.keys(recordOf(user?.exec)).length > 0;
}

const tokenFileOf = (provider: Readonly<Record<string, unknown>>): string | undefined =>
  textOf(recordOf(provider["config"])["tokenFile"]);

function sameCredentials(a: Access, b: Access): boolean {
  return a.tlsMark === b.tlsMark && JSON.stringify(a.headers) === JSON.stringify(b.headers);
}
