/** Brings the programs that suites need, before any suite's clock starts. Run by itself it brings all (`make tools`). */
import process from "node:process";
import { fetchEtcd, fetchEtcdProgram, ToolMissing, type EtcdMinor } from "#tools/fetch.ts";
import { suites, type Suite } from "./suites.ts";

const say = (text: string): void => {
  console.error(text);
};

/** Which versions cannot be had, each with what was tried. */
export async function bringTools(wanted: readonly Suite[]): Promise<Map<EtcdMinor, string>> {
  const missing = new Map<EtcdMinor, string>();
  for (const version of new Set(wanted.flatMap((suite) => [...suite.etcd, ...suite.etcdToo]))) {
    try {
      await fetchEtcd({ version, log: say });
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      missing.set(version, error.message);
    }
  }
  return missing;
}

async function main(): Promise<number> {
  const missing = await bringTools(suites);
  for (const message of missing.values()) say(message);
  for (const program of ["etcdctl", "etcdutl"] as const) {
    await fetchEtcdProgram(program, { version: "3.7", log: say });
  }
  return missing.size === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
