/**
 * The objects of the etcd that the operator runs, as pure functions of the Backend's spec and a few settings: golden files
 * hold them (test/unit/operator/objects). Certificates and what is trusted lie in Secrets, which are made elsewhere; here
 * is only where they are mounted.
 *
 * etcd reads its own certificates from their files at each handshake, so a renewed one needs nothing. An authority it reads
 * once: what is trusted is named in the pod's template by a mark, and another mark makes a new pod. Not where the data goes
 * with the pod: a new pod has new data, which has to be trusted anew, which would make a new pod, and so on. There the
 * template names nothing, and the image's launcher starts etcd again in the same pod when the mounted files change.
 */
import type { BackendSpec } from "#api/resources/backend.ts";
import { group } from "#api/names.ts";
import type { Resource } from "../kube/objects.ts";
import type { EtcdPod } from "./etcd-pod.ts";
import {
  clientPort,
  etcdNames,
  labelsOf,
  peerPort,
  probePort,
  type Installation,
} from "./installation.ts";
import { bytesOf, mebibyte, quantityOf, units } from "./quantities.ts";
import type { Wanted } from "./wanted.ts";

export type ManagedSpec = NonNullable<BackendSpec["managed"]>;
export type Storage = ManagedSpec["storage"];

export interface EtcdSettings {
  readonly installation: Installation;
  readonly image: string;
  /** What else is wanted of its pod. */
  readonly pod: EtcdPod;
  /** Of what is trusted, and the key of the trust's Secret that bears it: see {@link trustKey}. */
  readonly trustMark: string;
}

export const statefulSets: Resource = {
  ...{ group: "apps", version: "v1", kind: "StatefulSet", plural: "statefulsets" },
  namespaced: true,
};
export const services: Resource = {
  ...{ group: "", version: "v1", kind: "Service", plural: "services", namespaced: true },
};

const memoryMi = 512;
const memoryKiPerSidecar = 200;
const sidecarsUsual = 1_000;
const quotaBytesMax = 4 * units.Gi;

/** What is said of the pod goes before what the Backend says, and that before what is computed; twice what it asks for is its bound. */
function resourcesOf({ resources: { memory } }: ManagedSpec, { resources: said }: EtcdPod): object {
  const computed = memoryMi + Math.ceil((memoryKiPerSidecar * sidecarsUsual) / 1024);
  const boundMi = said?.limits.memory === undefined ? Infinity : mebibytesOf(said.limits.memory);
  const wanted = said?.requests.memory ?? memory;
  const asksMi = wanted === undefined ? Math.min(computed, boundMi) : mebibytesOf(wanted);
  const mayMi = Number.isFinite(boundMi) ? boundMi : asksMi * 2;
  return {
    requests: { cpu: "100m", ...said?.requests, memory: quantityOf(`${asksMi}Mi`) },
    limits: { ...said?.limits, memory: quantityOf(`${mayMi}Mi`) },
  };
}

const mebibytesOf = (size: string): number => bytesOf(size) / mebibyte;

/** Half the volume: while it is defragmented, the database lies there twice. */
function quotaOf({ size }: Storage): number {
  return Math.min(quotaBytesMax, bytesOf(size) / 2);
}

/** A key of the trust's Secret. A pod that names it can only start with a copy of the Secret that has it. */
export function trustKey(mark: string): string {
  return `version-${mark}`;
}

const trustVolume = "trust";
/** A user's number that no image's user has by accident; nothing is written but into volumes. */
const user = 65_532;
const folders = {
  data: "/var/lib/holdfast",
  server: "/etc/holdfast/server",
  peer: "/etc/holdfast/peer",
  trust: "/etc/holdfast/trust",
  run: "/run/holdfast",
} as const;

/** On a pod: of what it was to trust when this was last written. */
export const trustAnnotation = `${group}/trust`;

/** In the order in which they are made. */
export function etcdObjects(spec: ManagedSpec, settings: EtcdSettings): readonly Wanted[] {
  return [
    clientService(settings.installation),
    peerService(settings.installation),
    statefulSet(spec, settings),
  ];
}

function podLabels(installation: Installation): Readonly<Record<string, string>> {
  return { "app.kubernetes.io/name": "holdfast", ...labelsOf(installation) };
}

function clientService(installation: Installation): Wanted {
  return {
    resource: services,
    name: etcdNames(installation).service,
    labels: labelsOf(installation),
    fields: {
      spec: {
        selector: labelsOf(installation),
        ports: [{ name: "client", port: clientPort, targetPort: "client", protocol: "TCP" }],
      },
    },
  };
}

/** Members have to find each other before one of them is ready. */
function peerService(installation: Installation): Wanted {
  return {
    resource: services,
    name: etcdNames(installation).peerService,
    labels: labelsOf(installation),
    fields: {
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: labelsOf(installation),
        ports: [{ name: "peer", port: peerPort, targetPort: "peer", protocol: "TCP" }],
      },
    },
  };
}

function statefulSet(spec: ManagedSpec, settings: EtcdSettings): Wanted {
  const { installation, trustMark } = settings;
  const names = etcdNames(installation);
  const { storage } = spec;
  return {
    resource: statefulSets,
    name: names.statefulSet,
    labels: labelsOf(installation),
    fields: {
      spec: {
        replicas: spec.members,
        serviceName: names.peerService,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: labelsOf(installation) },
        // Nothing that happens to the set takes data with it.
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        ...(storage.ephemeral ? {} : { volumeClaimTemplates: [claim(storage, installation)] }),
        template: {
          metadata: {
            labels: podLabels(installation),
            ...(storage.ephemeral ? {} : { annotations: { [trustAnnotation]: trustMark } }),
          },
          spec: podSpec(spec, settings),
        },
      },
    },
  };
}

