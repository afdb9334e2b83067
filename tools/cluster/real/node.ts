/** What makes a machine a node: the kubelet and kube-proxy, with what they must be told on a machine like ours. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import { serviceRange } from "../control-plane.ts";
import type { ClusterPki } from "../pki/cluster-pki.ts";
import { socketIn } from "./containerd.ts";
import { dnsAddress, domain, nodeAddress, nodeName, podRange } from "./site.ts";

export async function kubeletArgs(folder: string, pki: ClusterPki): Promise<string[]> {
  const own = path.join(folder, "kubelet");
  await mkdir(own, { recursive: true });
  // Pods get no name server of the machine: there is no way to one.
  await writeFile(path.join(folder, "resolv.conf"), "");
  const config = path.join(folder, "kubelet.yaml");
  await writeFile(config, stringify(kubeletConfig(folder, pki)));
  return [
    ...[`--config=${config}`, `--kubeconfig=${pki.kubeconfig("kubelet")}`],
    ...[`--root-dir=${own}`, `--cert-dir=${path.join(own, "pki")}`],
    ...[`--hostname-override=${nodeName}`, `--node-ip=${nodeAddress}`],
  ];
}

function kubeletConfig(folder: string, pki: ClusterPki): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: nodeAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki.cert("ca") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: pki.cert("kubelet-serving"),
    tlsPrivateKeyFile: pki.key("kubelet-serving"),
    containerRuntimeEndpoint: `unix://${socketIn(folder)}`,
    // Machines with cgroup v1 still exist, and since 1.35 it has to be asked for.
    ...{ cgroupDriver: "cgroupfs", failCgroupV1: false, failSwapOn: false },
    ...{ clusterDNS: [dnsAddress], clusterDomain: domain },
    resolvConf: path.join(folder, "resolv.conf"),
    podLogsDir: path.join(folder, "pod-logs"),
    volumePluginDir: path.join(folder, "volume-plugins"),
    // Our images cannot be pulled again, and a full disk of the developer is no reason to end tests.
    ...{ imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99 },
    evictionHard: {
      "memory.available": "200Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
    // A negative one needs a right that root in a container lacks.
    oomScoreAdj: 0,
    nodeStatusUpdateFrequency: "5s",
  };
}

export async function proxyArgs(folder: string, pki: ClusterPki): Promise<string[]> {
  const config = path.join(folder, "kube-proxy.yaml");
  await writeFile(
    config,
    stringify({
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      mode: "iptables",
      clientConnection: { kubeconfig: pki.kubeconfig("proxy") },
      hostnameOverride: nodeName,
      clusterCIDR: podRange,
      ...{ bindAddress: "0.0.0.0", oomScoreAdj: 0 },
      ...{ healthzBindAddress: "127.0.0.1:10256", metricsBindAddress: "127.0.0.1:10249" },
      // These settings of the kernel can be written only outside of a network namespace.
      conntrack: {
        ...{ maxPerCore: 0, min: 0 },
        ...{ tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
      },
      iptables: { minSyncPeriod: "0s", syncPeriod: "30s" },
    }),
  );
  return [`--config=${config}`];
}

/** Only after the kubelet has told the API server of the node. */
export function policyArgs(pki: ClusterPki): string[] {
  return [
    ...[`--kubeconfig=${pki.kubeconfig("admin")}`, `--node=${nodeName}`],
    ...[`--pods=${podRange}`, `--services=${serviceRange}`],
  ];
}
