/** Injection from end to end: a real API server asks a real operator about pods, by the webhooks as the chart has them. */
import assert from "node:assert/strict";
import { injectionAnnotation, injectLabel, sidecarLabel } from "#api/names.ts";
import { operatorNamespace, operatorWebhooks } from "#test/support/kube/operator-role.ts";
import { firstOf } from "#test/support/logged-process.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";
import { configureWebhooks } from "./webhooks-configured.ts";

const env = {
  HOLDFAST_SIDECAR_IMAGE: "example.test/holdfast-sidecar:1",
  HOLDFAST_WEBHOOK_CONFIGURATION: operatorWebhooks,
};
const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  runAsNonRoot: true,
  runAsUser: 1_000,
  seccompProfile: { type: "RuntimeDefault" },
};

interface PodSeen {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
    readonly containers: readonly { readonly name: string }[];
  };
}

interface Wanted {
  readonly namespace: string;
  readonly label?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly args?: readonly string[];
}

describe("injection", function () {
  this.timeout(120_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;
  let count = 0;

  before(async function () {
    this.timeout(120_000);
    stage = await OperatorStage.start({ controllerManager: true });
    await namespace("asks", { [injectLabel]: "enabled" });
    await namespace("quiet", {});
    await namespace("strict", {
      [injectLabel]: "enabled",
      "pod-security.kubernetes.io/enforce": "restricted",
    });
    operator = await stage.operator(env);
    await configure();
    await trusted();
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  async function namespace(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await applied({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    const account = ["get", "serviceaccount", "default", "-n", name];
    await until("the service account", () => stage.kubectl(...account));
  }

  const applied = (manifest: object) =>
    stage.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));

  const configure = async (): Promise<void> =>
    configureWebhooks(stage, firstOf((await operator.said("listening"))["webhooks"]));

  async function bundles(): Promise<readonly (string | undefined)[]> {
    const args = ["mutatingwebhookconfiguration", operatorWebhooks, "-o", "json"];
    const { webhooks } = JSON.parse(await stage.kubectl("get", ...args)) as {
      webhooks: readonly { clientConfig: { caBundle?: string } }[];
    };
    return webhooks.map(({ clientConfig }) => clientConfig.caBundle);
  }

  async function authority(): Promise<string> {
    const args = ["secret", "holdfast-ca-operator", "-n", operatorNamespace];
    return stage.kubectl("get", ...args, "-o", "jsonpath={.data.ca\\.crt}");
  }

  /** Both entries name the authority, and the API server has taken them up. */
  async function trusted(): Promise<void> {
    await until("both bundles", async () => {
      const wanted = await authority();
      return wanted !== "" && (await bundles()).every((bundle) => bundle === wanted);
    });
    for (const [where, label] of [
      ["asks", undefined],
      ["quiet", "enabled"],
    ] as const)
      await until("the API server to ask", async () => {
        const args = ["--dry-run=server"];
        const made = await pod({ namespace: where, ...(label !== undefined && { label }), args });
        return made.spec.initContainers !== undefined;
      });
  }

  async function pod({
    namespace: where,
    label,
    annotations = {},
    spec,
    args = [],
  }: Wanted): Promise<PodSeen> {
    count += 1;
    const labels = label === undefined ? {} : { [injectLabel]: label };
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `app-${count}`, namespace: where, labels, annotations },
      spec: {
        containers: [{ name: "app", image: "app" }],
        initContainers: [{ name: "setup", image: "app" }],
        ...spec,
      },
    };
    const create = ["create", "-f", "-", "-o", "json", ...args];
    return JSON.parse(await stage.cluster.kubectl.run(create, JSON.stringify(manifest))) as PodSeen;
  }

  const namesOf = ({ spec }: PodSeen) => spec.initContainers?.map(({ name }) => name);
  const untouched = (seen: PodSeen): void => {
    assert.deepEqual(namesOf(seen), ["setup"]);
    assert.equal(seen.metadata.labels?.[sidecarLabel], undefined);
  };
  const counted = async (outcome: string, reason: string) =>
    (await operator.metric(`holdfast_injection_total{outcome="${outcome}",reason="${reason}"}`)) ??
    0;

  it("gives a pod of a labelled namespace its sidecar, before all other init containers", async () => {
    const seen = await pod({ namespace: "asks" });
    assert.deepEqual(namesOf(seen), ["holdfast", "setup"]);
    assert.equal(seen.spec.initContainers?.[0]?.image, env.HOLDFAST_SIDECAR_IMAGE);
    assert.equal(seen.metadata.labels?.[sidecarLabel], "injected");
    const mark = JSON.parse(seen.metadata.annotations?.[injectionAnnotation] ?? "{}") as object;
    assert.deepEqual(Object.keys(mark), [
      "version",
      "template",
      "settings",
      "container",
      "volumes",
    ]);
    assert.ok((await counted("patched", "")) > 0);
  });

  it("lets the pod's own label win, both ways", async () => {
    untouched(await pod({ namespace: "asks", label: "disabled" }));
    const seen = await pod({ namespace: "quiet", label: "enabled" });
    assert.deepEqual(namesOf(seen), ["holdfast", "setup"]);
  });

  it("takes up a namespace's label at once, also where its pods were just asked about", async () => {
    await namespace("late", {});
    assert.ok(namesOf(await pod({ namespace: "late", label: "enabled" }))?.includes("holdfast"));
    await stage.kubectl("label", "namespace", "late", `${injectLabel}=enabled`);
    await until("the API server to see the label", async () =>
      namesOf(await pod({ namespace: "late" }))?.includes("holdfast"),
    );
    assert.equal(await counted("skipped", "NotAsked"), 0);
  });

  it("leaves a pod alone that nobody labelled", async () => {
    untouched(await pod({ namespace: "quiet" }));
  });

  it("refuses what cannot have a sidecar, and names the field, the annotation, the label", async () => {
    const before = await counted("refused", "HostNetwork");
    await assert.rejects(
      pod({ namespace: "asks", spec: { hostNetwork: true } }),
      /inject\.holdfast\.dev.*denied the request: The pod has spec\.hostNetwork/s,
    );
    assert.equal(await counted("refused", "HostNetwork"), before + 1);
    const wrong = { "holdfast.dev/session-ttl": "soon" };
    await assert.rejects(
      pod({ namespace: "asks", annotations: wrong }),
      /denied the request: .*holdfast\.dev\/session-ttl/s,
    );
    await assert.rejects(
      pod({ namespace: "quiet", label: "yes" }),
      /denied the request: .*holdfast\.dev\/inject.*of the pod/s,
    );
  });

  it("does nothing but answer on a dry run", async () => {
    const args = ["--dry-run=server"];
    const [patched, refused] = [
      await counted("patched", ""),
      await counted("refused", "HostNetwork"),
    ];
    assert.ok(namesOf(await pod({ namespace: "asks", args }))?.includes("holdfast"));
    await assert.rejects(pod({ namespace: "asks", spec: { hostNetwork: true }, args }), /denied/);
    assert.equal(await counted("patched", ""), patched);
    assert.equal(await counted("refused", "HostNetwork"), refused);
  });

  it("tells the owner of a refused pod by an Event", async () => {
    const labels = { app: "wide" };
    await applied({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "wide", namespace: "asks" },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { hostNetwork: true, containers: [{ name: "app", image: "app" }] },
        },
      },
    });
    await until("the Event", async () => {
      const list = await stage.kubectl("get", "events.events.k8s.io", "-n", "asks", "-o", "json");
      const { items } = JSON.parse(list) as {
        items: { reason: string; action: string; note: string; regarding: { name: string } }[];
      };
      return items.some(
        ({ reason, action, note, regarding }) =>
          reason === "HostNetwork" &&
          action === "Inject" &&
          note.includes("spec.hostNetwork") &&
          regarding.name === "wide",
      );
    });
    await stage.kubectl("delete", "replicaset", "wide", "-n", "asks");
  });

  it("makes nothing that the policy `restricted` would refuse", async () => {
    const container = { image: "app", securityContext: restricted };
    const spec = {
      containers: [{ ...container, name: "app" }],
      initContainers: [{ ...container, name: "setup" }],
    };
    const seen = await pod({ namespace: "strict", spec });
    assert.deepEqual(namesOf(seen), ["holdfast", "setup"]);
    await assert.rejects(pod({ namespace: "strict" }), /violates PodSecurity "restricted/);
  });

  it("has whom to trust written again where somebody takes it away or changes it", async () => {
    const none = [
      { op: "remove", path: "/webhooks/0/clientConfig/caBundle" },
      { op: "remove", path: "/webhooks/1/clientConfig/caBundle" },
    ];
    const patch = ["patch", "mutatingwebhookconfiguration", operatorWebhooks, "--type=json", "-p"];
    await stage.kubectl(...patch, JSON.stringify(none));
    await trusted();
    await stage.kubectl("delete", "mutatingwebhookconfiguration", operatorWebhooks);
    await configure();
    await trusted();
  });

  it("keeps pods that asked from starting while no operator answers, and no others", async () => {
    await operator.terminate();
    await assert.rejects(pod({ namespace: "asks" }), /failed calling webhook/);
    await assert.rejects(pod({ namespace: "quiet", label: "enabled" }), /failed calling webhook/);
    untouched(await pod({ namespace: "quiet" }));
    untouched(await pod({ namespace: "asks", label: "disabled" }));
    operator = await stage.operator({ HOLDFAST_WEBHOOK_CONFIGURATION: operatorWebhooks });
    await configure();
    await until("it to be asked", async () => {
      const refused = await pod({ namespace: "asks" }).then(
        () => "",
        (error: unknown) => String(error),
      );
      return /denied the request: .*HOLDFAST_SIDECAR_IMAGE/s.test(refused);
    });
  });

  it("is never forbidden anything", async () => {
    const requests = await stage.cluster.audited();
    assert.deepEqual(
      requests.filter(({ code }) => code === 403),
      [],
    );
  });
});