const dataVolume = "data";

function claim({ size, className }: Storage, installation: Installation): object {
  return {
    metadata: { name: dataVolume, labels: labelsOf(installation) },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: quantityOf(size) } },
      ...(className !== undefined && { storageClassName: className }),
    },
  };
}

function podSpec(spec: ManagedSpec, settings: EtcdSettings): object {
  const { installation, trustMark, pod } = settings;
  const { resources: _ofContainer, ...wanted } = pod;
  const names = etcdNames(installation);
  const { storage } = spec;
  const secret = (name: string, secretName: string) => ({ name, secret: { secretName } });
  const version = storage.ephemeral ? [] : [trustKey(trustMark)];
  const trusted = ["operator.crt", "clients.crt", "clients-of", ...version];
  return {
    ...wanted,
    automountServiceAccountToken: false,
    // The Services' addresses would come as variables that begin as ours and etcd's do.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: user, runAsGroup: user, fsGroup: user },
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container(spec, settings)],
    volumes: [
      secret("server", names.serverSecret),
      secret("peer", names.peerSecret),
      {
        name: trustVolume,
        secret: {
          secretName: names.trustSecret,
          items: trusted.map((key) => ({ key, path: key })),
        },
      },
      { name: "run", emptyDir: { sizeLimit: "1Mi" } },
      ...(storage.ephemeral
        ? [{ name: dataVolume, emptyDir: { sizeLimit: quantityOf(storage.size) } }]
        : []),
    ],
  };
}

function container(spec: ManagedSpec, settings: EtcdSettings): object {
  const { installation, image, pod } = settings;
  const names = etcdNames(installation);
  const peer = `https://$(POD_NAME).${names.peerService}.${installation.namespace}.svc:${peerPort}`;
  const mounted = (name: string, mountPath: string) => ({ name, mountPath, readOnly: true });
  return {
    name: names.component,
    image,
    imagePullPolicy: "IfNotPresent",
    args: etcdArgs(spec, installation),
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "ETCD_DATA_DIR", value: `${folders.data}/data` },
      { name: "HOLDFAST_ETCD_TRUST", value: folders.trust },
      { name: "HOLDFAST_ETCD_PEER_URL", value: peer },
    ],
    ports: [
      { name: "client", containerPort: clientPort, protocol: "TCP" },
      { name: "peer", containerPort: peerPort, protocol: "TCP" },
      { name: "metrics", containerPort: probePort, protocol: "TCP" },
    ],
    ...probes,
    resources: resourcesOf(spec, pod),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: dataVolume, mountPath: folders.data },
      mounted("server", folders.server),
      mounted("peer", folders.peer),
      mounted(trustVolume, folders.trust),
      { name: "run", mountPath: folders.run },
    ],
  };
}

function probe(path: string, more: object): object {
  return { httpGet: { path, port: "metrics", scheme: "HTTP" }, periodSeconds: 5, ...more };
}

/**
 * Ready is what a member says of itself: were it what the quorum says, all would go out of service when one is lost. A member
 * that rewrites its file stands still for minutes, and must not be ended for that.
 */
const probes = {
  startupProbe: probe("/readyz?exclude=linearizable_read", {
    ...{ timeoutSeconds: 5, failureThreshold: 120 },
  }),
  readinessProbe: probe("/readyz?exclude=linearizable_read", {
    ...{ timeoutSeconds: 5, failureThreshold: 2 },
  }),
  livenessProbe: probe("/livez", { timeoutSeconds: 15, failureThreshold: 60 }),
} as const;

/** What the image's launcher does not say: it adds name, data folder, what is trusted, the initial cluster and its token. */
function etcdArgs({ storage }: ManagedSpec, installation: Installation): readonly string[] {
  const names = etcdNames(installation);
  const inNamespace = `${installation.namespace}.svc`;
  const peer = `https://$(POD_NAME).${names.peerService}.${inNamespace}:${peerPort}`;
  return [
    `--listen-client-urls=https://0.0.0.0:${clientPort}`,
    `--advertise-client-urls=https://${names.service}.${inNamespace}:${clientPort}`,
    `--listen-peer-urls=https://0.0.0.0:${peerPort}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--listen-metrics-urls=http://0.0.0.0:${probePort}`,
    "--client-cert-auth",
    `--cert-file=${folders.server}/tls.crt`,
    `--key-file=${folders.server}/tls.key`,
    "--peer-client-cert-auth",
    `--peer-cert-file=${folders.peer}/tls.crt`,
    `--peer-key-file=${folders.peer}/tls.key`,
    `--peer-trusted-ca-file=${folders.peer}/ca.crt`,
    // It would come to etcd as whoever its own certificate says, and not as who called it.
    "--enable-grpc-gateway=false",
    `--quota-backend-bytes=${quotaOf(storage)}`,
    // The operator forgets history long before, by its volume: this is for the time when it is away.
    "--auto-compaction-mode=periodic",
    "--auto-compaction-retention=1h",
    "--logger=zap",
    "--log-level=warn",
  ];
}
