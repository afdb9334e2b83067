/** The values of the chart `holdfast`, each here and nowhere else. Those that become options say so by the option's range. */
import { durationPattern } from "#api/fields/duration.ts";
import { forms } from "#api/fields/text.ts";
import { logFormats, logLevels } from "#host/log.ts";
import {
  branch,
  choice,
  flag,
  handedOn,
  list,
  text,
  texts,
  whole,
  type Branch,
  type Fields,
  type Schema,
} from "./value.ts";

/** Names of Kubernetes; the empty text where there may be none. */
const label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const name = { pattern: `^${label}$` };
const nameOrNone = { pattern: `^(${label}(\\.${label})*)?$` };
const duration = { pattern: durationPattern };
/** Of Prometheus. */
const interval = { pattern: "^[0-9]+(ms|s|m|h)$" };
/** As the Backend takes it. */
const size = { pattern: "^[1-9][0-9]{0,5}(Mi|Gi|Ti)$" };
const endpoint = { type: "string", pattern: forms.endpoint.pattern };
const digest = { pattern: "^(sha256:[0-9a-f]{64})?$" };
/** So that what is made of it stays a name: `{fullname}-etcd-peers`, and the pods of a StatefulSet. */
const fullnameMax = 40;

const nonRoot = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  seccompProfile: { type: "RuntimeDefault" },
};

const closed = (properties: Schema): Schema => ({
  ...{ type: "object", additionalProperties: false, properties },
});
/** As the operator's option takes them. */
const amounts = closed({
  cpu: { type: ["string", "integer"], pattern: "^([0-9]{1,6}m|[0-9]{1,3}(\\.[0-9]{1,3})?)$" },
  memory: { type: "string", ...size },
});

function image(of: string, repository: string): Branch {
  return branch(`The image of the ${of}.`, {
    repository: text("Its name below `image.registry`.", repository, { minLength: 1 }),
    tag: text("Its tag. Empty: the version of the chart.", ""),
    digest: text(
      "Its digest, `sha256:` and 64 digits. Where it is set, it counts, and not the tag.",
      "",
      digest,
    ),
  });
}

const operator = branch(
  "The operator: as many as `replicas` serve webhooks and identity, and one of them leads.",
  {
    replicas: whole(
      "How many. With one, pods that ask for a sidecar cannot start while it restarts.",
      2,
      {
        min: 1,
        max: 9,
      },
    ),
    image: image("operator", "holdfast-operator"),
    resources: handedOn("What it asks for. Memory grows with the number of resources.", {
      requests: { cpu: "50m", memory: "128Mi" },
      limits: { memory: "512Mi" },
    }),
    priorityClassName: text(
      "The priority class of its pods. Empty: the cluster's default.",
      "",
      nameOrNone,
    ),
    nodeSelector: texts("Labels of the nodes it may run on."),
    tolerations: handedOn("Taints of nodes that it bears.", []),
    affinity: handedOn("Its affinity."),
    spread: branch("How replicas are spread over nodes and zones.", {
      enabled: flag("Whether they are.", true),
      whenUnsatisfiable: choice("What happens where that cannot be.", "ScheduleAnyway", [
        "ScheduleAnyway",
        "DoNotSchedule",
      ]),
    }),
    disruptionBudget: flag(
      "Whether a node is drained of one replica at a time. Of one replica there is no budget: it would hold up every drain.",
      true,
    ),
    terminationGracePeriodSeconds: whole(
      "How long it may take to end: it drains for up to 30 s.",
      40,
      {
        min: 31,
        max: 600,
      },
    ),
    podSecurityContext: handedOn(
      "The security context of its pods, which passes `restricted`. On OpenShift set `runAsUser` and `runAsGroup` to null: it chooses them.",
      nonRoot,
    ),
    labels: texts("More labels of its Deployment and pods."),
    annotations: texts("Annotations of its Deployment."),
    podAnnotations: texts("Annotations of its pods."),
    env: list(
      "More variables of its container, such as `HTTPS_PROXY`. Options of Holdfast have values of their own.",
      {
        type: "object",
        required: ["name"],
        additionalProperties: false,
        properties: {
          name: { type: "string", minLength: 1, not: { pattern: "^HOLDFAST_" } },
          value: { type: "string" },
          valueFrom: { type: "object" },
        },
      },
    ),
    volumes: handedOn("More volumes of its pods.", []),
    volumeMounts: handedOn("Where they are mounted.", []),
  },
);

