/**
 * `make bench`: one etcd with its data on the disk, the bundled sidecar on it, and each question of this folder. What was
 * found goes into bench/results/ and docs/performance.md; no number makes it fail.
 */
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import process from "node:process";
import { promisify } from "node:util";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { fetchEtcd } from "#tools/fetch.ts";
import { History } from "./history.ts";
import { lockPairs } from "./lock-pairs.ts";
import { load, machine } from "./machine.ts";
import { optionsFrom, Unusable, type Options } from "./options.ts";
import { keep, tables, type Results } from "./results.ts";
import { Sidecar } from "./sidecar.ts";
import { sidecarSize } from "./sidecar-size.ts";

const dataFolder = ".cache/run/bench";
const standardCallers = "1,16,256";

const say = (line: string): void => {
  console.error(line);
};

async function run(options: Options): Promise<Results> {
  const before = load();
  say(`load average ${before}: the calmer the machine, the better the absolute numbers`);
  await promisify(execFile)(process.execPath, ["tools/bundle.ts"]);
  const { version } = await fetchEtcd({ version: "3.7", log: say });
  await using stack = new AsyncDisposableStack();
  await rm(dataFolder, { recursive: true, force: true });
  await mkdir(dataFolder, { recursive: true });
  stack.defer(() => rm(dataFolder, { recursive: true, force: true }));
  const etcd = stack.use(
    await EtcdServer.start({ version: "3.7", dataFolder, args: ["--log-level=warn"] }),
  );
  const { endpoint } = etcd;
  const history = stack.use(await History.connect(endpoint));
  const { seconds, rounds, callers, profileFolder } = options;
  const sidecar = stack.use(await Sidecar.start({ etcd: endpoint, profileFolder }));
  const pairs = await lockPairs({
    etcd: { endpoint, pid: etcd.member(0).pid ?? 0 },
    sidecar,
    history,
    ...{ seconds, rounds, callers, say },
  });
  say("starting sidecars, to see their size");
  const size = await sidecarSize(endpoint);
  return {
    at: new Date().toISOString(),
    machine: machine(),
    node: process.versions.node,
    etcd: version,
    options: { seconds, rounds },
    load: { before, after: load() },
    lockPairs: pairs,
    sidecarSize: size,
  };
}

// Ended from outside, it ends what it has started: that hangs on this process's exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

try {
  const options = optionsFrom(process.env);
  const results = await run(options);
  console.log(tables(results));
  if (options.profileFolder !== undefined || options.callers.join(",") !== standardCallers) {
    say("Not kept: only a run with all callers and without a profile is.");
  } else {
    keep(results);
    say("Kept in bench/results/latest.json and docs/performance.md.");
  }
} catch (error) {
  if (!(error instanceof Unusable)) throw error;
  say(error.message);
  process.exitCode = 1;
}
