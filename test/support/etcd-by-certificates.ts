/** An etcd that lets in by certificates alone: the user is the certificate's common name, and users have no password. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { accessName, rightsOf } from "#operator/etcd-admin/namespace-access.ts";
import {
  issue,
  keyPem,
  makeAuthority,
  type Identity,
} from "#operator/identity/x509/certificate.ts";
import { fetchEtcdProgram } from "#tools/fetch/etcd.ts";
import { EtcdServer } from "./etcd-server.ts";

/** PEM. */
export interface Shown {
  readonly cert: string;
  readonly key: string;
}

const hourMs = 3_600_000;
const validity = () => ({ fromMs: Date.now() - hourMs, untilMs: Date.now() + 24 * hourMs });

export class CertifiedEtcd implements AsyncDisposable {
  readonly server: EtcdServer;
  #authority: Identity;
  #root: Shown;
  readonly #folder: string;
  readonly #etcdctl: string;
  readonly #host: string;

  private constructor(
    server: EtcdServer,
    authority: Identity,
    { folder, etcdctl, host }: { folder: string; etcdctl: string; host: string },
  ) {
    this.server = server;
    this.#authority = authority;
    this.#root = rootBy(authority);
    this.#folder = folder;
    this.#etcdctl = etcdctl;
    this.#host = host;
  }

  /** With users, of which there is only `root`. `host`: where it is reached, besides loopback's names. */
  static async start(host = "127.0.0.1"): Promise<CertifiedEtcd> {
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-certified-"));
    const authority = makeAuthority("clients of the test", validity());
    const files = await writeFiles(folder, authority, host);
    const { path: etcdctl } = await fetchEtcdProgram("etcdctl", { version: "3.7" });
    const tls = { cert: files.cert, key: files.key, clientCa: files.ca };
    const server = await EtcdServer.start({ host, noFsync: true, tls });
    const etcd = new CertifiedEtcd(server, authority, { folder, etcdctl, host });
    for (const line of ["user add root --no-password", "user grant-role root root", "auth enable"])
      await etcd.as(etcd.root, line.split(" "));
    return etcd;
  }

  /** Of everybody's certificates. */
  get authority(): Identity {
    return this.#authority;
  }

  get root(): Shown {
    return this.#root;
  }

  /** It is started again, and knows nothing of what the former authority has issued. */
  async byAnotherAuthority(): Promise<void> {
    this.#authority = makeAuthority("other clients of the test", validity());
    this.#root = rootBy(this.#authority);
    await writeFiles(this.#folder, this.#authority, this.#host);
    await this.server.restart();
  }

  get endpoint(): string {
    return this.server.endpoint;
  }

  /** The user of a namespace, with its role: as the operator makes them. */
  async user(namespace: string): Promise<void> {
    const name = accessName(namespace);
    await this.as(this.root, ["role", "add", name]);
    for (const { access, key, end } of rightsOf(namespace)) {
      await this.as(this.root, [
        "role",
        "grant-permission",
        name,
        access.toLowerCase(),
        key,
        ...(end === "" ? [] : [end]),
      ]);
    }
    await this.as(this.root, ["user", "add", name, "--no-password"]);
    await this.as(this.root, ["user", "grant-role", name, name]);
  }

  /** What etcdctl prints for who shows this certificate; throws what it says. */
  async as({ cert, key }: Shown, args: readonly string[]): Promise<string> {
    const [certFile, keyFile] = [
      path.join(this.#folder, "who.crt"),
      path.join(this.#folder, "who.key"),
    ];
    await writeFile(certFile, cert);
    await writeFile(keyFile, key, { mode: 0o600 });
    const tls = [
      `--cacert=${path.join(this.#folder, "ca.crt")}`,
      `--cert=${certFile}`,
      `--key=${keyFile}`,
    ];
    const { stdout } = await promisify(execFile)(this.#etcdctl, [
      ...[`--endpoints=${this.endpoint}`, ...tls, ...args],
    ]);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function rootBy(authority: Identity): Shown {
  return shown(
    issue(authority, { subject: { name: "root" }, uses: ["client"], validity: validity() }),
  );
}

async function writeFiles(folder: string, authority: Identity, host: string) {
  const serving = issue(authority, {
    ...{ subject: { name: "etcd" }, uses: ["server"], validity: validity() },
    hosts: [...new Set([host, "127.0.0.1", "localhost"])],
  });
  const files = {
    ...{ ca: path.join(folder, "ca.crt"), cert: path.join(folder, "etcd.crt") },
    key: path.join(folder, "etcd.key"),
  };
  await writeFile(files.ca, authority.certificate);
  await writeFile(files.cert, serving.certificate);
  await writeFile(files.key, keyPem(serving.key), { mode: 0o600 });
  return files;
}

function shown({ certificate, key }: Identity): Shown {
  return { cert: certificate, key: keyPem(key) };
}
