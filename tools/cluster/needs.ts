/** Whether this machine can have a rung of the test cluster, and what it needs for that, brought before any clock starts. */
import process from "node:process";
import { fetchEtcd, ToolMissing } from "#tools/fetch.ts";
import { fetchBuilt } from "#tools/fetch/built.ts";
import type { Say } from "#tools/fetch/step.ts";
import { bringPackages } from "./real/packages.ts";

/** `oldest`: the light one, with the oldest Kubernetes that is supported. */
export const rungs = ["light", "oldest", "real"] as const;
export type Rung = (typeof rungs)[number];

export const isRung = (text: string): text is Rung => (rungs as readonly string[]).includes(text);

/** Undefined: all is there. Otherwise why the rung cannot be had, in words. */
export async function bringRung(rung: Rung, log: Say): Promise<string | undefined> {
  if (process.platform !== "linux")
    return `The ${rung} rung of the test cluster runs on Linux, and this is ${process.platform}.`;
  if (rung === "real" && process.getuid?.() !== 0)
    return "The real rung of the test cluster needs root: for containers and a network namespace.";
  try {
    await fetchEtcd({ version: "3.7", log });
    await fetchBuilt(rung === "oldest" ? "kubernetes-oldest" : "kubernetes", log);
    if (rung !== "real") return undefined;
    await fetchBuilt("coredns", log);
    return await bringPackages(log);
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    return error.message;
  }
}
