/** The namespace, the link into it, the routes to it: made, found, and taken away. */
import { existsSync } from "node:fs";
import { run } from "#tools/fetch/step.ts";
import { serviceRange } from "../control-plane.ts";
import { hostAddress, hostLink, namespace, networkFile, nodeAddress, podRange } from "./site.ts";

const ip = (...args: readonly string[]): Promise<string> => run({ command: "ip", args });
const inside = (...args: readonly string[]): Promise<string> => ip("-n", namespace, ...args);

export const networkIsThere = (): boolean => existsSync(networkFile);

export async function makeNetwork(): Promise<void> {
  await ip("netns", "add", namespace);
  await ip("link", "add", hostLink, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  await ip("addr", "add", `${hostAddress}/24`, "dev", hostLink);
  await ip("link", "set", hostLink, "up");
  await inside("link", "set", "lo", "up");
  await inside("addr", "add", `${nodeAddress}/24`, "dev", "eth0");
  await inside("link", "set", "eth0", "up");
  // A connection to a service is refused before kube-proxy sees it where there is no route at all.
  await inside("route", "add", serviceRange, "dev", "eth0", "src", nodeAddress);
  const forward = ["--net=" + networkFile, "--", "sysctl", "-qw", "net.ipv4.ip_forward=1"];
  await run({ command: "nsenter", args: forward });
  for (const range of [serviceRange, podRange])
    await ip("route", "add", range, "via", nodeAddress, "dev", hostLink);
}

/** The routes go with the link, the other end of the link and all inside with the namespace. */
export async function removeNetwork(): Promise<void> {
  if (existsSync(`/sys/class/net/${hostLink}`)) await ip("link", "del", hostLink);
  if (networkIsThere()) await ip("netns", "del", namespace);
}
