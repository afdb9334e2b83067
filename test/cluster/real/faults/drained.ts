/**
 * The node is drained of the pods that hold locks. There is only one, so their successors wait for it, and get the locks as
 * soon as they are there. The budget of the operators, and an etcd of one member, would hold up a drain of everything for
 * as long as there is no second node: what it does to them is a deletion of each.
 */
import assert from "node:assert/strict";
import { nodeName } from "#tools/cluster/real/site.ts";
import { until } from "#tools/cluster/until.ts";
import { assertNoLie, tell, type FaultStage } from "./stage.ts";

const namespace = "drained";
/** Of the installation: what is left to the session's end takes longer than any of this. */
const sessionMs = 600_000;

/** `alone`: what else runs on this cluster has ended. */
export async function nodeDrained(stage: FaultStage, alone: Promise<unknown>): Promise<void> {
  const { made } = stage;
  const place = { namespace, pod: "worker-0" };
  await made.openNamespace(namespace);
  await made.apply(namespace, workers(stage.pod(place, { locks: ["1", "2"] })));
  const { at: grantedAt } = await stage.until(place, "granted");
  await alone;

  const apps = ["--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=worker-0"];
  const drained = await made.kubectl("drain", nodeName, ...apps, "--timeout=100s");
  try {
    assert.match(drained, /evicting pod drained\/worker-0/);
    assert.match(drained, /drained$/m);
    const { at: endedAt } = await stage.until(place, "ended", { after: grantedAt });
    await until("the successor to wait for a node", async () => {
      const why = '{.status.conditions[?(@.type=="PodScheduled")].reason}';
      const pod = ["get", "pod", place.pod, "-n", namespace, "-o", `jsonpath=${why}`];
      return (await made.kubectl(...pod)) === "Unschedulable";
    });
    await made.kubectl("uncordon", nodeName);
    const asking = await stage.until(place, "asking", { after: endedAt });
    const next = await stage.until(place, "granted", { after: endedAt });
    tell(
      `node drained: the successor was granted ${Math.round(next.at - asking.at)} ms after it asked`,
    );
    assert.ok(next.at - asking.at < sessionMs / 2, "the lock was left to the session's end");
    assertNoLie([stage.record(place)]);
  } finally {
    await made.kubectl("uncordon", nodeName);
  }
}

function workers(pod: object): object {
  const { metadata, spec } = pod as { readonly metadata: object; readonly spec: object };
  const name = "worker";
  return {
    ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name } },
    spec: {
      ...{ replicas: 1, serviceName: name, selector: { matchLabels: { app: "worker-0" } } },
      template: { metadata: { ...metadata, name: undefined }, spec },
    },
  };
}
