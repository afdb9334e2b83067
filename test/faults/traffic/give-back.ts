/** What an earlier life of an app, or a request whose outcome is not known, holds under the pod's name is given back. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Desk } from "./desk.ts";
import { holderOf } from "./plan.ts";

const answerMs = 5_000;
const againAfterMs = 300;
/** All is healed by then. */
const withinMs = 60_000;

/** Until it is answered: nothing more is to be taken under that name before. */
export async function giveBack({ plan: { pod }, record, apiOf }: Desk): Promise<void> {
  const holder = holderOf(pod);
  const until = performance.now() + withinMs;
  while (performance.now() < until) {
    record.write({ kind: "releasingHolder", holder, pod });
    const sent = { signal: AbortSignal.timeout(answerMs) };
    const answer = await apiOf(pod)
      .delete(`/v1/grants?holder=${holder}`, sent)
      .catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(againAfterMs);
  }
}
