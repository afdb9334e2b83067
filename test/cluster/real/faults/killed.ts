/**
 * Pods whose app does not hear that it is asked to end, until it is killed: whatever the kubelet does with the sidecar
 * meanwhile, nobody else is granted their locks while the app still lives within what it was told.
 */
import { existsSync } from "node:fs";
import { until } from "#tools/cluster/until.ts";
import { processWith } from "../out-of-memory.ts";
import { appVariable } from "../recording-app.ts";
import { afterGuarantee, assertNoLie, tell, type FaultStage } from "./stage.ts";

interface Killing {
  readonly namespace: string;
  readonly how: readonly string[];
  readonly graceSeconds: number;
  readonly preStop?: boolean;
  /** It is an init container, which the kubelet asks to end together with the sidecar. */
  readonly inInit?: boolean;
}

export const killings: Readonly<Record<string, Killing>> = {
  "at the end of its grace period": { namespace: "deaf", how: [], graceSeconds: 4 },
  "after a preStop that took all of its grace period": {
    ...{ namespace: "hooked", how: [], graceSeconds: 3, preStop: true },
  },
  "with a grace period of a second": {
    ...{ namespace: "brief", how: ["--grace-period=1"], graceSeconds: 30 },
  },
  "while it is an init container": {
    ...{ namespace: "begins", how: [], graceSeconds: 7, inInit: true },
  },
  "by force": {
    ...{ namespace: "forced", how: ["--force", "--grace-period=0"], graceSeconds: 30 },
  },
};

export async function killedApp(stage: FaultStage, plan: Killing): Promise<void> {
  const { namespace, how, graceSeconds, preStop = false, inInit = false } = plan;
  const { holder, waiter, grant } = await stage.pair(namespace, {
    ...{ onTerm: "ignores", graceSeconds, preStop, inInit },
    annotations: { "holdfast.dev/session-ttl": "10s" },
  });
  const app = processWith(appVariable, holder.pod);
  await stage.made.kubectl("delete", "pod", holder.pod, "-n", namespace, "--wait=false", ...how);
  const next = await stage.until(waiter, "granted");
  await until("the app to be killed", () => Promise.resolve(!existsSync(`/proc/${app}`)));
  const first = stage.ended(holder);
  const sinceBreathMs = Math.round(next.at - (first.lastBreath ?? Number.NaN));
  tell(
    `pod killed (${namespace}): the next was granted ${sinceBreathMs} ms after the app's last breath, ${afterGuarantee(first, grant, next)} ms after the guarantee's end`,
  );
  assertNoLie([first, stage.record(waiter)]);
}
