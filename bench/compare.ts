/**
 * One comparison: its sides take turns, round by round, so that whatever else the machine does hits all of them. Each is driven
 * by a client of its own process; etcd forgets its history before each measurement.
 */
import type { Bed } from "./bed.ts";
import { Client } from "./client.ts";
import type { Measured, Window } from "./clients/load.ts";
import type { Side } from "./clients/sides.ts";
import type { Comparison } from "./comparisons.ts";
import { spreadOf, type Spread } from "./statistics.ts";

export interface ComparePlan {
  readonly bed: Bed;
  readonly rounds: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface Compared {
  readonly title: string;
  readonly levels: readonly Level[];
}

export interface Level {
  readonly callers: number;
  readonly sides: readonly Figures[];
  /** Ours over each peer. */
  readonly ratios: readonly Ratios[];
}

/** Over all rounds. */
export interface Figures {
  readonly side: Side;
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p90Ms: Spread;
  readonly p99Ms: Spread;
  /** Microseconds for each of what `perSecond` counts. */
  readonly cpuUs: Readonly<Record<string, Spread>>;
}

export interface Ratios {
  readonly over: Side;
  readonly speed: Spread;
  /** Absent where the peer has no etcd. */
  readonly etcdCpu?: Spread | undefined;
  /** Ours less the peer's. */
  readonly p90Ms: Spread;
}

const warmMs = 500;
/** Before the first round: compilers, caches and connections. */
const firstWindow = { warmMs: 2_500, measureMs: 100 };

export async function compare(comparison: Comparison, plan: ComparePlan): Promise<Compared> {
  const { title, sides, callers } = comparison;
  plan.say(title);
  await using stack = new AsyncDisposableStack();
  const stand = await plan.bed.standFor(sides, stack);
  const clients = new Map<Side, Client>();
  for (const side of sides) clients.set(side, stack.use(await Client.start(side, stand.targets)));
  const measure = async (
    side: Side,
    count: number,
    window: Pick<Window, "warmMs" | "measureMs">,
  ) => {
    const client = clients.get(side);
    if (client === undefined) throw new Error(`${side} was not started`);
    await plan.bed.probe.forget();
    const { oneLock = false, requestsPerSecond } = comparison;
    const servers = stand.serversOf(side);
    return client.measure({ callers: count, oneLock, requestsPerSecond, servers, ...window });
  };
  for (const side of sides) await measure(side, Math.max(...callers), firstWindow);
  const window = { warmMs, measureMs: plan.seconds * 1_000 };
  const levels: Level[] = [];
  for (const count of callers) {
    levels.push(
      await level({ ...plan, sides, callers: count }, (side) => measure(side, count, window)),
    );
  }
  return { title, levels };
}

type LevelPlan = ComparePlan & { readonly sides: readonly Side[]; readonly callers: number };

async function level(
  { sides, callers, rounds, say }: LevelPlan,
  measure: (side: Side) => Promise<Measured>,
): Promise<Level> {
  const measured = new Map<Side, Measured[]>(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % sides.length;
    const order = [...sides.slice(first), ...sides.slice(0, first)];
    for (const side of order) measured.get(side)?.push(await measure(side));
    const each = sides.map((side) => {
      return `${side} ${Math.round(measured.get(side)?.at(-1)?.perSecond ?? 0)}/s`;
    });
    say(`  ${callers} callers, round ${round + 1} of ${rounds}: ${each.join(", ")}`);
  }
  const of = (side: Side): Measured[] => measured.get(side) ?? [];
  const [ours, ...peers] = sides;
  return {
    callers,
    sides: sides.map((side) => figures(side, of(side))),
    ratios: ours === undefined ? [] : peers.map((over) => ratios(over, of(ours), of(over))),
  };
}

function figures(side: Side, rounds: readonly Measured[]): Figures {
  const names = Object.keys(rounds[0]?.cpuUs ?? {});
  return {
    side,
    perSecond: spreadOf(rounds.map((one) => one.perSecond)),
    p50Ms: spreadOf(rounds.map((one) => one.p50Ms)),
    p90Ms: spreadOf(rounds.map((one) => one.p90Ms)),
    p99Ms: spreadOf(rounds.map((one) => one.p99Ms)),
    cpuUs: Object.fromEntries(
      names.map((name) => [name, spreadOf(rounds.map((one) => one.cpuUs[name] ?? Number.NaN))]),
    ),
  };
}

/** Round by round, then over all rounds. */
function ratios(over: Side, ours: readonly Measured[], theirs: readonly Measured[]): Ratios {
  const each = (of: (ours: Measured, theirs: Measured) => number) =>
    spreadOf(ours.map((one, at) => of(one, theirs[at] ?? one)));
  const etcdCpu = (one: Measured) => one.cpuUs["etcd"] ?? Number.NaN;
  const bothHaveEtcd = [...ours, ...theirs].every((one) => "etcd" in one.cpuUs);
  return {
    over,
    speed: each((one, other) => one.perSecond / other.perSecond),
    etcdCpu: bothHaveEtcd ? each((one, other) => etcdCpu(one) / etcdCpu(other)) : undefined,
    p90Ms: each((one, other) => one.p90Ms - other.p90Ms),
  };
}
