import assert from "node:assert/strict";
import fc from "fast-check";
import type { Instant } from "#core/runtime.ts";
import { decide, noMemory, type Memory, type Plan } from "#operator/controllers/sidecars/decide.ts";
import { judge } from "#operator/controllers/sidecars/judge.ts";
import { restartAdvice } from "#operator/controllers/sidecars/restart.ts";
import type { KubeObject } from "#operator/kube/objects.ts";
import { current, pod } from "./support.ts";

const tellAfterMs = 30_000;
const asking = { "holdfast.dev/inject": "enabled" };

/** One namespace over time, told as the controller does. */
class Namespace {
  labels: Readonly<Record<string, string>> | undefined = asking;
  pods: readonly KubeObject[] = [];
  now = 1_000;
  #memory: Memory = noMemory;

  /** `tells`: whether Events may be sent now. */
  look(tells = true): Plan {
    const { labels, pods, now } = this;
    const plan = decide({ name: "shop", labels, pods, current }, this.#memory, {
      ...{ now: now as Instant, tellAfterMs },
    });
    const told = tells ? plan.tell.map(({ key }) => key) : [];
    this.#memory = { ...plan.memory, told: new Set([...plan.memory.told, ...told]) };
    return plan;
  }

  /** What is told by the end of so long. */
  after(ms: number): string[] {
    this.look();
    this.now += ms;
    return saidIn(this.look());
  }
}

const saidIn = ({ tell }: Plan): string[] =>
  tell.map(({ news }) => `${news.reason} ${news.regarding.kind} ${news.regarding.metadata.name}`);

