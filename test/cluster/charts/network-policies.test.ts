/**
 * What the chart's NetworkPolicies let through, by their own rules: each is about the pods that the chart and the operator
 * make, and its ports are those that are documented. Whether a cluster's network obeys them is the network's.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ports, sidecarLabel } from "#api/names.ts";
import { parseBackendSpec } from "#api/resources/backend.ts";
import { etcdObjects, statefulSets } from "#operator/objects/etcd.ts";
import { clientPort, peerPort, probePort } from "#operator/objects/installation.ts";
import { Helms, namespace, ofKind, type Rendered, type Sets } from "./chart.ts";

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}
interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports: readonly { readonly port: number | string; readonly protocol: string }[];
}
interface Policy {
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

/** What the two ends of a connection are known by. */
interface Pod {
  readonly namespace: string;
  readonly labels: Labels;
  /** Of its containers, by name. */
  readonly ports: Readonly<Record<string, number>>;
}
/** No pod: the API server, or what is outside. */
const outside = "outside";
type End = Pod | typeof outside;

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      assert.equal(operator, "In");
      return values.includes(labels[key] ?? "");
    })
  );
}

const nameOf = (where: string): Labels => ({ "kubernetes.io/metadata.name": where });

/** A peer without a namespaceSelector is of the policy's own namespace. */
function isPeer({ podSelector, namespaceSelector, ipBlock }: Peer, end: End): boolean {
  if (ipBlock !== undefined) return end === outside;
  if (end === outside) return false;
  const isThere =
    namespaceSelector === undefined
      ? end.namespace === namespace
      : selects(namespaceSelector, nameOf(end.namespace));
  return isThere && selects(podSelector ?? {}, end.labels);
}

/** Of what a rule says, numbers; a name is one of the pod's that is connected to. */
function portsOf(rule: Rule, to: End): number[] {
  return rule.ports.map(({ port }) => {
    const number = typeof port === "number" ? port : to === outside ? undefined : to.ports[port];
    assert.ok(number !== undefined, `no port ${String(port)}`);
    return number;
  });
}

const about = (policies: readonly Policy[], end: End): Policy[] =>
  end === outside || end.namespace !== namespace
    ? []
    : policies.filter(({ podSelector }) => selects(podSelector, end.labels));

/** Whether neither end's policies are against it; an end that no policy is about is free. */
function mayConnect(policies: readonly Policy[], [from, to]: readonly [End, End], port: number) {
  const passes = (rules: readonly Rule[], side: "from" | "to", other: End): boolean =>
    rules.some((rule) => {
      const { [side]: peers } = rule;
      const isOne = peers === undefined || peers.some((peer) => isPeer(peer, other));
      return isOne && portsOf(rule, to).includes(port);
    });
  return (
    about(policies, to).every(({ ingress }) => passes(ingress, "from", from)) &&
    about(policies, from).every(({ egress }) => passes(egress, "to", to))
  );
}

interface Template {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly containers: readonly {
      readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
    }[];
  };
}

function podOf({ metadata, spec }: Template): Pod {
  const named = spec.containers.flatMap(({ ports: all = [] }) => all);
  return {
    namespace,
    labels: metadata.labels,
    ports: Object.fromEntries(named.map(({ name, containerPort }) => [name, containerPort])),
  };
}

const templateOf = (fields: Readonly<Record<string, unknown>>): Template =>
  (fields["spec"] as { template: Template }).template;

/** As the operator makes it. */
function etcdPod(): Pod {
  const read = parseBackendSpec({ type: "etcd", managed: {} }, "spec");
  assert.ok(read.ok && read.spec.managed !== undefined);
  const installation = { name: "holdfast", namespace };
  const objects = etcdObjects(read.spec.managed, {
    ...{ installation, image: "etcd", pod: {}, trustMark: "mark" },
  });
  const set = objects.find(({ resource }) => resource === statefulSets);
  return podOf(templateOf(set!.fields));
}

