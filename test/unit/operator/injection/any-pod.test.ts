import assert from "node:assert/strict";
import fc from "fast-check";
import { inject, type InjectionInput } from "#operator/injection/inject.ts";
import type { NamespaceFacts, Pod } from "#operator/injection/pod.ts";
import { applied } from "./json-patch.ts";
import { injector, namespace as usual } from "./support.ts";

interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly volumeMounts?: readonly { readonly name: string }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

interface PodRead {
  readonly metadata: Record<string, unknown>;
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[] | null;
    readonly volumes?: readonly { readonly name: string }[] | null;
  };
}

const meshes = ["istio-init", "istio-validation", "istio-proxy", "linkerd-init", "linkerd-proxy"];
const name = fc.constantFrom("app", "migrate", "web", ...meshes);
const container = fc.record(
  { name, restartPolicy: fc.constant("Always") },
  { requiredKeys: ["name"] },
);
const containers = fc.uniqueArray(container, { selector: (one) => one.name, maxLength: 5 });
const volumes = fc.uniqueArray(
  fc.record({ name: fc.constantFrom("cache", "data", "tmp"), emptyDir: fc.constant({}) }),
  { selector: (one) => one.name },
);
const annotations = fc.record(
  {
    "holdfast.dev/log-level": fc.constantFrom("debug", "warn"),
    "holdfast.dev/health-port": fc.constantFrom("4700", "4701"),
    "holdfast.dev/cpu-limit": fc.constantFrom("2", "500m"),
    "traffic.sidecar.istio.io/excludeOutboundPorts": fc.constantFrom("", "2379", "1,2 ,3"),
    "config.linkerd.io/skip-outbound-ports": fc.constantFrom("", "2000-3000", "x,4658"),
    "linkerd.io/inject": fc.constantFrom("enabled", "disabled"),
    other: fc.string(),
  },
  { requiredKeys: [] },
);
const labels = fc.record(
  { "sidecar.istio.io/inject": fc.constantFrom("true", "false"), "a~b/c": fc.string() },
  { requiredKeys: [] },
);
const anyPod = fc.record({
  metadata: fc.record(
    { annotations: fc.option(annotations), labels: fc.option(labels) },
    { requiredKeys: [] },
  ),
  spec: fc.record(
    {
      containers: containers.filter((all) => all.length > 0),
      initContainers: fc.option(containers),
      volumes: fc.option(volumes),
      securityContext: fc.record({ runAsUser: fc.constantFrom(0, 7) }, { requiredKeys: [] }),
    },
    { requiredKeys: ["containers"] },
  ),
});
/** As it comes: over JSON. */
const pods = anyPod.map((pod) => JSON.parse(JSON.stringify(pod)) as Pod);
const namespaces: fc.Arbitrary<NamespaceFacts> = fc
  .record(
    {
      "linkerd.io/inject": fc.constant("enabled"),
      "config.linkerd.io/skip-outbound-ports": fc.constantFrom("25", "1-65535"),
      "openshift.io/sa.scc.uid-range": fc.constant("1000650000/10000"),
    },
    { requiredKeys: [] },
  )
  .map((said) => ({ ...usual, annotations: textsOf(said) }));

describe("any pod that asks", () => {
  it("needs no further patch after its patch", () => {
    check((pod, namespace) => {
      const again = inject({ pod: patched({ pod, namespace, injector }), namespace, injector });
      assert.equal(again.kind === "skipped" ? again.reason : again, "AlreadyInjected");
    });
  });

  it("has one sidecar then, whose volumes are there once each", () => {
    check((pod, namespace) => {
      const { spec } = read(patched({ pod, namespace, injector }));
      const all = [...spec.containers, ...(spec.initContainers ?? [])];
      const [sidecar, ...more] = all.filter((one) => one.name === "holdfast");
      assert.deepEqual(more, []);
      assert.equal(sidecar?.restartPolicy, "Always");
      const mounted = (sidecar.volumeMounts ?? []).map((mount) => mount.name);
      assert.equal(mounted.length, 2);
      for (const volume of mounted)
        assert.equal(spec.volumes?.filter((one) => one.name === volume).length, 1, volume);
    });
  });

  it("keeps all that it had, in its order", () => {
    check((pod, namespace) => {
      const before = read(pod);
      const after = read(patched({ pod, namespace, injector }));
      const others = (after.spec.initContainers ?? []).filter((one) => one.name !== "holdfast");
      const kept = (after.spec.volumes ?? []).filter((one) => !one.name.startsWith("holdfast-"));
      assert.deepEqual(after.spec.containers, before.spec.containers);
      assert.deepEqual(others, before.spec.initContainers ?? []);
      assert.deepEqual(kept, before.spec.volumes ?? []);
      const restOf = ({ spec }: PodRead): object => ({
        ...spec,
        initContainers: [],
        volumes: [],
      });
      assert.deepEqual(restOf(after), restOf(before));
    });
  });

  it("keeps the sidecar at its place when others come before it and after", () => {
    check((pod, namespace) => {
      const first = read(patched({ pod, namespace, injector }));
      const inits = [{ name: "early" }, ...(first.spec.initContainers ?? []), { name: "late" }];
      const changed = { ...first, spec: { ...first.spec, initContainers: inits } };
      const second = inject({ pod: { ...changed }, namespace, injector });
      const after = second.kind === "patched" ? applied({ ...changed }, second.patch) : changed;
      const names = ({ spec }: PodRead) => spec.initContainers?.map((one) => one.name);
      assert.deepEqual(names(read(after)), names(changed));
      const third = inject({ pod: after, namespace, injector });
      assert.equal(third.kind === "skipped" ? third.reason : third, "AlreadyInjected");
    });
  });

  it("has a sidecar that takes the app's end for that of all only where no other init container comes after it", () => {
    check((pod, namespace) => {
      const { initContainers = [] } = read(patched({ pod, namespace, injector })).spec;
      const at = initContainers?.findIndex((one) => one.name === "holdfast") ?? -1;
      const sidecar = initContainers?.[at];
      const later = initContainers?.slice(at + 1) ?? [];
      const isFree = later.every(
        (one) => one.restartPolicy === "Always" || meshes.includes(one.name),
      );
      const said = sidecar?.env?.find((one) => one.name === "HOLDFAST_APP_ENDS_FIRST");
      assert.equal(said?.value, String(isFree));
    });
  });
});

function check(property: (pod: Pod, namespace: NamespaceFacts) => void): void {
  fc.assert(fc.property(pods, namespaces, property));
}

function patched(input: InjectionInput): Pod {
  const injection = inject(input);
  if (injection.kind !== "patched") assert.fail(`${injection.reason}: ${injection.message}`);
  return applied(input.pod, injection.patch);
}

function read(pod: Pod): PodRead {
  return pod as unknown as PodRead;
}

function textsOf(said: object): Record<string, string> {
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [key, String(value)]));
}
