/**
 * Somebody who has taken what a namespace's sidecar has, and comes to etcd from inside a pod with the client that etcd's own
 * project ships.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { IdentityAnswer } from "#api/identity.ts";
import { stateFolder } from "#operator/injection/template.ts";
import { fetchEtcdProgram } from "#tools/fetch.ts";
import { fileOf, type PodNetwork } from "./inside.ts";
import { sidecarOf } from "./installation.ts";

/** PEM. */
export interface Taken {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** From the memory of the pod's sidecar, which only its own container mounts: what root on the node can do. */
export function takenFrom(pod: string): Taken & { readonly endpoint: string } {
  const file = fileOf(sidecarOf(pod), `${stateFolder}/identity.json`);
  const { answer, key } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly answer: IdentityAnswer;
    readonly key: string;
  };
  const [endpoint = ""] = answer.etcd.endpoints;
  return { ca: answer.etcd.ca ?? "", cert: answer.certificate ?? "", key, endpoint };
}

/** In whose name it is. */
export const nameIn = (certificate: string): string =>
  new X509Certificate(certificate).subject.replace(/^CN=/, "");

export class Intruder {
  readonly #network: PodNetwork;
  readonly #etcdctl: string;
  readonly #args: readonly string[];

  private constructor(network: PodNetwork, etcdctl: string, args: readonly string[]) {
    this.#network = network;
    this.#etcdctl = etcdctl;
    this.#args = args;
  }

  static async come(
    network: PodNetwork,
    taken: Taken & { readonly endpoint: string },
    /** For what etcdctl wants as files. */
    files: string,
  ): Promise<Intruder> {
    const { path: etcdctl } = await fetchEtcdProgram("etcdctl", { version: "3.7" });
    const named = Object.entries({ cacert: taken.ca, cert: taken.cert, key: taken.key });
    const args = [`--endpoints=${taken.endpoint}`, "--command-timeout=5s"];
    for (const [name, pem] of named) {
      const file = path.join(`${files}-${name}.pem`);
      await writeFile(file, pem, { mode: 0o600 });
      args.push(`--${name}=${file}`);
    }
    return new Intruder(network, etcdctl, args);
  }

  /** Undefined: etcd did it. Else what it said. */
  async refused(line: readonly string[], input = ""): Promise<string | undefined> {
    const { code, err, out } = await this.#network.run(
      this.#etcdctl,
      [...this.#args, ...line],
      input,
    );
    return code === 0 ? undefined : `${out}${err}`;
  }

  /** What etcdctl prints; throws what it says. */
  async does(...line: readonly string[]): Promise<string> {
    const { code, err, out } = await this.#network.run(this.#etcdctl, [...this.#args, ...line]);
    if (code !== 0) throw new Error(`etcdctl ${line.join(" ")}: ${err}`);
    return out;
  }
}
