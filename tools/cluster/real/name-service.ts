/** CoreDNS as a cluster has it: one replica that answers names of services at the address that pods are told. */
import { dnsAddress, domain, imageOf } from "./site.ts";

const name = "coredns";
const place = { name, namespace: "kube-system" };
const labels = { "k8s-app": "kube-dns" };

const rights = [
  { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
];

const settings = `.:53 {
  errors
  health
  ready
  kubernetes ${domain} in-addr.arpa ip6.arpa {
    ttl 5
  }
  cache 5
}
`;

const container = {
  name,
  image: imageOf("coredns"),
  imagePullPolicy: "Never",
  args: ["-conf", "/etc/coredns/Corefile"],
  ports: [
    { name: "dns", containerPort: 53, protocol: "UDP" },
    { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
  ],
  volumeMounts: [{ name: "settings", mountPath: "/etc/coredns", readOnly: true }],
  readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
};

const pod = {
  serviceAccountName: name,
  priorityClassName: "system-cluster-critical",
  dnsPolicy: "Default",
  containers: [container],
  volumes: [{ name: "settings", configMap: { name } }],
};

const rbac = "rbac.authorization.k8s.io";

/** For `kubectl apply -f -`. */
export const nameService = {
  apiVersion: "v1",
  kind: "List",
  items: [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: place },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name: "system:coredns" } },
      rules: rights,
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ kind: "ServiceAccount", ...place }],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: place, data: { Corefile: settings } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...place, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: pod },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...place, name: "kube-dns", labels },
      spec: {
        selector: labels,
        clusterIP: dnsAddress,
        ports: [
          { name: "dns", port: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, protocol: "TCP" },
        ],
      },
    },
  ],
} as const;
