/** etcd's state as the client knows it, in the words of GET /v1/session. */
import type { EtcdStatus as ClientStatus } from "#etcd/client.ts";
import type { EtcdStatus } from "./handlers/status.ts";

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