describe("what is said of a namespace's pods", () => {
  it("is how many have a sidecar, and the names of those that are to be made anew", () => {
    const shop = new Namespace();
    shop.pods = [
      ...[pod({ name: "z" }), pod({ name: "b" }), pod({ name: "off", inject: "disabled" })],
      pod({ name: "old", mark: ["1.1.0", "x"] }),
      pod({ name: "other", mark: ["1.2.0", "x"] }),
      pod({ name: "good", mark: ["1.2.0", "cafe"] }),
    ];
    const { tally } = shop.look();
    const found = { Missing: ["b", "z"], OldVersion: ["old"], OldTemplate: ["other"] };
    assert.deepEqual(tally, { injected: 3, found });
  });

  it("is nothing where the namespace is not known, or is being deleted", () => {
    const shop = new Namespace();
    shop.labels = undefined;
    shop.pods = [pod({ inject: "enabled" }), pod({ name: "b", mark: ["1.0.0", "x"] })];
    const none = { Missing: [], OldVersion: [], OldTemplate: [] };
    assert.deepEqual(shop.look().tally, { injected: 0, found: none });
  });

  it("is told of a pod once it has stood, and once only", () => {
    const shop = new Namespace();
    shop.pods = [pod({ name: "a" })];
    assert.deepEqual(saidIn(shop.look()), []);
    assert.equal(shop.look().again, 31_000);
    shop.now = 30_999;
    assert.deepEqual(saidIn(shop.look()), []);
    shop.now = 31_000;
    assert.deepEqual(saidIn(shop.look()), ["SidecarMissing Pod a"]);
    assert.equal(shop.look().again, undefined);
    assert.deepEqual(shop.after(1_000_000), []);
  });

  it("waits where it could not be told, and goes when it is over", () => {
    const shop = new Namespace();
    shop.pods = [pod({ name: "a" }), pod({ name: "b" })];
    shop.look();
    shop.now += tellAfterMs;
    assert.deepEqual(saidIn(shop.look(false)), ["SidecarMissing Pod a", "SidecarMissing Pod b"]);
    shop.pods = [pod({ name: "b" })];
    assert.deepEqual(saidIn(shop.look()), ["SidecarMissing Pod b"]);
  });

  it("is not told of a pod that is made anew in time, nor when another of its name comes", () => {
    const shop = new Namespace();
    shop.pods = [pod({ name: "a" })];
    assert.deepEqual(shop.after(20_000), []);
    const next = pod({ name: "a" });
    shop.pods = [{ ...next, metadata: { ...next.metadata, uid: "another" } }];
    assert.deepEqual(shop.after(20_000), []);
    assert.deepEqual(shop.after(10_000), ["SidecarMissing Pod a"]);
  });

  it("begins anew where a finding went and came, and where another took its place", () => {
    const shop = new Namespace();
    shop.pods = [pod({ name: "a" })];
    shop.after(tellAfterMs);
    shop.labels = {};
    assert.deepEqual(shop.after(tellAfterMs), []);
    shop.labels = asking;
    assert.deepEqual(shop.after(tellAfterMs - 1), []);
    assert.deepEqual(shop.after(1), ["SidecarMissing Pod a"]);
    shop.pods = [pod({ name: "a", mark: ["1.1.0", "x"] })];
    assert.deepEqual(shop.after(tellAfterMs - 1), []);
    assert.deepEqual(shop.after(1), ["SidecarOldVersion Pod a"]);
  });

  it("is told of each pod that has none, and of an old sidecar once for all pods of one make", () => {
    const shop = new Namespace();
    const owner = "ReplicaSet orders-6f";
    shop.pods = [
      ...["a", "b"].map((name) => pod({ name, owner, mark: ["1.1.0", "x"] })),
      ...["c", "d"].map((name) => pod({ name, owner })),
      pod({ name: "e", mark: ["1.2.0", "x"] }),
    ];
    assert.deepEqual(shop.after(tellAfterMs), [
      ...["SidecarMissing Pod c", "SidecarMissing Pod d", "SidecarOldVersion ReplicaSet orders-6f"],
      "SidecarOldTemplate Pod e",
    ]);
    shop.pods = [pod({ name: "late", owner, mark: ["1.1.0", "x"] }), ...shop.pods];
    assert.deepEqual(shop.after(tellAfterMs), []);
  });

  it("says what to do", () => {
    const note = (one: KubeObject): string => {
      const shop = new Namespace();
      shop.pods = [one];
      shop.look();
      shop.now += tellAfterMs;
      const [told] = shop.look().tell;
      assert.ok(told !== undefined);
      assert.equal(told.news.once, true);
      assert.equal(told.news.type, told.news.reason === "SidecarMissing" ? "Warning" : "Normal");
      assert.equal(told.news.regarding.metadata.namespace, "shop");
      return told.news.note;
    };
    const labels = { "pod-template-hash": "6f" };
    assert.match(
      note(pod({ name: "orders-6f-1", owner: "ReplicaSet orders-6f", labels })),
      /^The pod asks .* runs without: .*\. Have it made anew: kubectl rollout restart deployment\/orders --namespace shop$/,
    );
    assert.match(
      note(pod({ owner: "StatefulSet db", mark: ["1.1.0", "x"] })),
      /^The pod 'a', and maybe others of it, has .* kubectl rollout restart statefulset\/db --namespace shop$/,
    );
  });

  /** Whatever comes in whatever order. */
  it("is what each pod comes to, and a second look tells nothing", () => {
    const one = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      inject: fc.constantFrom("enabled", "disabled"),
      mark: fc.constantFrom(
        undefined,
        ...([["1.2.0", "cafe"]] as const),
        ...([["1.1.0", "x"]] as const),
        ...([["1.2.0", "x"]] as const),
      ),
      owner: fc.constantFrom("ReplicaSet o", "StatefulSet s"),
      deleted: fc.boolean(),
    });
    const step = fc.record({
      pods: fc.uniqueArray(one, { selector: ({ name }) => name }),
      labels: fc.constantFrom(undefined, {}, asking),
      ms: fc.nat(40_000),
      tells: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const shop = new Namespace();
        for (const { pods, labels, ms, tells } of steps) {
          Object.assign(shop, {
            labels,
            pods: pods.map(({ mark, ...said }) =>
              pod(mark === undefined ? said : { ...said, mark }),
            ),
          });
          shop.now += ms;
          const plan = shop.look(tells);
          const judged = shop.pods.map((each) =>
            labels === undefined ? undefined : judge(each, { name: "shop", labels }, current),
          );
          const count = (reason: string) =>
            judged.filter((each) => each?.finding?.reason === reason).length;
          for (const [reason, names] of Object.entries(plan.tally.found))
            assert.equal(names.length, count(reason));
          assert.equal(plan.tally.injected, judged.filter((each) => each?.hasSidecar).length);
          const again = shop.look(tells);
          assert.deepEqual(again.tally, plan.tally);
          assert.deepEqual(saidIn(again), tells ? [] : saidIn(plan));
          assert.equal(new Set(saidIn(plan)).size, plan.tell.length);
        }
      }),
    );
  });
});

describe("how a pod is made anew", () => {
  const advice = (said: Parameters<typeof pod>[0]) => restartAdvice(pod({ name: "p", ...said }));

  it("is by the workload that made it", () => {
    const labels = { "pod-template-hash": "6f" };
    assert.match(advice({ owner: "ReplicaSet a-b-6f", labels }), / restart deployment\/a-b --name/);
    assert.match(advice({ owner: "DaemonSet log" }), / restart daemonset\/log --namespace shop$/);
    assert.match(advice({ owner: "Job once" }), /^Let the Job 'once' end/);
    assert.match(advice({}), /^Nobody makes it again: delete it, and create it anew\.$/);
  });

  it("is by deleting it where its maker cannot be restarted, or is not known to be a Deployment's", () => {
    for (const said of [
      { owner: "ReplicaSet bare" },
      { owner: "ReplicaSet bare", labels: { "pod-template-hash": "6f" } },
      { owner: "Rollout canary" },
    ])
      assert.match(advice(said), /: kubectl delete pod p --namespace shop$/);
  });
});
