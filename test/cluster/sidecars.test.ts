/** Pods that run without the sidecar that they ask for, and old sidecars: found by a real operator on a real API server. */
import assert from "node:assert/strict";
import packageFile from "../../package.json" with { type: "json" };
import { injectionAnnotation, injectLabel, sidecarLabel } from "#api/names.ts";
import { canonicalJson } from "#core/json.ts";
import { operatorNamespace, operatorWebhooks } from "#test/support/kube/operator-role.ts";
import { firstOf } from "#test/support/logged-process.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { until } from "#tools/cluster/until.ts";
import { markOf } from "../unit/operator/controllers/sidecars/support.ts";
import { OperatorStage } from "./operator-stage.ts";
import { configureWebhooks, tryPod } from "./webhooks-configured.ts";

const env = {
  HOLDFAST_SIDECAR_IMAGE: "example.test/holdfast-sidecar:1",
  HOLDFAST_WEBHOOK_CONFIGURATION: operatorWebhooks,
};
const spec = { containers: [{ name: "app", image: "app" }] };
const { version } = packageFile;

interface EventSeen {
  readonly metadata: { readonly name: string };
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string; readonly uid: string };
}

describe("the pods that are to be made anew", function () {
  this.timeout(150_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;

  before(async () => {
    stage = await OperatorStage.start({ controllerManager: true });
    for (const name of ["shop", "quiet"]) await namespace(name);
    // Made while nobody was there to be asked about them.
    await pod({ name: "early" });
    await pod({ name: "off", labels: { [injectLabel]: "disabled" } });
    await pod({ name: "done" });
    await pod({ name: "old", mark: ["0.0.1", "beef"] });
    await pod({ name: "other", mark: [version, "beef"] });
    await pod({ name: "newer", mark: ["999.0.0", "beef"] });
    await pod({ name: "own", namespace: "quiet", labels: { [injectLabel]: "enabled" } });
    await pod({ name: "quiet", namespace: "quiet" });
    const system = { namespace: operatorNamespace, labels: { [injectLabel]: "enabled" } };
    await until("the service account", () => pod({ name: "system", ...system }));
    await workload();
    operator = await stage.operator(env);
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  const applied = (manifest: object) =>
    stage.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));

  async function namespace(name: string): Promise<void> {
    await stage.kubectl("create", "namespace", name);
    const account = ["get", "serviceaccount", "default", "-n", name];
    await until("the service account", () => stage.kubectl(...account));
  }

  async function pod(wanted: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly mark?: readonly [version: string, template: string];
  }): Promise<string> {
    const { name, namespace: where = "shop", mark } = wanted;
    const labels = { ...wanted.labels, ...(mark && { [sidecarLabel]: "injected" }) };
    const annotations = mark && { [injectionAnnotation]: markOf(...mark) };
    const metadata = { name, namespace: where, labels, annotations };
    return applied({ apiVersion: "v1", kind: "Pod", metadata, spec });
  }

  /** One of whose pods nobody has to wait for the end: there is no node. */
  async function workload(): Promise<void> {
    const labels = { app: "web" };
    await applied({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "shop" },
      spec: {
        replicas: 3,
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    });
    await until("its pods", async () => (await webPods()).length === 3);
  }

  const namesOf = async (...args: readonly string[]): Promise<string[]> => {
    const text = await stage.kubectl("get", "pods", ...args, "-o", "name");
    return text.split("\n").filter((line) => line !== "");
  };
  const webPods = () => namesOf("-n", "shop", "-l", "app=web");

  /** `Missing shop 4`, as the status has it. */
  async function listed(): Promise<string[]> {
    const { sidecars } = (await stage.backend.get()).status ?? {};
    if (sidecars === undefined) throw new Error("nothing is said of pods yet");
    return (sidecars.list ?? []).map((one) => `${one.reason} ${one.namespace} ${one.pods}`);
  }

  /** The same, as the metrics have it. */
  async function counted(by = operator): Promise<string[]> {
    const { text } = await by.health.get("/metrics");
    const line = /^holdfast_pods_to_restart\{pod_namespace="(.*)",reason="(.*)"\} (\d+)$/gm;
    return [...text.matchAll(line)].map(([, where, reason, pods]) => `${reason} ${where} ${pods}`);
  }

  const is = (what: string, look: () => Promise<string[]>, wanted: readonly string[]) =>
    until(`${what} to say ${wanted.join()}`, async () => {
      const seen = await look();
      if (seen.join() === wanted.join()) return true;
      throw new Error(seen.join());
    });
  const become = (...wanted: readonly string[]) => is("the metrics", counted, wanted);

  async function events(): Promise<EventSeen[]> {
    const args = ["get", "events.events.k8s.io", "-A", "-o", "json"];
    const { items } = JSON.parse(await stage.kubectl(...args)) as { items: EventSeen[] };
    return items.filter(({ reason }) => reason.startsWith("Sidecar"));
  }
  const told = async (): Promise<string[]> =>
    (await events())
      .map(({ reason, regarding }) => `${reason} ${regarding.kind} ${regarding.name}`)
      .sort();

  it("are counted by namespace: those that ask by themselves, and old sidecars", async () => {
    const wanted = ["Missing quiet 1", "OldVersion shop 1", "OldTemplate shop 1"];
    await become(...wanted);
    await is("the status", listed, wanted);
    assert.equal(await operator.metric("holdfast_pods_with_sidecar"), 3);
    const { sidecars } = (await stage.backend.get()).status ?? {};
    const { list = [], ...counts } = sidecars ?? {};
    assert.deepEqual(counts, { injected: 3, missing: 1, oldVersion: 1, oldTemplate: 1 });
    assert.deepEqual(
      list.map(({ names }) => names),
      [["own"], ["old"], ["other"]],
    );
  });

  it("are all those that were there when their namespace got its label, but for who asks for none or has ended", async () => {
    const patch = JSON.stringify({ status: { phase: "Succeeded" } });
    await stage.kubectl("label", "namespace", "shop", `${injectLabel}=enabled`);
    await become("Missing shop 5", "Missing quiet 1", "OldVersion shop 1", "OldTemplate shop 1");
    const done = ["patch", "pod", "done", "-n", "shop", "--subresource=status"];
    await stage.kubectl(...done, "--type=merge", "-p", patch);
    await become("Missing shop 4", "Missing quiet 1", "OldVersion shop 1", "OldTemplate shop 1");
  });

  it("are those that the page's lines find", async () => {
    const without = await namesOf("-n", "shop", "-l", "holdfast.dev/sidecar!=injected");
    for (const name of ["pod/early", ...(await webPods())]) assert.ok(without.includes(name), name);
    const asking = ["-A", "-l", "holdfast.dev/inject=enabled,holdfast.dev/sidecar!=injected"];
    assert.deepEqual((await namesOf(...asking)).sort(), ["pod/own", "pod/system"]);
    const path = '{range .status.sidecars.list[*]}{.reason}{"\\t"}{.namespace}{"\\n"}{end}';
    await until("the status", async () => (await listed()).length === 4);
    const args = ["get", "hfbackend", "default", "-n", operatorNamespace, "-o"];
    const said = await stage.kubectl(...args, `jsonpath=${path}`);
    assert.match(said, /^Missing\tshop\nMissing\tquiet\nOldVersion\tshop\n/);
  });

  it("are told of once, with what to do: of each pod that has none, and of the make of old ones", async () => {
    const web = (await webPods()).map((name) => `SidecarMissing Pod ${name.slice(4)}`);
    const wanted = [
      ...["SidecarMissing Pod early", "SidecarMissing Pod own", ...web],
      ...["SidecarOldTemplate Pod other", "SidecarOldVersion Pod old"],
    ].sort();
    await until("the Events", async () => {
      const seen = await told();
      if (seen.length >= wanted.length) return true;
      throw new Error(seen.join());
    });
    assert.deepEqual(await told(), wanted);
    const all = await events();
    const uids = JSON.parse(await stage.kubectl("get", "pods", "-A", "-o", "json")) as {
      items: { metadata: { name: string; uid: string } }[];
    };
    for (const { regarding } of all)
      assert.ok(
        uids.items.some(
          ({ metadata: { name, uid } }) => name === regarding.name && uid === regarding.uid,
        ),
      );
    const restart = "kubectl rollout restart deployment/web --namespace shop";
    const ofWeb = all.filter(({ regarding }) => regarding.name.startsWith("web-"));
    assert.ok(ofWeb.every(({ note, type }) => note.endsWith(restart) && type === "Warning"));
    const described = await stage.kubectl("describe", "pod", "early", "-n", "shop");
    assert.match(described, /SidecarMissing .*by its namespace's label .*create it anew/);
  });

  it("are told of by no second operator, and not again by the next leader; what is said of them stays", async () => {
    const before = await events();
    const second = await stage.operator(env);
    assert.deepEqual(await counted(second), []);
    assert.equal(await second.metric("holdfast_pods_with_sidecar"), undefined);
    await operator.terminate();
    operator = second;
    await until(
      "it to count",
      async () => (await operator.metric("holdfast_pods_with_sidecar")) === 3,
    );
    assert.equal((await listed()).length, 4);
    await until("each to be tried once more", async () => {
      const requests = await stage.cluster.audited();
      const again = requests.filter(
        ({ resource, verb, code }) => resource === "events" && verb === "create" && code === 409,
      );
      return again.length >= before.length;
    });
    const names = (some: readonly EventSeen[]) => some.map(({ metadata }) => metadata.name).sort();
    assert.deepEqual(names(await events()), names(before));
    assert.equal((await operator.metric("holdfast_kube_events_dropped_total")) ?? 0, 0);
  });

  it("are no more when they are relabelled, deleted, or made anew as they were told to be", async () => {
    await stage.kubectl(
      "label",
      "pod",
      "own",
      "-n",
      "quiet",
      `${injectLabel}=disabled`,
      "--overwrite",
    );
    await stage.kubectl("delete", "pod", "old", "-n", "shop", "--now");
    await become("Missing shop 4", "OldTemplate shop 1");
    await configureWebhooks(stage, firstOf((await operator.said("listening"))["webhooks"]));
    await until("the API server to ask", async () => {
      const labels = { [injectLabel]: "yes" };
      return (await tryPod(stage, { namespace: "shop", labels })).includes("denied the request");
    });
    await stage.kubectl("rollout", "restart", "deployment/web", "--namespace", "shop");
    await stage.kubectl("delete", "pod", "early", "other", "-n", "shop", "--now");
    await become();
    // The Deployment's three, and one that a newer operator made.
    const wanted = { injected: 4, missing: 0, oldVersion: 0, oldTemplate: 0 };
    await until("the status to say so", async () => {
      const { sidecars } = (await stage.backend.get()).status ?? {};
      return canonicalJson(sidecars) === canonicalJson(wanted);
    });
  });

  it("cost the operator nothing that it may not do", async () => {
    const requests = await stage.cluster.audited();
    assert.deepEqual(
      requests.filter(({ code }) => code === 403),
      [],
    );
    const ofPods = requests.filter(({ resource }) => resource.startsWith("pods"));
    assert.deepEqual([...new Set(ofPods.map(({ verb }) => verb))].sort(), ["list", "watch"]);
  });
});
