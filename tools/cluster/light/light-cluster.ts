/**
 * The light rung: etcd, an API server and, where asked for, the controller manager, on free ports of loopback and in a
 * folder of its own. No root, no kubelet: it shows what the API does (schemas, CEL, admission, RBAC, server-side apply),
 * in a few seconds, and several stand side by side.
 *
 *     await using cluster = await startLight({ controllerManager: false });
 *     await cluster.kubectl.run(["apply", "--server-side", "-f", "crds"]);
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fetchEtcd } from "#tools/fetch.ts";
import { fetchBuilt, type Built, type BuiltName } from "#tools/fetch/built.ts";
import type { Say } from "#tools/fetch/step.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import type { Component } from "../component.ts";
import { readAudit, type AuditedRequest } from "../audit.ts";
import { ControlPlane } from "../control-plane.ts";
import type { ClusterPki } from "../pki/cluster-pki.ts";
import type { Kubectl } from "../kubectl.ts";

export interface LightOptions {
  /** Absent: the newest. */
  readonly kubernetes?: Extract<BuiltName, `kubernetes${string}`>;
  /** Makes default service accounts, collects garbage, empties namespaces. Without it an API server starts sooner. */
  readonly controllerManager?: boolean;
  /** Binds pods to nodes, of which there are none unless a test makes them. */
  readonly scheduler?: boolean;
  /** Whose requests are written down, by the names that the API server knows users by: see {@link LightCluster.audited}. */
  readonly audit?: readonly string[];
  /** Absent: one that goes with the cluster. */
  readonly folder?: string;
  /** Its processes end with this one. */
  readonly held?: boolean;
  readonly log?: Say;
}

const startTriesMax = 5;

export function startLight(options: LightOptions = {}): Promise<LightCluster> {
  return LightCluster.start(options);
}

export class LightCluster implements AsyncDisposable {
  readonly folder: string;
  readonly kubernetesVersion: string;
  /** The folder of Kubernetes' programs, kubectl among them. */
  readonly programs: string;
  readonly #plane: ControlPlane;
  readonly #ports: readonly number[];
  readonly #ownsFolder: boolean;
  #closed: Promise<void> | undefined;

  private constructor(parts: {
    plane: ControlPlane;
    folder: string;
    ownsFolder: boolean;
    ports: readonly number[];
    kubernetes: Built;
  }) {
    this.#plane = parts.plane;
    this.folder = parts.folder;
    this.#ownsFolder = parts.ownsFolder;
    this.#ports = parts.ports;
    this.kubernetesVersion = parts.kubernetes.version;
    this.programs = parts.kubernetes.folder;
  }

  /** Throws `ToolMissing` where etcd or Kubernetes cannot be had. */
  static async start(options: LightOptions): Promise<LightCluster> {
    const log = options.log === undefined ? {} : { log: options.log };
    const etcd = await fetchEtcd({ version: "3.7", ...log });
    const kubernetes = await fetchBuilt(options.kubernetes ?? "kubernetes", options.log);
    for (let tries = 1; ; tries++) {
      try {
        return await LightCluster.#startOnce(options, { etcd: etcd.path, kubernetes });
      } catch (error) {
        // Somebody took a port between our look and our use of it: others are free.
        const clash = (error as Error).message.includes("address already in use");
        if (!clash || tries === startTriesMax) throw error;
      }
    }
  }

  static async #startOnce(
    { controllerManager = true, scheduler = false, held = true, folder: kept, audit }: LightOptions,
    { etcd, kubernetes }: { readonly etcd: string; readonly kubernetes: Built },
  ): Promise<LightCluster> {
    const folder = kept ?? (await mkdtemp(path.join(tmpdir(), "holdfast-cluster-")));
    const ports = await freePorts(5);
    const [api = 0, etcdClient = 0, etcdPeer = 0, managerPort = 0, schedulerPort = 0] = ports;
    try {
      const plane = await ControlPlane.start({
        folder,
        programs: { etcd, kubernetes: kubernetes.folder },
        ports: {
          ...{ api, etcdClient, etcdPeer },
          ...{ controllerManager: managerPort, scheduler: schedulerPort },
        },
        address: "127.0.0.1",
        ...{ held, controllerManager, scheduler },
        ...(audit !== undefined && { audit }),
      });
      const ownsFolder = kept === undefined;
      return new LightCluster({ plane, folder, ownsFolder, ports, kubernetes });
    } catch (error) {
      giveBack(ports);
      if (kept === undefined) await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return this.#plane.url;
  }

  /** Of the API server's own etcd. */
  get etcdUrl(): string {
    return this.#plane.etcdUrl;
  }

  get pki(): ClusterPki {
    return this.#plane.pki;
  }

  /** Of an administrator. */
  get kubeconfig(): string {
    return this.#plane.pki.kubeconfig("admin");
  }

  /** Paths of PEM files. */
  get admin(): { readonly ca: string; readonly cert: string; readonly key: string } {
    const { pki } = this.#plane;
    return { ca: pki.cert("ca"), cert: pki.cert("admin"), key: pki.key("admin") };
  }

  get kubectl(): Kubectl {
    return this.#plane.kubectl;
  }

  /** `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`: to be killed and started again. */
  component(name: string): Component {
    return this.#plane.component(name);
  }

  /** The requests of the users in `audit` that were answered, in the order of their answers. */
  audited(): Promise<AuditedRequest[]> {
    return readAudit(this.folder);
  }

  /** Waits until the API server is ready, such as after it was started again. */
  ready(): Promise<void> {
    return this.#plane.ready();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#plane.close();
    giveBack(this.#ports);
    if (this.#ownsFolder) await rm(this.folder, { recursive: true, force: true });
  }
}
