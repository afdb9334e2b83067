/** Brings the programs that suites need, before any suite's clock starts. Run by itself it brings all but those of suites on demand (`make tools`). */
import process from "node:process";
import { bringRung, type Rung } from "#tools/cluster/needs.ts";
import { fetchEtcd, fetchEtcdProgram, ToolMissing, type EtcdMinor } from "#tools/fetch.ts";
import { fetchHelm, type HelmMajor } from "#tools/fetch/helm.ts";
import { usualSuites, type Suite } from "./suites.ts";

const say = (text: string): void => {
  console.error(text);
};

/** What cannot be had, each with what was tried, in words. */
export interface Missing {
  readonly etcd: ReadonlyMap<EtcdMinor, string>;
  readonly rungs: ReadonlyMap<Rung, string>;
  readonly helm: ReadonlyMap<HelmMajor, string>;
}

export async function bringTools(wanted: readonly Suite[]): Promise<Missing> {
  const etcd = new Map<EtcdMinor, string>();
  for (const version of new Set(wanted.flatMap((suite) => [...suite.etcd, ...suite.etcdToo]))) {
    try {
      await fetchEtcd({ version, log: say });
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      etcd.set(version, error.message);
    }
  }
  const rungs = new Map<Rung, string>();
  for (const rung of new Set(wanted.flatMap((suite) => suite.rung ?? []))) {
    const why = await bringRung(rung, say);
    if (why !== undefined) rungs.set(rung, why);
  }
  const helm = new Map<HelmMajor, string>();
  for (const major of new Set(wanted.flatMap((suite) => suite.helm ?? []))) {
    try {
      await fetchHelm(major, say);
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      helm.set(major, error.message);
    }
  }
  return { etcd, rungs, helm };
}

/** Why the suite cannot run; empty where it can. */
export function lackingOf({ etcd, rung, helm = [] }: Suite, missing: Missing): string[] {
  return [
    ...etcd.map((version) => missing.etcd.get(version)),
    rung === undefined ? undefined : missing.rungs.get(rung),
    ...helm.map((major) => missing.helm.get(major)),
  ].filter((why) => why !== undefined);
}

async function main(): Promise<number> {
  const missing = await bringTools(usualSuites);
  const messages = [...missing.etcd.values(), ...missing.rungs.values(), ...missing.helm.values()];
  for (const message of messages) say(message);
  for (const program of ["etcdctl", "etcdutl"] as const) {
    await fetchEtcdProgram(program, { version: "3.7", log: say });
  }
  return messages.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
