/** `holdfast locks ls`: the locks of a pool that are held or waited for. */
import { connect, type Holdfast, type Lock, type LockPool } from "#client/holdfast.ts";
import { urlFlag, type Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { outputFlag, show } from "../output.ts";
import { ageOf, nothing, type Column } from "../table.ts";
import { waitingOf } from "../waiting.ts";

const limitUnset = 1_000;
/** The most that the API gives at once. */
const pageMax = 1_000;

export const locksLs: Command = {
  words: ["locks", "ls"],
  usage: "POOL [flags]",
  takes: ["POOL"],
  summary: "shows the locks of a pool that are held or waited for",
  prose: ["A lock exists by being asked for: a pool that nobody uses has none to show."],
  flags: [
    { name: "prefix", value: "TEXT", prose: "Only locks whose name starts so." },
    {
      name: "limit",
      value: "COUNT",
      kind: "count",
      unset: String(limitUnset),
      prose: "At most so many locks.",
    },
    outputFlag,
    urlFlag,
  ],
  examples: [
    "holdfast locks ls orders",
    "holdfast locks ls orders --prefix 4 -o wide",
    "holdfast locks ls orders -o name | xargs -n 1 holdfast locks get",
  ],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  async run(call) {
    const { args, flags, io } = call;
    const [pool = ""] = args;
    const limit = Number(flags.text("limit") ?? limitUnset);
    const holdfast = connect({ url: flags.text("url") });
    try {
      const answer = await pages(holdfast, { pool, limit, prefix: flags.text("prefix") });
      const { locks } = answer;
      const names = locks.map(({ lock }) => lock);
      const none = `No lock of the pool '${pool}' is held or waited for.`;
      show(call, { answer, columns: columnsAt(Date.now()), rows: locks, names, none });
      if (answer.continue !== undefined)
        io.err(`There are more: these are the first ${limit}. See --limit and --prefix.\n`);
      return 0;
    } finally {
      await holdfast.close();
    }
  },
};

interface Wanted {
  readonly pool: string;
  readonly limit: number;
  readonly prefix: string | undefined;
}

/** As one page. */
async function pages(holdfast: Holdfast, { pool, limit, prefix }: Wanted): Promise<LockPool> {
  const locks: Lock[] = [];
  let from: string | undefined;
  for (;;) {
    const atMost = Math.min(pageMax, limit - locks.length);
    const page = await holdfast.locks(pool).list({ prefix, limit: atMost, continue: from });
    locks.push(...page.locks);
    from = page.continue;
    if (from === undefined || locks.length >= limit) return { ...page, locks };
  }
}

function columnsAt(nowMs: number): readonly Column<Lock>[] {
  const first = <T>(list: readonly T[], of: (one: T) => string): string => {
    const [one] = list;
    return one === undefined ? nothing : of(one);
  };
  return [
    { head: "LOCK", of: ({ lock }) => lock },
    { head: "HOLDER", of: ({ holders }) => holdersText(holders.map(({ holder }) => holder)) },
    { head: "POD", wide: true, of: ({ holders }) => first(holders, ({ pod }) => pod) },
    { head: "MODE", of: ({ holders }) => first(holders, ({ mode }) => mode) },
    { head: "HELD", of: ({ holders }) => first(holders, ({ since }) => ageOf(since, nowMs)) },
    { head: "WAITING", of: (lock) => String(waitingOf(lock)) },
    {
      head: "WAIT",
      wide: true,
      of: ({ waiters }) => first(waiters, ({ since }) => ageOf(since, nowMs)),
    },
    { head: "FENCE", wide: true, of: ({ holders }) => first(holders, ({ fence }) => fence) },
  ];
}

function holdersText([first, ...more]: readonly string[]): string {
  if (first === undefined) return nothing;
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}
