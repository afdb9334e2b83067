/**
 * What every rung has: etcd, the API server, the controller manager, and with a kubelet the scheduler. Started in this
 * order, ended in reverse and without a goodbye: the API server's takes 15 s, and what counts is in etcd.
 */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import https from "node:https";
import path from "node:path";
import { auditArgs, writeAuditPolicy } from "./audit.ts";
import { Component } from "./component.ts";
import { Kubectl } from "./kubectl.ts";
import { ClusterPki } from "./pki/cluster-pki.ts";
import { until } from "./until.ts";

export interface Programs {
  readonly etcd: string;
  /** The folder of Kubernetes' programs. */
  readonly kubernetes: string;
}

export interface Ports {
  readonly api: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
}

export interface ControlPlanePlan {
  /** Holds all that the cluster writes. */
  readonly folder: string;
  readonly programs: Programs;
  readonly ports: Ports;
  /** Where the API server listens, and where clients find it. */
  readonly address: string;
  readonly held: boolean;
  readonly controllerManager: boolean;
  readonly scheduler: boolean;
  /** With a kubelet: how it is known, and further arguments of the API server. */
  readonly node?: { readonly name: string; readonly address: string };
  readonly network?: string;
  /** Users whose requests are written down. */
  readonly audit?: readonly string[];
}

export const serviceRange = "10.96.0.0/16";
/** The first of the range is the API server's own. */
const apiServiceAddress = "10.96.0.1";
const answerWithinMs = 5_000;

export class ControlPlane implements AsyncDisposable {
  readonly url: string;
  readonly etcdUrl: string;
  readonly kubectl: Kubectl;
  readonly pki: ClusterPki;
  readonly #plan: ControlPlanePlan;
  /** In the order in which they were started. */
  readonly #components: Component[] = [];
  #closed: Promise<void> | undefined;

  private constructor(plan: ControlPlanePlan, pki: ClusterPki) {
    this.#plan = plan;
    this.pki = pki;
    this.url = urlOf(plan);
    this.etcdUrl = `http://127.0.0.1:${plan.ports.etcdClient}`;
    this.kubectl = new Kubectl({
      program: path.join(plan.programs.kubernetes, "kubectl"),
      kubeconfig: pki.kubeconfig("admin"),
      folder: plan.folder,
    });
  }