const etcd = branch("Where the data lives. One of `managed.enabled` and `external.endpoints`.", {
  managed: branch("An etcd that the operator runs in the release's namespace.", {
    enabled: flag("Whether it does. With `external.endpoints` set this to false.", true),
    image: image("etcd", "holdfast-etcd"),
    storage: branch("Its volume, which stays when the release is uninstalled.", {
      size: text("How large.", "8Gi", size),
      className: text("The StorageClass. Empty: the cluster's default.", "", nameOrNone),
      ephemeral: flag(
        "True: no volume. All data, also what queues would keep, goes with etcd's pod: for trying it out.",
        false,
      ),
    }),
    resources: {
      about:
        "What it asks for and may use, where that is not `100m`, `708Mi` and `1416Mi`. Cores as in `500m` or `2`, memory as in `512Mi` or `2Gi`. This and what follows is true of an etcd that stands, too: another value restarts it.",
      default: {},
      schema: closed({ requests: amounts, limits: amounts }),
    },
    priorityClassName: text(
      "The priority class of its pod. Empty: the cluster's default.",
      "",
      nameOrNone,
    ),
    nodeSelector: texts("Labels of the nodes it may run on."),
    tolerations: handedOn("Taints of nodes that it bears.", []),
    affinity: handedOn("Its affinity."),
  }),
  external: branch("An etcd that somebody else runs. All Secrets are of the release's namespace.", {
    endpoints: list(
      "Where its members answer clients, such as `https://etcd-0.etcd.storage.svc:2379`.",
      endpoint,
      {
        maxItems: 16,
        uniqueItems: true,
      },
    ),
    caSecret: text(
      "The Secret with the authority of its certificates (`ca.crt`). Empty: a public one.",
      "",
      nameOrNone,
    ),
    adminSecret: text(
      "The Secret with its admin: `tls.crt` and `tls.key`, or `username` and `password`. Empty: an etcd without users.",
      "",
      nameOrNone,
    ),
    issuerSecret: text(
      "The Secret with an authority (`tls.crt`, `tls.key`) that this etcd trusts for clients: sidecars then come with certificates that the operator issues.",
      "",
      nameOrNone,
    ),
    passwords: flag(
      "Whether sidecars come with a password of their namespace instead: for up to 200 sidecars.",
      false,
    ),
    maintenance: flag(
      "Whether the operator compacts and defragments it: for an etcd that nobody else uses.",
      false,
    ),
  }),
});

function monitor(of: string, kind: string): Branch {
  return branch(`A ${kind} of the Prometheus operator for ${of}.`, {
    enabled: flag("Whether it is made.", false),
    interval: text("How often metrics are read.", "30s", interval),
    labels: texts("More labels, by which Prometheus selects it."),
  });
}

const metrics = branch(
  "What is made for Prometheus and Grafana. All of it needs their operators or sidecars, and is off.",
  {
    serviceMonitor: monitor("the operator", "ServiceMonitor"),
    podMonitor: monitor("the sidecars of all namespaces", "PodMonitor"),
    alerts: branch("A PrometheusRule with the alerts of docs/operations/alerts.md.", {
      enabled: flag("Whether it is made.", false),
      labels: texts("More labels, by which Prometheus selects it."),
      runbookUrl: text(
        "Where that page is: the start of each alert's `runbook_url`.",
        "docs/operations/alerts.md",
        {
          minLength: 1,
        },
      ),
    }),
    dashboard: branch("A ConfigMap with a dashboard of Grafana.", {
      enabled: flag("Whether it is made.", false),
      labels: texts("More labels, by which Grafana's sidecar finds it.", {
        grafana_dashboard: "1",
      }),
      annotations: texts("Its annotations, such as the folder of the dashboard."),
    }),
  },
);

