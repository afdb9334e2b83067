/**
 * Brings the programs that tests and `make run` need: `node tools/fetch.ts etcd-3.7 etcd-3.6 etcdctl-3.7`.
 * One line each says where it comes from; the last line of each is its path.
 */
import process from "node:process";
import { fetchEtcdProgram, isEtcdMinor, isEtcdProgram, ToolMissing } from "./fetch/etcd.ts";

export {
  fetchEtcd,
  fetchEtcdProgram,
  ToolMissing,
  type EtcdMinor,
  type EtcdProgram,
  type Tool,
} from "./fetch/etcd.ts";

const usage = "usage: node tools/fetch.ts (etcd|etcdctl|etcdutl)-(3.7|3.6|3.4) …";

async function main(names: readonly string[]): Promise<number> {
  if (names.length === 0 || names.includes("--help")) {
    process.stdout.write(`${usage}\n`);
    return names.length === 0 ? 2 : 0;
  }
  let code = 0;
  for (const name of names) {
    const [program = "", version = ""] = name.split("-");
    if (!isEtcdProgram(program) || !isEtcdMinor(version)) {
      process.stderr.write(`There is no ${name}.\n${usage}\n`);
      return 2;
    }
    try {
      const tool = await fetchEtcdProgram(program, {
        version,
        log: (line) => process.stderr.write(`${line}\n`),
      });
      process.stdout.write(`${tool.path}\n`);
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      process.stderr.write(`${error.message}\n`);
      code = 1;
    }
  }
  return code;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