  /** Resolves when the API server is ready and, with a controller manager, the default service account is there. */
  static async start(plan: ControlPlanePlan): Promise<ControlPlane> {
    await mkdir(path.join(plan.folder, "logs"), { recursive: true });
    const pki = await ClusterPki.make({
      folder: path.join(plan.folder, "pki"),
      apiUrl: urlOf(plan),
      apiHosts: [
        ...["kubernetes", "kubernetes.default", "kubernetes.default.svc"],
        ...["kubernetes.default.svc.cluster.local", "localhost"],
        ...new Set(["127.0.0.1", plan.address, apiServiceAddress]),
      ],
      ...(plan.node === undefined ? {} : { node: plan.node }),
    });
    if (plan.audit !== undefined) await writeAuditPolicy(plan.folder, plan.audit);
    const plane = new ControlPlane(plan, pki);
    try {
      await plane.#startAll();
      return plane;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  /** By its name: `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, and what a rung has added. */
  component(name: string): Component {
    const found = this.#components.find((each) => each.name === name);
    if (found === undefined) throw new Error(`this cluster has no ${name}`);
    return found;
  }

  /** Starts a further process beside the others; it is closed with them. */
  add(name: string, program: string, args: readonly string[]): Component {
    const { folder, held, network } = this.#plan;
    const component = Component.start({ name, program, args, folder, held, network });
    this.#components.push(component);
    return component;
  }

  async ready(): Promise<void> {
    await until("the API server to be ready", () => this.#answers("/readyz"), {
      stillPossible: () => {
        for (const component of this.#components) component.needRunning();
      },
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const component of this.#components.toReversed()) await component.kill();
  }

  async #startAll(): Promise<void> {
    const { programs, controllerManager, scheduler } = this.#plan;
    const kubernetes = (name: string): string => path.join(programs.kubernetes, name);
    this.add("etcd", programs.etcd, etcdArgs(this.#plan));
    this.add("kube-apiserver", kubernetes("kube-apiserver"), apiServerArgs(this.#plan, this.pki));
    await this.ready();
    if (controllerManager) {
      const args = controllerManagerArgs(this.#plan, this.pki);
      this.add("kube-controller-manager", kubernetes("kube-controller-manager"), args);
    }
    if (scheduler) {
      this.add("kube-scheduler", kubernetes("kube-scheduler"), schedulerArgs(this.#plan, this.pki));
    }
    if (!controllerManager) return;
    const account = "/api/v1/namespaces/default/serviceaccounts/default";
    await until("the default service account", () => this.#answers(account), {
      stillPossible: () => this.component("kube-controller-manager").needRunning(),
    });
  }

  #answers(place: string): Promise<boolean> {
    const { pki } = this;
    return new Promise((resolve, reject) => {
      const request = https.get(
        `${this.url}${place}`,
        {
          agent: false,
          ca: readFileSync(pki.cert("ca")),
          cert: readFileSync(pki.cert("admin")),
          key: readFileSync(pki.key("admin")),
          timeout: answerWithinMs,
        },
        (response) => {
          response.resume();
          response.once("close", () => {
            resolve(response.statusCode === 200);
          });
        },
      );
      request.once("timeout", () => request.destroy(new Error(`no answer from ${place}`)));
      request.once("error", reject);
    });
  }
}

const urlOf = ({ address, ports }: ControlPlanePlan): string => `https://${address}:${ports.api}`;

function etcdArgs({ folder, ports }: ControlPlanePlan): string[] {
  const client = `http://127.0.0.1:${ports.etcdClient}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    ...["--name=cluster", `--data-dir=${path.join(folder, "etcd")}`],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    // Nobody keeps this cluster over a crash of the machine; over one of etcd itself it is kept.
    ...[`--initial-cluster=cluster=${peer}`, "--unsafe-no-fsync", "--log-level=warn"],
  ];
}

function apiServerArgs(
  { ports, address, node, folder, audit }: ControlPlanePlan,
  pki: ClusterPki,
): string[] {
  return [
    ...(audit === undefined ? [] : auditArgs(folder)),
    `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
    ...[`--bind-address=${node === undefined ? address : "0.0.0.0"}`],
    ...[`--secure-port=${ports.api}`, `--advertise-address=${address}`],
    ...[`--tls-cert-file=${pki.cert("apiserver")}`],
    ...[`--tls-private-key-file=${pki.key("apiserver")}`, `--client-ca-file=${pki.cert("ca")}`],
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${pki.key("service-account")}`,
    ...[`--service-cluster-ip-range=${serviceRange}`, "--profiling=false"],
    `--requestheader-client-ca-file=${pki.cert("front-proxy-ca")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    `--proxy-client-cert-file=${pki.cert("front-proxy")}`,
    `--proxy-client-key-file=${pki.key("front-proxy")}`,
    // Without a node nobody could reach the API server's own service, and loopback is refused as its endpoint.
    ...(node === undefined
      ? ["--authorization-mode=RBAC", "--endpoint-reconciler-type=none"]
      : [
          ...["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"],
          `--kubelet-client-certificate=${pki.cert("apiserver-kubelet")}`,
          `--kubelet-client-key=${pki.key("apiserver-kubelet")}`,
          `--kubelet-certificate-authority=${pki.cert("ca")}`,
          ...["--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true"],
        ]),
  ];
}

function controllerManagerArgs({ ports }: ControlPlanePlan, pki: ClusterPki): string[] {
  return [
    ...asUser(pki.kubeconfig("controller-manager"), ports.controllerManager),
    "--use-service-account-credentials=true",
    `--root-ca-file=${pki.cert("ca")}`,
    `--service-account-private-key-file=${pki.key("service-account")}`,
    `--cluster-signing-cert-file=${pki.cert("ca")}`,
    `--cluster-signing-key-file=${pki.key("ca")}`,
    // It takes one token for each of its controllers first: at the usual 20 a second that is 6 s, so it is 0.7 s.
    ...["--kube-api-qps=500", "--kube-api-burst=1000"],
  ];
}

function schedulerArgs({ ports }: ControlPlanePlan, pki: ClusterPki): string[] {
  return asUser(pki.kubeconfig("scheduler"), ports.scheduler);
}

/** There is one of each, so nobody has to be elected. */
function asUser(kubeconfig: string, port: number): string[] {
  return [
    ...[`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`],
    ...[`--authorization-kubeconfig=${kubeconfig}`, "--leader-elect=false", "--profiling=false"],
    ...["--bind-address=127.0.0.1", `--secure-port=${port}`],
  ];
}