const networkPolicies = branch(
  "NetworkPolicies for the operator and the managed etcd. Off: where the API server stands differs from cluster to cluster, and a policy that misses it stops the operator.",
  {
    enabled: flag("Whether they are made.", false),
    apiServerPorts: list(
      "The ports at which the API server is reached, by its Service and behind it. Empty: 443 and 6443.",
      { type: "integer", minimum: 1, maximum: 65535 },
    ),
    apiServerCidrs: list(
      "The addresses at which it is reached, such as `10.0.0.0/8`. Empty: any.",
      {
        type: "string",
        pattern: "^[0-9a-fA-F.:]+/[0-9]{1,3}$",
      },
    ),
    metricsNamespaces: list(
      "Namespaces that may read the metrics of the operator and of etcd. Empty: any.",
      {
        type: "string",
        ...name,
      },
    ),
  },
);

export const values: Fields = {
  nameOverride: text("Stands for `holdfast` in the names of what is made.", "", {
    pattern: `^(${label})?$`,
    maxLength: fullnameMax,
  }),
  fullnameOverride: text(
    "Stands for the release's name in the names of what is made, and names the installation.",
    "",
    {
      pattern: `^(${label})?$`,
      maxLength: fullnameMax,
    },
  ),
  commonLabels: texts("Labels of all that the chart makes."),
  commonAnnotations: texts("Annotations of all that the chart makes."),
  namespaces: list(
    "The namespaces that are served; they must exist. The operator then has rights in these only. Empty: all.",
    { type: "string", ...name },
    { uniqueItems: true },
  ),
  crds: branch("The CustomResourceDefinitions.", {
    install: flag(
      "Whether they are part of the release. They stay when it is uninstalled. False: they come from the chart holdfast-crds, or by kubectl.",
      true,
    ),
  }),
  image: branch("What all images have in common.", {
    registry: text(
      "Where they lie, such as `images.example.org/holdfast`. Empty: the names alone, for images that the nodes have.",
      "",
    ),
    pullPolicy: choice("When a node pulls them.", "IfNotPresent", [
      "IfNotPresent",
      "Always",
      "Never",
    ]),
    pullSecrets: list(
      "Secrets with which the images of the operator and of the managed etcd are pulled. Pods with a sidecar need theirs in their own namespace.",
      {
        type: "object",
        required: ["name"],
        additionalProperties: false,
        properties: { name: { type: "string", ...name } },
      },
    ),
  }),
  operator,
  serviceAccount: branch("The operator's account.", {
    create: flag("Whether it is made. False: `name` is there already.", true),
    name: text("Its name. Empty: that of the Deployment.", "", nameOrNone),
    annotations: texts("Its annotations."),
  }),
  sidecar: branch("The sidecar that is put into pods.", {
    image: image("sidecar", "holdfast-sidecar"),
  }),
  injection: branch(
    "Pods labelled `holdfast.dev/inject: enabled`, or in a namespace labelled so, get a sidecar.",
    {
      enabled: flag("Whether they do.", true),
      policy: flag(
        "Whether ValidatingAdmissionPolicies refuse other values of that label than `enabled` and `disabled`, and another image for the sidecar of a pod that runs.",
        true,
      ),
    },
  ),
  etcd,
  sessionTtl: text(
    "The longest session of any sidecar: how long locks stay held when one is gone without a word. 3s to 10m.",
    "10s",
    duration,
  ),
  certificateLife: text(
    "How long a sidecar's certificate is valid, 30s to 30 days (720h). It is renewed from a third of that on.",
    "24h",
    duration,
  ),
  logging: branch("The operator's log.", {
    level: choice("The least level that is logged.", "info", logLevels),
    format: choice("How lines are written.", "json", logFormats),
  }),
  networkPolicies,
  metrics,
  test: branch("`helm test`: a pod takes a lock and gives it back.", {
    enabled: flag("Whether there is one.", true),
    namespace: text(
      "Where the pod runs. Empty: in the release's namespace with a sidecar of its own, or, where that namespace is not served, in the first that is. In another one the pod asks for its sidecar by label, as an app would.",
      "",
      nameOrNone,
    ),
  }),
  extraObjects: handedOn("More objects, each rendered as a template.", []),
};
