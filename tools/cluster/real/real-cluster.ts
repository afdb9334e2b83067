/**
 * The real rung: what the light one has, and a node that runs containers: scheduler, kubelet, kube-proxy, containerd, and
 * CoreDNS in a pod. For what only a kubelet shows: the order of containers, probes, tokens, logs, kills. Needs root.
 *
 *     await using cluster = await startReal({ folder: path.resolve(".cache/cluster-real") });
 *
 * From outside (that is, from a test) the API, services and pods are reached by their addresses. Images are those that
 * images.ts makes; `importImage` brings others. What is down leaves nothing, and after a crash the next start cleans up.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fetchEtcd } from "#tools/fetch.ts";
import { fetchBuilt } from "#tools/fetch/built.ts";
import type { Say } from "#tools/fetch/step.ts";
import { Component } from "../component.ts";
import { ControlPlane } from "../control-plane.ts";
import type { Kubectl } from "../kubectl.ts";
import { takeDown } from "../take-down.ts";
import { until } from "../until.ts";
import {
  containerdArgs,
  ctr,
  importArchive,
  importImage,
  writeContainerdConfig,
} from "./containerd.ts";
import { imagesOf } from "./images.ts";
import { nameService } from "./name-service.ts";
import { makeNetwork, networkIsThere } from "./network.ts";
import { kubeletArgs, policyArgs, proxyArgs } from "./node.ts";
import { isReal, noteMachine } from "./remains.ts";
import { namespace, networkFile, nodeAddress, nodeName } from "./site.ts";

export interface RealOptions {
  /** Absolute. What it holds of an earlier cluster is taken down. */
  readonly folder: string;
  /** Its processes end with this one; its containers are taken down by the next start. */
  readonly held?: boolean;
  /** Whether NetworkPolicies are enforced; else they are stored, and nobody heeds them. */
  readonly policies?: boolean;
  readonly log?: Say;
}

/** The namespace has all ports to itself. */
const ports = {
  ...{ api: 6443, etcdClient: 2379, etcdPeer: 2380 },
  ...{ controllerManager: 10257, scheduler: 10259 },
} as const;

export class RealCluster implements AsyncDisposable {
  readonly folder: string;
  readonly kubernetesVersion: string;
  /** The folder of Kubernetes' programs, kubectl among them. */
  readonly programs: string;
  readonly #plane: ControlPlane;
  #closed: Promise<void> | undefined;

  private constructor(parts: { plane: ControlPlane; folder: string; kubernetes: Kubernetes }) {
    this.#plane = parts.plane;
    this.folder = parts.folder;
    this.programs = parts.kubernetes.folder;
    this.kubernetesVersion = parts.kubernetes.version;
  }

  /** Resolves when the node is ready and names are answered. Throws `ToolMissing` where a program cannot be had. */
  static async start(options: RealOptions): Promise<RealCluster> {
    const { folder, held = true, policies = false, log } = options;
    const found = {
      etcd: (await fetchEtcd({ version: "3.7", ...(log === undefined ? {} : { log }) })).path,
      kubernetes: await fetchBuilt("kubernetes", log),
      coredns: path.join((await fetchBuilt("coredns", log)).folder, "coredns"),
      policies: policies
        ? path.join((await fetchBuilt("policies", log)).folder, "policies")
        : undefined,
    };
    if (existsSync(folder) && isReal(folder)) await takeDown(folder);
    if (networkIsThere()) {
      throw new Error(
        `A real cluster is up on this machine already, and there can be one (network namespace ${namespace}). End it where it was started: make cluster-down`,
      );
    }
    try {
      const plane = await startParts({ folder, held, ...found });
      return new RealCluster({ plane, folder, kubernetes: found.kubernetes });
    } catch (error) {
      await takeDown(folder);
      throw error;
    }
  }

  get url(): string {
    return this.#plane.url;
  }

  /** Of an administrator. */
  get kubeconfig(): string {
    return this.#plane.pki.kubeconfig("admin");
  }

  get kubectl(): Kubectl {
    return this.#plane.kubectl;
  }

  /** Those of the light rung, `kubelet`, `kube-proxy`, and `policies` where they are enforced: to be killed and started again. */
  component(name: string): Component {
    return this.#plane.component(name);
  }

  ready(): Promise<void> {
    return this.#plane.ready();
  }

  /** An archive of `make image`, for pods that do not pull: with `imagePullPolicy` Never or IfNotPresent. */
  importImage(archive: string): Promise<void> {
    return importArchive(this.folder, archive);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await takeDown(this.folder);
  }
}

export function startReal(options: RealOptions): Promise<RealCluster> {
  return RealCluster.start(options);
}

interface Kubernetes {
  readonly version: string;
  readonly folder: string;
}

interface Parts {
  readonly folder: string;
  readonly held: boolean;
  readonly etcd: string;
  readonly kubernetes: Kubernetes;
  readonly coredns: string;
  /** Absent: they are not enforced. */
  readonly policies: string | undefined;
}

async function startParts(parts: Parts): Promise<ControlPlane> {
  const { folder, held, etcd, kubernetes } = parts;
  await mkdir(path.join(folder, "logs"), { recursive: true });
  await noteMachine(folder);
  await makeNetwork();
  // Both are waited for, also when one fails: what is taken down then must not be joined by what still starts.
  const [controlPlane, containerd] = await Promise.allSettled([
    ControlPlane.start({
      folder,
      held,
      programs: { etcd, kubernetes: kubernetes.folder },
      ports,
      address: nodeAddress,
      node: { name: nodeName, address: nodeAddress },
      network: networkFile,
      controllerManager: true,
      scheduler: true,
    }),
    startContainerd(parts),
  ]);
  if (containerd.status === "rejected") throw containerd.reason;
  if (controlPlane.status === "rejected") throw controlPlane.reason;
  const plane = controlPlane.value;
  const program = (name: string): string => path.join(kubernetes.folder, name);
  const kubelet = plane.add("kubelet", program("kubelet"), await kubeletArgs(folder, plane.pki));
  plane.add("kube-proxy", program("kube-proxy"), await proxyArgs(folder, plane.pki));
  await nodeReady(plane, kubelet);
  if (parts.policies !== undefined) plane.add("policies", parts.policies, policyArgs(plane.pki));
  await plane.kubectl.run(["apply", "-f", "-"], JSON.stringify(nameService));
  const wait = ["wait", "deployment/coredns", "-n", "kube-system", "--timeout=120s"];
  await plane.kubectl.run([...wait, "--for=condition=Available"]);
  return plane;
}

async function startContainerd({ folder, held, coredns }: Parts): Promise<void> {
  await writeContainerdConfig(folder);
  const containerd = Component.start({
    ...{ name: "containerd", program: "containerd", args: containerdArgs(folder) },
    ...{ folder, held, network: networkFile },
  });
  await until("containerd to answer", () => ctr(folder, ["version"]).then(() => true), {
    stillPossible: () => containerd.needRunning(),
  });
  for await (const image of imagesOf(coredns)) await importImage(folder, image);
}

async function nodeReady({ kubectl }: ControlPlane, kubelet: Component): Promise<void> {
  const status = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  await until(
    "the node to be ready",
    async () => (await kubectl.run(["get", "node", nodeName, "-o", status])) === "True",
    { stillPossible: () => kubelet.needRunning() },
  );
}