describe("the network policies of the chart", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  const external: Sets = {
    "etcd.managed.enabled": false,
    "etcd.external.endpoints": ["https://etcd-0.etcd.storage.svc:12379"],
  };
  const on = { "networkPolicies.enabled": true };
  const policiesOf = (documents: readonly Rendered[]) =>
    ofKind(documents, "NetworkPolicy").map(({ metadata, spec }) => {
      assert.equal(metadata.namespace, namespace);
      return { name: metadata.name, ...(spec as Policy) };
    });

  interface Scene {
    readonly may: (from: End, to: End, port: number) => boolean;
    readonly operator: Pod;
    readonly test: Pod;
  }
  async function scene(sets: Sets = {}): Promise<Scene> {
    const documents = await helms.render("4", { ...on, ...sets });
    const policies = policiesOf(documents);
    const [deployment] = ofKind(documents, "Deployment");
    const [test] = ofKind(documents, "Pod");
    return {
      may: (from, to, port) => mayConnect(policies, [from, to], port),
      operator: podOf(templateOf(deployment!)),
      test: podOf(test as unknown as Template),
    };
  }
  const etcd = etcdPod();
  const elsewhere = (labels: Labels = {}, where = "shop"): Pod => ({
    ...{ namespace: where, labels, ports: {} },
  });
  const sidecar = elsewhere({ [sidecarLabel]: "injected" });
  const all = [ports.health, ports.webhooks, ports.identity, clientPort, peerPort, probePort];
  const open = ({ may }: Scene, from: End, to: End): number[] =>
    [...all, 22, 443].filter((port) => may(from, to, port));

  it("are there when they are asked for, of etcd where the operator runs it", async () => {
    const names = async (sets: Sets) =>
      policiesOf(await helms.render("4", sets)).map(({ name }) => name).sort();
    assert.deepEqual(await names({}), []);
    assert.deepEqual(await names(on), ["holdfast-etcd", "holdfast-operator"]);
    assert.deepEqual(await names({ ...on, ...external }), ["holdfast-operator"]);
    for (const { policyTypes } of policiesOf(await helms.render("4", on)))
      assert.deepEqual(policyTypes, ["Ingress", "Egress"]);
  });

  it("let to the operator: the API server, sidecars of all namespaces, who reads metrics; and nobody to another port", async () => {
    const here = await scene();
    const { operator } = here;
    assert.deepEqual(open(here, outside, operator), [ports.webhooks]);
    const pods = [ports.health, ports.webhooks, ports.identity];
    for (const pod of [sidecar, elsewhere(), here.test]) assert.deepEqual(open(here, pod, operator), pods);
  });

  it("let to etcd: the operator, pods with a sidecar, the chart's test; others to its metrics only", async () => {
    const here = await scene();
    assert.deepEqual(open(here, here.operator, etcd), [clientPort]);
    assert.deepEqual(open(here, sidecar, etcd), [clientPort, probePort]);
    assert.deepEqual(open(here, here.test, etcd), [clientPort, probePort]);
    for (const pod of [elsewhere(), elsewhere({ [sidecarLabel]: "no" }), elsewhere({}, namespace)])
      assert.deepEqual(open(here, pod, etcd), [probePort]);
    assert.deepEqual(open(here, outside, etcd), []);
    assert.deepEqual(open(here, etcd, etcd), [peerPort]);
  });

  it("let metrics be read from named namespaces only, where some are named", async () => {
    const here = await scene({ "networkPolicies.metricsNamespaces": ["monitoring"] });
    const reader = elsewhere({}, "monitoring");
    assert.ok(here.may(reader, here.operator, ports.health) && here.may(reader, etcd, probePort));
    for (const pod of [sidecar, elsewhere()])
      assert.ok(!here.may(pod, here.operator, ports.health) && !here.may(pod, etcd, probePort));
  });

  it("let the operator out to the API server, to etcd and to DNS, and etcd to DNS only", async () => {
    const here = await scene({ "networkPolicies.apiServerCidrs": ["10.0.0.0/8"] });
    const { operator, may } = here;
    const reached = (from: End, to: End) => [53, 443, 6443, 12379].filter((port) => may(from, to, port));
    assert.deepEqual(reached(operator, outside), [443, 6443]);
    assert.deepEqual(reached(operator, elsewhere()), [53]);
    assert.deepEqual(reached(etcd, outside), []);
    assert.deepEqual(reached(etcd, elsewhere()), [53]);
    const other = await scene({ ...external, "networkPolicies.apiServerPorts": [8443] });
    assert.deepEqual(
      [443, 6443, 8443, 12379].filter((port) => other.may(other.operator, outside, port)),
      [8443, 12379],
    );
  });

  it("have the ports that the page about them has", () => {
    const page = readFileSync("docs/operations/installation.md", "utf8");
    const rows = [...page.matchAll(/^\| (operator|etcd) +\| (\d+) /gm)].map(
      ([, to, port]) => `${String(to)} ${String(port)}`,
    );
    assert.deepEqual(rows.sort(), [
      ...[clientPort, peerPort, probePort].map((port) => `etcd ${String(port)}`),
      ...[ports.health, ports.webhooks, ports.identity].map((port) => `operator ${String(port)}`),
    ]);
  });
});
