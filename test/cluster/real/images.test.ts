/**
 * The images as a kubelet runs them: in a namespace that enforces the strictest of Kubernetes' pod security standards,
 * etcd with its launcher and the sidecar as native sidecars, and an app that takes a lock on localhost.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { importProjectImages, type ProjectImages } from "#tools/cluster/real/project-images.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { imageOf } from "#tools/cluster/real/site.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";

const folder = path.resolve(".cache/cluster-real");
const namespace = "locks";
const metadata = (name: string): object => ({ name, namespace });

const pool = {
  apiVersion: "holdfast.dev/v1alpha1",
  kind: "DistributedLock",
  metadata: { name: "orders" },
  spec: { mode: "Mutex", ttl: "30s" },
};

/** It looks a name up, too: whether the sidecar's own look-up works is seen by that it reaches etcd. */
const appText = `
const answer = await fetch("http://localhost:4653/v1/locks/orders/42/acquire", { method: "POST" });
console.log(JSON.stringify(await answer.json()));
`;

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state: {
    readonly running?: object;
    readonly terminated?: { readonly exitCode: number; readonly reason: string };
  };
}

describe("the images on the real rung", function () {
  this.timeout(240_000);
  let cluster: RealCluster;
  let images: ProjectImages;

  before(async () => {
    // Of a run that was killed.
    await takeDown(folder);
    cluster = await startReal({ folder });
    images = await importProjectImages(cluster);
    await apply({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: namespace,
        labels: { "pod-security.kubernetes.io/enforce": "restricted" },
      },
    });
    const account = ["get", "serviceaccount/default", "-n", namespace];
    await until("the service account", () => cluster.kubectl.run(account));
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  const apply = (...objects: readonly object[]): Promise<string> =>
    cluster.kubectl.run(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    );
  const of = (...args: readonly string[]): Promise<string> =>
    cluster.kubectl.run([...args, "-n", namespace]);
  const succeeded = (name: string): Promise<boolean> =>
    until(`pod ${name} to succeed`, async () => {
      const phase = await of("get", `pod/${name}`, "-o", "jsonpath={.status.phase}");
      if (phase === "Failed") throw new Error(await of("logs", name, "--all-containers"));
      return phase === "Succeeded";
    });

  it("take a lock in a restricted namespace, and end in order when the app has ended", async () => {
    await apply(trust(), settings(), service(), lockingPod(images));
    const told = await until(
      "the app to end",
      async () => {
        const phase = await of("get", "pod/app", "-o", "jsonpath={.status.phase}");
        return phase === "Succeeded" || phase === "Failed" ? phase : undefined;
      },
      { withinMs: 120_000 },
    ).catch(async (error: unknown) => {
      throw new Error(await of("logs", "app", "--all-containers", "--tail=20"), { cause: error });
    });
    assert.equal(told, "Succeeded", await of("logs", "app", "--all-containers"));
    const grant = JSON.parse(await of("logs", "app", "-c", "app")) as Record<string, unknown>;
    assert.equal(grant["lock"], "orders/42");
    assert.equal(typeof grant["fence"], "string");
    const json = await of("get", "pod/app", "-o", "jsonpath={.status.initContainerStatuses}");
    const sidecars = JSON.parse(json) as ContainerStatus[];
    assert.deepEqual(
      sidecars.map(({ name, restartCount, state }) => [
        name,
        restartCount,
        state.terminated?.exitCode,
      ]),
      [
        ["etcd", 0, 0],
        ["holdfast", 0, 0],
      ],
    );
    assert.match(await of("logs", "app", "-c", "holdfast"), /shutting down/);
  });

  it("hold a program that runs as nobody and a root that cannot be written: the operator, too", async () => {
    const operator = { ...strict("operator", images.operator), args: ["--help"] };
    await apply(podOf("operator", { containers: [operator] }));
    await succeeded("operator");
    assert.match(await of("logs", "operator"), /^holdfast operator: /);
  });

  it("have no shell", async () => {
    const shell = { ...strict("shell", images.sidecar), command: ["/bin/sh", "-c", "true"] };
    await apply(podOf("shell", { containers: [shell] }));
    const waiting = "jsonpath={.status.containerStatuses[0].state.*.message}";
    const why = await until("the shell to be missed", async () => {
      const message = await of("get", "pod/shell", "-o", waiting);
      return message === "" ? undefined : message;
    });
    assert.match(why, /\/bin\/sh.*no such file/);
  });
});

function strict(name: string, image: string): object {
  return {
    ...{ name, image, imagePullPolicy: "IfNotPresent" },
    securityContext: {
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true },
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

function podOf(name: string, spec: object): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata(name), labels: { app: name } },
    spec: {
      ...{ restartPolicy: "Never", enableServiceLinks: false, automountServiceAccountToken: false },
      ...spec,
    },
  };
}

