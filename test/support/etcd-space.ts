/** An etcd whose database is full, as its alarm has it, and one that has space again. */
import type { EtcdGateway } from "./etcd-gateway.ts";
import { eventually } from "./poll.ts";

/** For servers that are to be filled in a moment. */
export const smallQuotaBytes = 16 * 1024 * 1024;
const chunk = "x".repeat(512 * 1024);
const prefix = "fill/";

/** Until etcd refuses: then its alarm stands. */
export async function fill(raw: EtcdGateway): Promise<void> {
  await eventually("a full database", async () => {
    for (let at = 0; at < 40; at++) {
      try {
        await putFill(raw, at);
      } catch (error) {
        if (String(error).includes("database space exceeded")) return true;
        throw error;
      }
    }
    return false;
  });
}

/** Half a MB, which {@link deleteFill} removes. */
export function putFill(raw: EtcdGateway, at: number): Promise<void> {
  return raw.put(`${prefix}${at}`, chunk);
}

/** What filled it goes; the space it took is not free by that. */
export function deleteFill(raw: EtcdGateway): Promise<void> {
  return raw.deleteUnder(prefix);
}

/** As its admin brings it back: `members` are asked one by one. */
export async function makeSpace(members: readonly EtcdGateway[]): Promise<void> {
  const [raw] = members;
  if (raw === undefined) throw new Error("an etcd has members");
  await deleteFill(raw);
  await raw.compact();
  for (const member of members) await member.call("maintenance/defragment");
  const { alarms = [] } = (await raw.call("maintenance/alarm", { action: "GET" })) as {
    alarms?: object[];
  };
  for (const alarm of alarms)
    await raw.call("maintenance/alarm", { ...alarm, action: "DEACTIVATE" });
}
