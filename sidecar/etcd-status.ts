/** etcd's state as the client knows it, in the words of GET /v1/session and of the log. */
import { sleep, type Runtime } from "#core/runtime.ts";
import type { EtcdStatus as ClientStatus } from "#etcd/client.ts";
import { fullAdvice, type EtcdStatus } from "./handlers/status.ts";

const lookEveryMs = 1_000;

/** Logs it when etcd's database is full, and when it has space again, until the signal aborts. */
export async function tellWhenFull(
  runtime: Runtime,
  isFull: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { log } = runtime;
  for (let was = false; ;) {
    await sleep(runtime, lookEveryMs, signal);
    const is = isFull();
    if (is && !was)
      log.error(`etcd's database is full: releases go on, nothing new is locked; ${fullAdvice}`);
    if (was && !is) log.info("etcd's database has space again");
    was = is;
  }
}

export function viewEtcd(status: ClientStatus): EtcdStatus {
  const { endpoint, cluster, lastError, warning, members } = status;
  const reachable = endpoint !== undefined;
  const current = members.find((member) => member.endpoint === endpoint);
  const alarms = members.flatMap(({ problems }) => problems);
  return {
    reachable,
    endpoint,
    version: current?.version,
    cluster: cluster === "" ? undefined : cluster,
    full: alarms.some((alarm) => alarm.includes("NOSPACE")),
    problem: reachable ? (alarms[0] ?? warning) : (lastError ?? "no connection was made yet"),
  };
}
