/** Ends all that a cluster has started and removes its folder: by what the folder says, whoever started it. */
import { rm } from "node:fs/promises";
import { end, runningIn } from "./pid-file.ts";
import { endContainers, isReal, removeRemains } from "./real/remains.ts";

/** Who needs whom: the last to be ended stands first. */
const order = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/** Returns the names of what it has ended. */
export async function takeDown(folder: string): Promise<string[]> {
  const place = (name: string): number => order.indexOf(name);
  const running = runningIn(folder).toSorted((one, other) => place(other.name) - place(one.name));
  const real = isReal(folder);
  if (real) await endContainers(folder);
  for (const noted of running) await end(noted, "at once");
  if (real) await removeRemains(folder);
  await rm(folder, { recursive: true, force: true });
  return running.map(({ name }) => name);
}
