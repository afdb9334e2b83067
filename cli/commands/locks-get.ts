/** `holdfast locks get`: who holds a lock, and who waits for it. */
import { connect, type Holder, type Lock, type LostHolder, type Waiter } from "#client/holdfast.ts";
import { urlFlag, type Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { lockArgument, lockNameOf } from "../lock-name.ts";
import { outputFlag, show } from "../output.ts";
import { ageOf, nothing, type Column } from "../table.ts";

export const locksGet: Command = {
  words: ["locks", "get"],
  usage: `${lockArgument} [flags]`,
  takes: [lockArgument],
  summary: "shows who holds a lock and who waits for it, in order",
  prose: [
    "STATE is holds; waits; reserved: one of several locks that are waited for together, kept until all are there; idle: kept by a pod where nobody uses it (spec.stickyFor), and given up when somebody asks; lost: gone without a release, and this sidecar grants the lock to nobody whom it would keep out before UNTIL (spec.lockDelay); another that saw the loss earlier may.",
  ],
  flags: [outputFlag, urlFlag],
  examples: ["holdfast locks get orders/42", "holdfast locks get orders/42 -o json"],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  async run(call) {
    const [text = ""] = call.args;
    const { pool, name } = lockNameOf(text);
    const holdfast = connect({ url: call.flags.text("url") });
    try {
      const lock = await holdfast.locks(pool).get(name);
      const none = `The lock '${lock.lock}' is free, and nobody waits for it.`;
      const columns = columnsOf(lock, Date.now());
      show(call, { answer: lock, columns, rows: placesOf(lock), names: [lock.lock], none });
      return 0;
    } finally {
      await holdfast.close();
    }
  },
};

type State = "holds" | "lost" | "reserved" | "idle" | "waits";

interface Place
  extends
    Waiter,
    Partial<Pick<Holder, "fence" | "localHolders">>,
    Partial<Pick<LostHolder, "until">> {
  readonly state: State;
}

function placesOf({ holders, lost, reserved, idle, waiters }: Lock): readonly Place[] {
  const all: readonly [State, readonly Omit<Place, "state">[] | undefined][] = [
    ["holds", holders],
    ["lost", lost],
    ["reserved", reserved],
    ["idle", idle],
    ["waits", waiters],
  ];
  return all.flatMap(([state, places = []]) => places.map((place) => ({ ...place, state })));
}

function columnsOf({ lost }: Lock, nowMs: number): readonly Column<Place>[] {
  const until: Column<Place> = { head: "UNTIL", of: (place) => place.until ?? nothing };
  return [
    { head: "STATE", of: ({ state }) => state },
    { head: "HOLDER", of: ({ holder }) => holder },
    { head: "POD", of: ({ pod }) => pod },
    { head: "MODE", of: ({ mode }) => mode },
    { head: "PERMITS", wide: true, of: ({ permits }) => String(permits) },
    { head: "FOR", of: ({ since }) => ageOf(since, nowMs) },
    { head: "FENCE", of: ({ fence = nothing }) => fence },
    ...(lost === undefined ? [] : [until]),
    { head: "TOGETHER", wide: true, of: ({ localHolders }) => String(localHolders ?? nothing) },
    { head: "BEHIND", wide: true, of: ({ localWaiters }) => String(localWaiters) },
    { head: "METADATA", wide: true, of: ({ metadata }) => pairs(metadata) },
  ];
}

function pairs(metadata: Readonly<Record<string, string>> = {}): string {
  const all = Object.entries(metadata).map(([name, text]) => `${name}=${text}`);
  return all.length === 0 ? nothing : all.join(",");
}
