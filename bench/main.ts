/**
 * `make bench`: one etcd with its data on the disk, the bundled sidecar on it, and beside them each peer for its time. What was
 * found goes into bench/results/ and docs/performance.md; no number makes it fail.
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { fetchEtcd } from "#tools/fetch.ts";
import { Bed } from "./bed.ts";
import { verdicts } from "./budgets.ts";
import { compare, type Compared } from "./compare.ts";
import { comparisons, type Comparison } from "./comparisons.ts";
import { load, machine, memoryOf } from "./machine.ts";
import { many } from "./many.ts";
import { optionsFrom, Unusable, type Options } from "./options.ts";
import { keep } from "./results.ts";
import { sidecarSize } from "./sidecar-size.ts";

/** Of the last question, which is no comparison. */
const crowdsTitle = "very many";

const say = (line: string): void => {
  console.error(line);
};

/** A comparison with other callers than it has is not kept, nor is one of several. */
function chosen({ only, callers }: Options): readonly Comparison[] {
  const some = comparisons.filter(({ title }) => title.toLowerCase().includes(only ?? ""));
  return callers === undefined ? some : some.map((one) => ({ ...one, callers }));
}

function strange(only: string): string {
  const titles = [...comparisons.map(({ title }) => title), crowdsTitle];
  return `ONLY=${only} is in none of the titles: ${titles.join(" · ")}`;
}

async function run(options: Options): Promise<void> {
  const before = load();
  const { seconds, rounds, profileFolder, isWhole, only = "" } = options;
  const wanted = chosen(options);
  const wantsCrowds = crowdsTitle.includes(only);
  if (wanted.length === 0 && !wantsCrowds) throw new Unusable(strange(only));
  say(`load average ${before}: the calmer the machine, the better the absolute numbers`);
  await promisify(execFile)(process.execPath, ["tools/bundle.ts"]);
  const { version } = await fetchEtcd({ version: "3.7", log: say });
  await using bed = await Bed.make({ profileFolder });
  const compared: Compared[] = [];
  for (const one of wanted) {
    compared.push(await compare(one, { bed, rounds, seconds, say }));
    for (const { budget, found, kept } of verdicts(compared.slice(-1), undefined))
      say(`  ${budget}: ${found}${kept ? "" : ", missed"}`);
  }
  const memory = { sidecar: memoryOf(bed.sidecar.pid), etcd: memoryOf(bed.etcd.pid) };
  const crowds = wantsCrowds ? await many({ bed, say }) : [];
  if (!isWhole) {
    console.log(JSON.stringify({ compared, many: crowds }, undefined, 2));
    say("Not kept: only a run of all, without a profile, is.");
    return;
  }
  say("starting sidecars, to see their size");
  keep({
    at: new Date().toISOString(),
    machine: machine(),
    node: process.versions.node,
    etcd: version,
    options: { seconds, rounds },
    load: { before, after: load() },
    compared,
    many: crowds,
    sidecarSize: await sidecarSize(bed.etcd.endpoint),
    memory,
  });
  say("Kept in bench/results/latest.json and docs/performance.md.");
}

// Ended from outside, it ends what it has started: that hangs on this process's exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

try {
  await run(optionsFrom(process.env));
} catch (error) {
  if (!(error instanceof Unusable)) throw error;
  say(error.message);
  process.exitCode = 1;
}
