/** What an installation's objects are called, and which labels they bear: nothing of it is said elsewhere. */

/** An installation and the operator's namespace, where all that it makes for itself stands. */
export interface Installation {
  readonly name: string;
  readonly namespace: string;
}

export const clientPort = 2379;
export const peerPort = 2380;
/** Of etcd's probes and metrics, over plain HTTP: the kubelet has no certificate. */
export const probePort = 2381;

export function etcdNames({ name }: Installation) {
  const etcd = `${name}-etcd`;
  return {
    statefulSet: etcd,
    /** The container's, and the label's value by which its pods are found. */
    component: "etcd",
    service: etcd,
    peerService: `${etcd}-peers`,
    serverSecret: `${etcd}-server`,
    peerSecret: `${etcd}-peer`,
    adminSecret: `${etcd}-admin`,
    trustSecret: `${etcd}-trust`,
  } as const;
}

/** Where clients of the etcd that we run find it. */
export function etcdEndpoint(installation: Installation): string {
  const { service } = etcdNames(installation);
  return `https://${service}.${installation.namespace}.svc:${clientPort}`;
}

/** Of all that is made here. */
export function labelsOf({ name }: Installation): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/managed-by": "holdfast",
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/component": "etcd",
  };
}

/** Finds them again. */
export function selectorOf(installation: Installation): string {
  return Object.entries(labelsOf(installation))
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
}

/** All the names that a client may call it by, and the machine itself. */
export function serverHosts(installation: Installation): readonly string[] {
  return [...hostsOf(etcdNames(installation).service, installation), "localhost", "127.0.0.1"];
}

/** Members find each other by the names that the headless Service gives their pods. */
export function peerHosts(installation: Installation): readonly string[] {
  const { peerService } = etcdNames(installation);
  return hostsOf(`*.${peerService}`, installation);
}

function hostsOf(name: string, { namespace }: Installation): readonly string[] {
  const inNamespace = `${name}.${namespace}`;
  return [`${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`, inNamespace];
}
