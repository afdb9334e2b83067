/** What the charts render, compared with what it is made from: rights, webhooks, CRDs, options. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { injectLabel, injectLabelValues, ports } from "#api/names.ts";
import { options } from "#operator/options.ts";
import { permissionsOf, type Rule } from "#operator/permissions.ts";
import { excludedNamespaces, serviceConfig, webhooksOf } from "#operator/webhooks/configuration.ts";
import { options as sidecarOptions } from "#sidecar/options.ts";
import packageFile from "../../../package.json" with { type: "json" };
import {
  chart,
  crdChart,
  helmMajors,
  Helms,
  namespace,
  ofKind,
  variablesOf,
  type Rendered,
  type Sets,
} from "./chart.ts";

const external = {
  "etcd.managed.enabled": false,
  "etcd.external": {
    endpoints: ["https://etcd-0.etcd.storage.svc:2379", "https://etcd-1.etcd.storage.svc:2379"],
    caSecret: "etcd-ca",
    adminSecret: "etcd-admin",
    issuerSecret: "etcd-issuer",
    maintenance: true,
  },
};
const everything: Sets = {
  "networkPolicies.enabled": true,
  "metrics.serviceMonitor.enabled": true,
  "metrics.podMonitor.enabled": true,
  "metrics.alerts.enabled": true,
  "metrics.dashboard.enabled": true,
  commonLabels: { team: "storage" },
  commonAnnotations: { note: "ours" },
  "image.pullSecrets": [{ name: "pull" }],
  "operator.env": [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
  extraObjects: [
    {
      ...{ apiVersion: "v1", kind: "ConfigMap" },
      metadata: { name: "{{ .Release.Name }}-more", namespace },
    },
  ],
};

describe("the charts", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  for (const major of helmMajors) {
    it(`pass the strict lint of helm ${major}, with and without the values for production`, async () => {
      const helm = await helms.of(major);
      await helm.run("lint", "--strict", chart, crdChart);
      await helm.run("lint", "--strict", chart, "-f", `${chart}/values-ha.yaml`);
    });
  }

  it("are rendered alike by both helms", async () => {
    for (const sets of [{}, external, everything]) {
      const [three, four] = await Promise.all(helmMajors.map((each) => helms.render(each, sets)));
      const byName = (documents: Rendered[] | undefined) =>
        (documents ?? [])
          .map((one) => [`${one.kind} ${one.metadata.name} ${one.metadata.namespace ?? ""}`, one])
          .sort();
      assert.deepEqual(byName(three), byName(four));
    }
  });

  it("have the version of the package", () => {
    for (const folder of [chart, crdChart]) {
      const { version, appVersion } = parse(readFileSync(`${folder}/Chart.yaml`, "utf8")) as {
        version: string;
        appVersion: string;
      };
      assert.deepEqual([version, appVersion], [packageFile.version, packageFile.version]);
    }
  });

  it("hold the CRDs as they are in crds/, and leave them behind", async () => {
    const sources = readdirSync("crds").map(
      (file) => parse(readFileSync(`crds/${file}`, "utf8")) as Rendered,
    );
    for (const folder of [chart, crdChart]) {
      const crds = ofKind(await helms.render("4", {}, folder), "CustomResourceDefinition");
      const withoutNote = crds.map((crd) => {
        const { annotations, ...metadata } = crd.metadata;
        assert.deepEqual(annotations, { "helm.sh/resource-policy": "keep" });
        return { ...crd, metadata };
      });
      const byName = (one: Rendered, other: Rendered) =>
        one.metadata.name < other.metadata.name ? -1 : 1;
      assert.deepEqual(withoutNote.sort(byName), sources.sort(byName));
    }
    const without = await helms.render("4", { "crds.install": false });
    assert.deepEqual(ofKind(without, "CustomResourceDefinition"), []);
  });

  it("hold no Secret, no authority, and no resource of another API unless it is asked for", async () => {
    const documents = await helms.render("4");
    const released = documents.filter(
      ({ metadata }) => metadata.annotations?.["helm.sh/hook"] === undefined,
    );
    const foreign = released.filter(({ apiVersion }) => /holdfast\.dev|monitoring/.test(apiVersion));
    assert.deepEqual(foreign, []);
    assert.deepEqual(ofKind(documents, "Secret"), []);
    assert.ok(!JSON.stringify(documents).includes("caBundle"));
  });

  it("give what has no namespace a name of release and namespace", async () => {
    const documents = await helms.render("4", everything);
    const scoped = documents.filter(
      ({ metadata, kind }) =>
        metadata.namespace === undefined && kind !== "CustomResourceDefinition",
    );
    assert.deepEqual(
      scoped.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(),
      [
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
      ].flatMap((kind) => {
        const named = `${kind} holdfast-${namespace}`;
        return kind.startsWith("Validating") ? [named, `${named}-sidecars`] : [named];
      }),
    );
  });

  it("put the labels and annotations of all on everything but CRDs and tests", async () => {
    const documents = await helms.render("4", everything);
    const bare = documents.filter(
      ({ kind, metadata: { labels, annotations } }) =>
        kind !== "CustomResourceDefinition" &&
        annotations?.["helm.sh/hook"] === undefined &&
        (labels?.["team"] !== "storage" || annotations?.["note"] !== "ours"),
    );
    assert.deepEqual(
      bare.map(({ metadata }) => metadata.name),
      ["holdfast-more"],
    );
  });

  it("make their names of the release's, unless another is given", async () => {
    const names = async (sets: Sets) =>
      ofKind(await helms.render("4", sets), "Deployment").map(({ metadata }) => metadata.name);
    assert.deepEqual(await names({}), ["holdfast-operator"]);
    assert.deepEqual(await names({ nameOverride: "locks" }), ["holdfast-locks-operator"]);
    assert.deepEqual(await names({ fullnameOverride: "mine" }), ["mine-operator"]);
  });

  it("name images by registry, tag and digest", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const documents = await helms.render("4", {
      "image.registry": "images.example/team/",
      "operator.image.digest": digest,
      "sidecar.image.tag": "dev",
    });
    const [deployment] = ofKind(documents, "Deployment");
    assert.ok(
      JSON.stringify(deployment).includes(`images.example/team/holdfast-operator@${digest}`),
    );
    const valueOf = (name: string) =>
      variablesOf(documents).find((one) => one.name === name)?.value;
    assert.equal(valueOf("HOLDFAST_SIDECAR_IMAGE"), "images.example/team/holdfast-sidecar:dev");
    assert.equal(
      valueOf("HOLDFAST_ETCD_IMAGE"),
      `images.example/team/holdfast-etcd:${packageFile.version}`,
    );
  });

  it("hand pods on to the ports that the operator listens at", async () => {
    const [service, ...others] = ofKind(await helms.render("4"), "Service");
    assert.deepEqual(others, []);
    const { ports: served } = service?.["spec"] as { ports: { port: number; targetPort: string }[] };
    assert.deepEqual(
      served.map(({ port, targetPort }) => [port, targetPort]),
      [
        [443, "webhooks"],
        [ports.identity, "identity"],
      ],
    );
    const text = JSON.stringify(ofKind(await helms.render("4"), "Deployment"));
    for (const name of ["health", "webhooks", "identity"] as const)
      assert.ok(text.includes(`{"name":"${name}","containerPort":${ports[name]},`), name);
  });
});

describe("the test of the chart", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  const pod = async (sets: Sets) => {
    const documents = await helms.render("4", sets);
    const [made] = ofKind(documents, "Pod");
    const [pool] = ofKind(documents, "DistributedLock");
    assert.equal(pool?.metadata.namespace, made?.metadata.namespace);
    return made;
  };
  const isAsked = (made: Rendered | undefined) =>
    made?.metadata.labels?.[injectLabel] === "enabled";

  it("brings a sidecar of its own in the release's namespace, and asks for one elsewhere", async () => {
    const own = await pod({});
    assert.equal(own?.metadata.namespace, namespace);
    assert.equal(isAsked(own), false);
    assert.match(JSON.stringify(own), /"initContainers":\[\{"name":"holdfast"/);
    for (const sets of [{ "test.namespace": "shop" }, { namespaces: ["shop", "b"] }]) {
      const other = await pod(sets);
      assert.equal(other?.metadata.namespace, "shop");
      assert.equal(isAsked(other), true);
      assert.doesNotMatch(JSON.stringify(other), /initContainers/);
    }
    assert.equal((await pod({ namespaces: ["shop", namespace] }))?.metadata.namespace, namespace);
    assert.equal(await pod({ "test.enabled": false }), undefined);
  });

  it("tells its sidecar only what a sidecar has options for", async () => {
    const text = JSON.stringify(await pod({}));
    const names = [...text.matchAll(/"name":"(HOLDFAST_\w+)"/g)].map((match) => match[1]);
    assert.ok(names.length > 5);
    const known: readonly string[] = Object.values(sidecarOptions).map(({ env }) => env);
    assert.deepEqual(
      names.filter((name) => !known.includes(name ?? "")),
      [],
    );
  });
});

describe("the rights that the chart grants", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  const names = {
    lease: "holdfast-operator",
    webhookConfiguration: `holdfast-${namespace}`,
  };
  const told = (rules: readonly Rule[]) => rules.map(({ why: _why, ...rule }) => rule);
  const granted = (documents: readonly Rendered[], kind: string, where?: string) =>
    ofKind(documents, kind)
      .filter(({ metadata }) => metadata.namespace === where)
      .map((role) => role["rules"]);

  it("are the operator's permissions, where all namespaces are served", async () => {
    const { cluster, own } = permissionsOf({ ...names, namespaces: undefined });
    const documents = await helms.render("4");
    assert.deepEqual(granted(documents, "ClusterRole"), [told(cluster)]);
    assert.deepEqual(granted(documents, "Role", namespace), [told(own)]);
    assert.equal(ofKind(documents, "Role").length, 1);
  });

  it("are the operator's permissions, where some namespaces are served", async () => {
    const namespaces = ["a", "42", namespace];
    const { cluster, own, served } = permissionsOf({ ...names, namespaces });
    const documents = await helms.render("4", { namespaces });
    assert.deepEqual(granted(documents, "ClusterRole"), [told(cluster)]);
    assert.deepEqual(granted(documents, "Role", "a"), [told(served)]);
    assert.deepEqual(granted(documents, "Role", "42"), [told(served)]);
    assert.deepEqual(granted(documents, "Role", namespace), [told(own), told(served)]);
  });

  it("are bound to the operator's account, each where it is", async () => {
    const documents = await helms.render("4", {
      namespaces: ["a"],
      "serviceAccount.name": "somebody",
    });
    const bindings = documents.filter(({ kind }) => kind.endsWith("RoleBinding"));
    assert.equal(bindings.length, 3);
    for (const binding of bindings) {
      const { name } = binding["roleRef"] as { name: string };
      const role = documents.find(
        ({ kind, metadata }) =>
          kind === binding.kind.replace("Binding", "") &&
          metadata.name === name &&
          metadata.namespace === binding.metadata.namespace,
      );
      assert.ok(role !== undefined, binding.metadata.name);
      assert.deepEqual(binding["subjects"], [{ kind: "ServiceAccount", name: "somebody", namespace }]);
    }
  });
});

describe("the webhooks of the chart", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  const clientConfig = serviceConfig("holdfast-operator", namespace);
  const rendered = async (sets: Sets) =>
    ofKind(await helms.render("4", sets), "MutatingWebhookConfiguration").map(
      (one) => one["webhooks"],
    );

  it("are those of the operator", async () => {
    assert.deepEqual(await rendered({}), [webhooksOf({ namespace, clientConfig })]);
    assert.deepEqual(await rendered({ "injection.enabled": false }), []);
  });

  it("ask about pods of the served namespaces only, where some are", async () => {
    const served = { key: "kubernetes.io/metadata.name", operator: "In", values: ["a", "42"] };
    const expected = webhooksOf({ namespace, clientConfig }).map((webhook) => ({
      ...webhook,
      namespaceSelector: {
        matchExpressions: [...webhook.namespaceSelector.matchExpressions, served],
      },
    }));
    assert.deepEqual(await rendered({ namespaces: ["a", "42"] }), [expected]);
  });

  it("leave alone the namespaces that the operator leaves alone", async () => {
    const text = JSON.stringify(await rendered({}));
    for (const name of excludedNamespaces(namespace)) assert.ok(text.includes(`"${name}"`), name);
  });

  it("have a policy beside them that knows the label and its values", async () => {
    const [policy] = ofKind(await helms.render("4"), "ValidatingAdmissionPolicy");
    const text = JSON.stringify(policy);
    assert.ok(text.includes(`'${injectLabel}'`));
    assert.ok(text.includes(`in [${injectLabelValues.map((value) => `'${value}'`).join(", ")}]`));
  });

  it("leave the guard of running sidecars where they are turned off", async () => {
    const names = async (sets: Sets) =>
      ofKind(await helms.render("4", sets), "ValidatingAdmissionPolicy").map((one) =>
        JSON.stringify(one["metadata"]),
      );
    const [left, ...more] = await names({ "injection.enabled": false });
    assert.match(left ?? "", /-sidecars"/);
    assert.deepEqual(more, []);
    assert.deepEqual(await names({ "injection.enabled": false, "injection.policy": false }), []);
  });
});

describe("the options that the chart sets", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  /** Of a pod these are as they should be by default. */
  const leftAlone = [
    "HOLDFAST_KUBECONFIG",
    "HOLDFAST_KUBE_CONTEXT",
    "HOLDFAST_IDENTITY",
    "HOLDFAST_HEALTH_ADDRESS",
    "HOLDFAST_WEBHOOK_ADDRESS",
    "HOLDFAST_IDENTITY_ADDRESS",
    "HOLDFAST_LINGER",
  ];
  const placed = {
    resources: { requests: { cpu: 1, memory: "1Gi" }, limits: { cpu: "1.5" } },
    priorityClassName: "storage",
    nodeSelector: { "example.test/pool": "<storage>" },
    tolerations: [{ key: "dedicated", operator: "Equal", value: "storage" }],
    affinity: { nodeAffinity: {} },
  };
  const all: Sets[] = [
    {
      "etcd.managed.storage.className": "fast",
      "image.pullSecrets": [{ name: "pull" }],
      ...Object.fromEntries(
        Object.entries(placed).map(([name, value]) => [`etcd.managed.${name}`, value]),
      ),
    },
    { ...external, namespaces: ["a", "b"] },
  ];

  it("are all that the operator has, and no others", async () => {
    const set = new Set<string>();
    for (const sets of all)
      for (const { name } of variablesOf(await helms.render("4", sets))) set.add(name);
    const known = Object.values(options).map(({ env }) => env);
    assert.deepEqual(
      [...set].filter((name) => !known.includes(name as (typeof known)[number])),
      [],
      "the operator has no such options",
    );
    assert.deepEqual(
      known.filter((name) => !set.has(name) && !leftAlone.includes(name)),
      [],
      "no value of the chart sets these options",
    );
  });

  it("are values that the operator takes, also those that the schema lets through", async () => {
    const sets = {
      ...{ sessionTtl: "1m30s", certificateLife: "36h", "etcd.managed.storage.size": "1500Gi" },
      "logging.level": "debug",
    };
    const longest = { sessionTtl: "10m", certificateLife: "719h59m60s" };
    for (const given of [sets, longest, { sessionTtl: "3000ms", certificateLife: "0.5m" }, ...all]) {
      for (const { name, value } of variablesOf(await helms.render("4", given))) {
        if (value === undefined) continue;
        const option = Object.values(options).find(({ env }) => env === name);
        assert.ok(option !== undefined, name);
        option.parse(value);
      }
    }
  });

  it("say of the managed etcd's pod what the values say, and nothing where they say nothing", async () => {
    const [most = {}] = all;
    const podOf = async (sets: Sets) =>
      variablesOf(await helms.render("4", sets)).find(({ name }) => name === "HOLDFAST_ETCD_POD");
    assert.deepEqual(options.etcdPod.parse((await podOf(most))?.value ?? ""), {
      ...{ ...placed, imagePullSecrets: [{ name: "pull" }] },
      resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1500m" } },
    });
    assert.equal(await podOf({}), undefined);
    assert.equal(await podOf({ ...external, "image.pullSecrets": [{ name: "pull" }] }), undefined);
  });

  it("each stand there once", async () => {
    for (const sets of [...all, everything]) {
      const names = variablesOf(await helms.render("4", sets)).map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
    }
  });
});
