/** All keys, certificates and kubeconfigs of one cluster, in one folder, under the names that the components are told. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import {
  issue as issueUntil,
  keyPem,
  makeAuthority,
  type Identity,
  type Subject,
  type Use,
} from "#operator/identity/x509/certificate.ts";

export interface PkiPlan {
  readonly folder: string;
  /** How clients reach the API server. */
  readonly apiUrl: string;
  /** Names and addresses under which the API server is known. */
  readonly apiHosts: readonly string[];
  readonly node?: { readonly name: string; readonly address: string };
}

const users = {
  admin: { name: "holdfast-admin", group: "system:masters" },
  "controller-manager": { name: "system:kube-controller-manager" },
  scheduler: { name: "system:kube-scheduler" },
  proxy: { name: "system:kube-proxy" },
} as const;

const dayMs = 24 * 3_600_000;

/** From yesterday: a clock that is a little off must not matter. Who keeps a cluster for a year makes it anew. */
function aYear() {
  const now = Date.now();
  return { fromMs: now - dayMs, untilMs: now + 365 * dayMs };
}

const authority = (name: string): Identity => makeAuthority(name, aYear());

/** `use`: a client, or the names and addresses of a server. */
function issue(by: Identity, subject: Subject, use: "client" | readonly string[]): Identity {
  const forServer = typeof use !== "string";
  const uses: readonly Use[] = [forServer ? "server" : "client"];
  return issueUntil(by, { subject, uses, hosts: forServer ? use : [], validity: aYear() });
}

export type User = keyof typeof users | "kubelet";

export class ClusterPki {
  readonly #folder: string;
  readonly #apiHosts: readonly string[];

  private constructor({ folder, apiHosts }: PkiPlan) {
    this.#folder = folder;
    this.#apiHosts = apiHosts;
  }

  static async make(plan: PkiPlan): Promise<ClusterPki> {
    const { folder, apiUrl, apiHosts, node } = plan;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const pki = new ClusterPki(plan);
    const ca = authority("holdfast-cluster");
    const front = authority("holdfast-cluster-front-proxy");
    await pki.#keep("ca", ca);
    await pki.#keep("front-proxy-ca", front);
    await pki.#keep("apiserver", issue(ca, { name: "kube-apiserver" }, apiHosts));
    const toKubelet = { name: "kube-apiserver-kubelet-client", group: "system:masters" };
    await pki.#keep("apiserver-kubelet", issue(ca, toKubelet, "client"));
    await pki.#keep("front-proxy", issue(front, { name: "front-proxy-client" }, "client"));
    for (const [user, subject] of Object.entries(users)) {
      await pki.#user(user as User, { ca, apiUrl, identity: issue(ca, subject, "client") });
    }
    if (node !== undefined) {
      const subject = { name: `system:node:${node.name}`, group: "system:nodes" };
      await pki.#user("kubelet", { ca, apiUrl, identity: issue(ca, subject, "client") });
      const hosts = [node.name, node.address, "127.0.0.1"];
      await pki.#keep("kubelet-serving", issue(ca, subject, hosts));
    }
    await pki.#serviceAccountKeys();
    return pki;
  }

  cert(name: string): string {
    return path.join(this.#folder, `${name}.crt`);
  }

  key(name: string): string {
    return path.join(this.#folder, `${name}.key`);
  }

  kubeconfig(user: User): string {
    return path.join(this.#folder, `${user}.kubeconfig`);
  }

  /** The public half of the key that signs the tokens of service accounts. */
  get serviceAccountPublicKey(): string {
    return path.join(this.#folder, "service-account.pub");
  }

  /**
   * A new authority, by which the API server's certificate is issued anew: in force when that is started again. Administrators
   * trust both, everybody else still only the old one. The new authority, as PEM.
   */
  async rotate(): Promise<string> {
    const before = await readFile(this.cert("ca"), "utf8");
    const next = authority("holdfast-cluster-next");
    await this.#keep("apiserver", issue(next, { name: "kube-apiserver" }, this.#apiHosts));
    const both = before + next.certificate;
    await writeFile(this.cert("ca"), both);
    const encoded = (text: string): string => Buffer.from(text).toString("base64");
    const config = await readFile(this.kubeconfig("admin"), "utf8");
    await writeFile(this.kubeconfig("admin"), config.replace(encoded(before), encoded(both)));
    return next.certificate;
  }

  async #keep(name: string, { certificate, key }: Identity): Promise<void> {
    await writeFile(this.cert(name), certificate);
    await writeFile(this.key(name), keyPem(key), { mode: 0o600 });
  }

  async #user(
    user: User,
    { ca, apiUrl, identity }: { ca: Identity; apiUrl: string; identity: Identity },
  ): Promise<void> {
    await this.#keep(user, identity);
    const encoded = (text: string): string => Buffer.from(text).toString("base64");
    const cluster = { server: apiUrl, "certificate-authority-data": encoded(ca.certificate) };
    const credentials = {
      "client-certificate-data": encoded(identity.certificate),
      "client-key-data": encoded(keyPem(identity.key)),
    };
    const name = "holdfast";
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster }],
      users: [{ name: user, user: credentials }],
      contexts: [{ name, context: { cluster: name, user } }],
      "current-context": name,
    };
    await writeFile(this.kubeconfig(user), stringify(config, { lineWidth: 0 }), { mode: 0o600 });
  }

  async #serviceAccountKeys(): Promise<void> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writeFile(this.key("service-account"), keyPem(privateKey), { mode: 0o600 });
    const spki = createPublicKey(privateKey).export({ type: "spki", format: "pem" });
    await writeFile(this.serviceAccountPublicKey, spki);
  }
}
