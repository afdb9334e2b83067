/**
 * The sidecar's container and volumes.
 *
 * There is no preStop (it would run beside the app's), no liveness probe (it could end the sidecar while its app trusts what
 * it was granted; the process ends itself) and no readiness probe (an etcd that is away must not empty all Services). The
 * startup probe holds the app and later init containers back until locks can be taken. It passes the policy `restricted`.
 */
import { createHash } from "node:crypto";
import { sidecarContainer } from "#api/names.ts";
import { canonicalJson } from "#core/json.ts";
import { settings as settingTable, type SettingName, type Settings } from "./annotations.ts";

/** What an installation says, the same for all pods. */
export interface Template {
  readonly image: string;
  readonly pullPolicy: string;
  /** Of the identity exchange. */
  readonly identity: string;
}

export interface Wanted {
  readonly template: Template;
  /** PEM: whom the sidecar trusts at first; each answer of the exchange says whom it trusts then. */
  readonly trust: string;
  readonly settings: Settings;
  /** Whether the platform chooses the user. */
  readonly platformUser: boolean;
  /** Whether all who may ask it have ended when the kubelet asks it to end: see `callersEndFirst`. */
  readonly appEndsFirst: boolean;
}

export const audience = "holdfast.dev/identity";
export const volumeNames = { state: "holdfast-state", token: "holdfast-token" } as const;

/** In the container's environment. */
export const trustVariable = "HOLDFAST_IDENTITY_TRUST";
export const appEndsFirstVariable = "HOLDFAST_APP_ENDS_FIRST";
const user = 65_532;
const tokenFolder = "/var/run/holdfast/token";
const tokenFile = "token";
export const stateFolder = "/var/run/holdfast/state";
/** The kubelet renews at four fifths of it. */
const tokenSeconds = 3_600;
/** The sidecar itself gives up after a minute without an identity, and says why: the probe must not end it before. */
const startup = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 } as const;

export function containerOf(wanted: Wanted) {
  const { template, settings, platformUser } = wanted;
  const healthPort = Number(settingOf(settings, "health-port"));
  return {
    name: sidecarContainer,
    image: settings.image ?? template.image,
    imagePullPolicy: template.pullPolicy,
    restartPolicy: "Always",
    env: environment(wanted),
    ports: [{ name: "holdfast-health", containerPort: healthPort, protocol: "TCP" }],
    startupProbe: {
      httpGet: { path: "/startupz", port: healthPort, scheme: "HTTP" },
      ...startup,
    },
    resources: {
      requests: {
        cpu: settingOf(settings, "cpu-request"),
        memory: settingOf(settings, "memory-request"),
      },
      limits: {
        cpu: settingOf(settings, "cpu-limit"),
        memory: settingOf(settings, "memory-limit"),
      },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      ...(!platformUser && { runAsUser: user, runAsGroup: user }),
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      { name: volumeNames.state, mountPath: stateFolder },
      { name: volumeNames.token, mountPath: tokenFolder, readOnly: true },
    ],
  };
}

export function volumes() {
  return [
    // In memory: one on disk would keep a node from being taken away when it is not needed.
    { name: volumeNames.state, emptyDir: { medium: "Memory", sizeLimit: "8Mi" } },
    {
      name: volumeNames.token,
      projected: {
        sources: [
          {
            serviceAccountToken: { audience, expirationSeconds: tokenSeconds, path: tokenFile },
          },
        ],
      },
    },
  ];
}

/** Names what the operator's version and options make of a pod; nothing that differs from pod to pod, or that sidecars learn. */
export function templateHash(template: Template): string {
  const usual = { settings: {}, platformUser: false, appEndsFirst: true };
  const made = containerOf({ template, trust: "", ...usual });
  const text = canonicalJson({ container: made, volumes: volumes() });
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

export function settingOf(settings: Settings, name: SettingName): string {
  return settings[name] ?? settingTable[name].default ?? "";
}

function environment({ template, trust, settings, appEndsFirst }: Wanted): object[] {
  const field = (fieldPath: string) => ({
    valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } },
  });
  const given: readonly (readonly [SettingName, string, (text: string) => string])[] = [
    ["log-level", "HOLDFAST_LOG_LEVEL", (level) => level],
    ["session-ttl", "HOLDFAST_SESSION_TTL", (ttl) => ttl],
    ["admin", "HOLDFAST_ADMIN", (admin) => String(admin === "enabled")],
    ["http-port", "HOLDFAST_HTTP_ADDRESS", (port) => `localhost:${port}`],
    ["health-port", "HOLDFAST_HEALTH_ADDRESS", (port) => `:${port}`],
  ];
  return [
    { name: "HOLDFAST_NAMESPACE", ...field("metadata.namespace") },
    { name: "HOLDFAST_POD", ...field("metadata.name") },
    { name: "HOLDFAST_NODE", ...field("spec.nodeName") },
    { name: "HOLDFAST_IDENTITY", value: template.identity },
    { name: trustVariable, value: trust },
    { name: "HOLDFAST_IDENTITY_TOKEN", value: `${tokenFolder}/${tokenFile}` },
    { name: "HOLDFAST_STATE_FOLDER", value: stateFolder },
    { name: appEndsFirstVariable, value: String(appEndsFirst) },
    ...given.flatMap(([setting, name, value]) => {
      const text = settings[setting];
      return text === undefined ? [] : [{ name, value: value(text) }];
    }),
  ];
}

/** The ports that the sidecar listens on in the pod, by the annotation that changes each. */
export function portsOf(settings: Settings): readonly (readonly [SettingName, number])[] {
  const names = ["http-port", "health-port"] as const;
  return names.map((name) => [name, Number(settingOf(settings, name))]);
}
