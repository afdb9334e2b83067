/**
 * One run: a stage is set, apps work on it, faults happen; then all heals, everybody gives back what he has, and it is seen that
 * nothing is left. What was written down meanwhile is judged, and told on a page.
 *
 *   set up ─▶ faults and calm, in turn ─▶ a last calm ─▶ apps end ─▶ every lock can be had ─▶ pools are empty ─▶ etcd is empty
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dataRoot } from "#core/session/keys.ts";
import { until } from "#tools/cluster/until.ts";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import { acquire } from "#test/support/lock-calls.ts";
import { judge } from "./checks/checks.ts";
import type { Violation } from "./checks/violation.ts";
import { historyOf, type History } from "./history/history.ts";
import { readEvents } from "./history/recorder.ts";
import { page } from "./report/page.ts";
import { summaryOf, type Summary } from "./report/summary.ts";
import type { Pod } from "./stage/pod.ts";
import { DisksMissing, SmallDisks } from "./stage/small-disks.ts";
import { Stage } from "./stage/stage.ts";
import { poolNames, pools } from "./traffic/pools.ts";
import { calmMs, causeTrouble, needsDisks, type Troubles } from "./trouble/schedule.ts";

export interface RunPlan extends Troubles {
  readonly members: 1 | 3;
  readonly pods: number;
  /** Absent: all. */
  readonly works?: readonly string[];
  /** A file of memory/: all sidecars have that bug. */
  readonly planted?: string;
  /**
   * It ends as soon as this rule is seen to be broken: nobody gives back anything, and what is left is not judged. How long that takes
   * is the machine's.
   */
  readonly untilBroken?: string;
  readonly say?: (line: string) => void;
}

export interface RunEnded {
  readonly history: History;
  readonly violations: readonly Violation[];
  readonly summary: Summary;
  /** Where the records and the page are. */
  readonly folder: string;
}

export const runsFolder = path.join(".cache", "faults");
/** Leases end, also those that a new leader gave their time anew; far beyond what that takes. */
const emptyWithinMs = 60_000;

export async function run(plan: RunPlan): Promise<RunEnded> {
  const { seed, members, pods: count, say = () => undefined } = plan;
  const planted = plan.planted === undefined ? "" : `-${path.basename(plan.planted, ".ts")}`;
  const folder = path.resolve(runsFolder, `${seed}-${members}${planted}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  {
    await using disks = await disksFor(plan);
    await using stage = await Stage.start({ ...plan, pods: count, folder, disks });
    say(`${count} pods on an etcd of ${members}, seed ${seed}: faults for ${plan.seconds} s`);
    const { untilBroken } = plan;
    using enough = untilBroken === undefined ? undefined : new Watched(folder, untilBroken);
    await causeTrouble(stage, { ...plan, enough: enough?.broken });
    if (!stage.broken.aborted && untilBroken === undefined) {
      say("all is healed; everybody finishes");
      await sleep(calmMs / 2);
      await finish(stage, say);
    }
  }
  const history = historyOf(readEvents(folder), pools);
  const violations = judge(history);
  const summary = summaryOf(history, violations, { seed, members, pods: count });
  await writeFile(path.join(folder, "summary.json"), `${JSON.stringify(summary)}\n`);
  await writeFile(path.join(folder, "report.html"), page(history, violations, summary));
  return { history, violations, summary, folder };
}

const judgeEveryMs = 1_000;

/** Judges again and again what was written down so far. */
class Watched implements Disposable {
  readonly #broken = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(folder: string, rule: string) {
    this.#timer = setInterval(() => {
      const violations = judge(historyOf(readEvents(folder), pools));
      if (!violations.some((violation) => violation.rule === rule)) return;
      this.#broken.abort(new Error(`rule '${rule}' is broken`));
    }, judgeEveryMs);
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Where they cannot be had that is said, whoever listens, and the run goes on without. */
async function disksFor(plan: RunPlan): Promise<SmallDisks | undefined> {
  const { members, say = console.error } = plan;
  if (!needsDisks(members, plan)) return undefined;
  try {
    return await SmallDisks.start(members);
  } catch (error) {
    if (!(error instanceof DisksMissing)) throw error;
    say(`\n  !! No disk gets full in this run: ${error.message}\n`);
    return undefined;
  }
}

/** Everybody gives back what he has; what is there all the same is written down. */
async function finish(stage: Stage, say: (line: string) => void): Promise<void> {
  const { pods, etcd, record } = stage;
  const leftOver = (what: string): void => {
    record.write({ kind: "left over", what });
  };
  await Promise.all(
    pods.map((pod) =>
      pod.endApp().catch((error: unknown) => {
        record.write({ kind: "wrong", what: `the app of ${pod.name}: ${String(error)}` });
      }),
    ),
  );
  for (const pod of pods)
    for (const pool of poolNames)
      await probe(pod, `${pool}/probe`).catch((error: unknown) => {
        leftOver(`${pod.name} cannot have ${pool}/probe: ${String(error)}`);
      });
  const all = pods.flatMap((pod) => poolNames.map((pool) => ({ pod, pool })));
  await Promise.all(
    all.map(({ pod: { sidecar, name }, pool }) =>
      emptied(`${pool}, as ${name} shows it`, leftOver, async () => {
        const { body } = await sidecar.api.get(`/v1/locks/${pool}`);
        return usedOf(body["locks"] as readonly LockShown[]);
      }),
    ),
  );
  say("sidecars end");
  await Promise.all(pods.map((pod) => pod.endSidecar()));
  const raw = new EtcdGateway(etcd.endpoint);
  await emptied("etcd", leftOver, async () =>
    (await raw.under(dataRoot("default"))).map(({ key }) => key),
  );
  record.write({ kind: "ended" });
}

type LockShown = Readonly<Record<string, readonly object[]>>;

/** Where a pod keeps a lock that it does not use, nobody has it. */
function usedOf(locks: readonly LockShown[]): string[] {
  const isUsed = (lock: LockShown): boolean =>
    ["holders", "waiters", "reserved", "lost"].some((who) => (lock[who] ?? []).length > 0);
  return locks
    .filter((lock) => isUsed(lock) || lock["idle"] === undefined)
    .map((lock) => JSON.stringify(lock));
}

/** It can be had, and given back. */
async function probe({ sidecar, name }: Pod, lock: string): Promise<void> {
  const within = { withinMs: emptyWithinMs };
  const look = async (): Promise<boolean> => {
    const answer = await acquire(sidecar, lock, { wait: "10s", ttl: "1s" });
    // A machine that is busy may end a session; what is asked is told by the last answer.
    if (answer.status !== 200) throw new Error(answer.text);
    await sidecar.api.delete(`/v1/grants/${String(answer.body["grantId"])}`);
    return true;
  };
  await until(`${name} to have ${lock}`, look, within);
}

async function emptied(
  what: string,
  leftOver: (what: string) => void,
  list: () => Promise<readonly string[]>,
): Promise<void> {
  let left: readonly string[] = [];
  await until(
    `${what} to be empty`,
    async () => {
      left = await list();
      return left.length === 0;
    },
    { withinMs: emptyWithinMs },
  ).catch((error: unknown) => {
    if (left.length === 0) throw error;
    for (const each of left) leftOver(`${what}: ${each} is left`);
  });
}