/** What etcd trusts and shows, and what the sidecar shows and trusts: one authority does for both here. */
function trust(): object {
  const validity = { fromMs: Date.now() - 300_000, untilMs: Date.now() + 3_600_000 };
  const authority = makeAuthority("test", validity);
  const server = issue(authority, {
    ...{ subject: { name: "etcd" }, uses: ["server"], validity },
    hosts: [`etcd.${namespace}.svc`],
  });
  const client = issue(authority, { subject: { name: "app" }, uses: ["client"], validity });
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata("trust"),
    stringData: {
      "operator.crt": authority.certificate,
      "server.crt": server.certificate,
      "server.key": keyPem(server.key),
      "client.crt": client.certificate,
      "client.key": keyPem(client.key),
    },
  };
}

const settings = (): object => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: metadata("pools") },
  data: { "orders.yaml": JSON.stringify(pool) },
});

/** So that etcd has a name, and the sidecar has to look it up. */
const service = (): object => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: metadata("etcd") },
  spec: {
    ...{ clusterIP: "None", publishNotReadyAddresses: true, selector: { app: "app" } },
    ports: [{ name: "clients", port: 2379 }],
  },
});

function lockingPod(images: ProjectImages): object {
  const mount = (name: string, mountPath: string, readOnly = false): object => ({
    ...{ name, mountPath, readOnly },
  });
  const env = (values: Readonly<Record<string, string>>): object[] =>
    Object.entries(values).map(([name, value]) => ({ name, value }));
  const url = `https://etcd.${namespace}.svc:2379`;
  const etcd = {
    ...strict("etcd", images.etcd),
    restartPolicy: "Always",
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ...env({
        ETCD_DATA_DIR: "/var/lib/holdfast/data",
        HOLDFAST_ETCD_TRUST: "/etc/holdfast/trust",
        HOLDFAST_ETCD_PEER_URL: "http://127.0.0.1:2380",
      }),
    ],
    args: [
      ...["--listen-client-urls=https://0.0.0.0:2379", `--advertise-client-urls=${url}`],
      "--listen-peer-urls=http://127.0.0.1:2380",
      "--initial-advertise-peer-urls=http://127.0.0.1:2380",
      "--listen-metrics-urls=http://0.0.0.0:2381",
      ...["--client-cert-auth", "--cert-file=/etc/holdfast/trust/server.crt"],
      "--key-file=/etc/holdfast/trust/server.key",
    ],
    startupProbe: {
      httpGet: { path: "/readyz", port: 2381 },
      periodSeconds: 1,
      failureThreshold: 60,
    },
    volumeMounts: [
      mount("data", "/var/lib/holdfast"),
      mount("run", "/run/holdfast"),
      mount("trust", "/etc/holdfast/trust", true),
    ],
  };
  const sidecar = {
    ...strict("holdfast", images.sidecar),
    restartPolicy: "Always",
    env: env({
      HOLDFAST_NAMESPACE: namespace,
      HOLDFAST_RESOURCES: "/etc/holdfast/pools",
      HOLDFAST_ETCD_ENDPOINTS: url,
      HOLDFAST_ETCD_CA_FILE: "/etc/holdfast/trust/operator.crt",
      HOLDFAST_ETCD_CERT_FILE: "/etc/holdfast/trust/client.crt",
      HOLDFAST_ETCD_KEY_FILE: "/etc/holdfast/trust/client.key",
    }),
    startupProbe: {
      httpGet: { path: "/startupz", port: 4655 },
      periodSeconds: 1,
      failureThreshold: 60,
    },
    volumeMounts: [
      mount("pools", "/etc/holdfast/pools", true),
      mount("trust", "/etc/holdfast/trust", true),
    ],
  };
  const app = {
    ...strict("app", imageOf("node")),
    command: ["node", "--input-type=module", "--eval", appText],
  };
  return podOf("app", {
    // The images' own user is a number of their own; the app's image has none.
    securityContext: { runAsUser: 65532, fsGroup: 65532 },
    terminationGracePeriodSeconds: 10,
    initContainers: [etcd, sidecar],
    containers: [app],
    volumes: [
      { name: "data", emptyDir: {} },
      { name: "run", emptyDir: { medium: "Memory" } },
      { name: "trust", secret: { secretName: "trust", defaultMode: 0o440 } },
      { name: "pools", configMap: { name: "pools" } },
    ],
  });
}
