/** Brings the programs that suites need, before any suite's clock starts. Run by itself it brings all but those of suites on demand (`make tools`). */
import process from "node:process";
import { bringRung, type Rung } from "#tools/cluster/needs.ts";
import { fetchEtcd, fetchEtcdProgram, ToolMissing, type EtcdMinor } from "#tools/fetch.ts";
import { fetchHelm, type HelmMajor } from "#tools/fetch/helm.ts";
import { fetchBuilt, type BuiltName } from "#tools/fetch/built.ts";
import { fetchPromtool } from "#tools/fetch/promtool.ts";
import { fetchNode, type NodeMajor } from "#tools/fetch/node.ts";
import { usualSuites, type Suite } from "./suites.ts";

const say = (text: string): void => {
  console.error(text);
};

/** What cannot be had, each with what was tried, in words. */
export interface Missing {
  readonly etcd: ReadonlyMap<EtcdMinor, string>;
  readonly etcdutl: ReadonlyMap<EtcdMinor, string>;
  readonly built: ReadonlyMap<BuiltName, string>;
  readonly rungs: ReadonlyMap<Rung, string>;
  readonly helm: ReadonlyMap<HelmMajor, string>;
  readonly promtool: string | undefined;
  readonly node: ReadonlyMap<NodeMajor, string>;
}

export async function bringTools(wanted: readonly Suite[]): Promise<Missing> {
  const etcd = await lackingAmong(
    wanted.flatMap((suite) => [...suite.etcd, ...suite.etcdToo]),
    (version) => fetchEtcd({ version, log: say }),
  );
  const etcdutl = await lackingAmong(
    wanted.flatMap((suite) => suite.etcdutl ?? []),
    (version) => fetchEtcdProgram("etcdutl", { version, log: say }),
  );
  const built = await lackingAmong(
    wanted.flatMap((suite) => suite.builtToo ?? []),
    (name) => fetchBuilt(name, say),
  );
  const rungs = new Map<Rung, string>();
  for (const rung of new Set(wanted.flatMap((suite) => suite.rung ?? []))) {
    const why = await bringRung(rung, say);
    if (why !== undefined) rungs.set(rung, why);
  }
  const helm = await lackingAmong(
    wanted.flatMap((suite) => suite.helm ?? []),
    (major) => fetchHelm(major, say),
  );
  const promtool = await lackingAmong(
    wanted.some(({ promtoolToo }) => promtoolToo === true) ? ["promtool"] : [],
    () => fetchPromtool(say),
  );
  const node = await lackingAmong(
    wanted.flatMap((suite) => suite.nodeToo ?? []),
    (major) => fetchNode(major, say),
  );
  return { etcd, etcdutl, built, rungs, helm, node, promtool: promtool.get("promtool") };
}

/** Brings each once; what cannot be had, and why. */
async function lackingAmong<T extends string>(
  wanted: readonly T[],
  bring: (name: T) => Promise<unknown>,
): Promise<Map<T, string>> {
  const lacking = new Map<T, string>();
  for (const name of new Set(wanted)) {
    try {
      await bring(name);
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      lacking.set(name, error.message);
    }
  }
  return lacking;
}

/** Why the suite cannot run; empty where it can. */
export function lackingOf(
  { etcd, etcdutl = [], rung, helm = [] }: Suite,
  missing: Missing,
): string[] {
  return [
    ...etcd.map((version) => missing.etcd.get(version)),
    ...etcdutl.map((version) => missing.etcdutl.get(version)),
    rung === undefined ? undefined : missing.rungs.get(rung),
    ...helm.map((major) => missing.helm.get(major)),
  ].filter((why) => why !== undefined);
}

async function main(): Promise<number> {
  const missing = await bringTools(usualSuites);
  const { etcd, etcdutl, built, rungs, helm, node, promtool } = missing;
  const messages = [etcd, etcdutl, built, rungs, helm, node].flatMap((each) => [...each.values()]);
  if (promtool !== undefined) messages.push(promtool);
  for (const message of messages) say(message);
  await fetchEtcdProgram("etcdctl", { version: "3.7", log: say });
  return messages.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
