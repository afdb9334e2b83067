/**
 * What very many locks and very many who wait cost four sidecars and etcd, in time and memory, and what they leave behind:
 * 100,000 locks held at once; 10,000 callers waiting for one lock; 10,000 locks with one waiter each.
 */
import type { PoolView } from "#api/operations/looking.ts";
import { poolRange } from "#core/lock/keys.ts";
import { until } from "#tools/cluster/until.ts";
import { sidecarsCount, type Bed } from "./bed.ts";
import { grantIdOf, HttpConnection, request, type Answer } from "./clients/http.ts";
import { memoryOf } from "./machine.ts";

export interface ManyPlan {
  readonly bed: Bed;
  readonly say: (line: string) => void;
}

export interface Many {
  readonly title: string;
  readonly count: number;
  /** Until all hold, or all wait. */
  readonly inMs: number;
  /** Until all have given back, or all were served and have given back. */
  readonly outMs: number;
  readonly before: Sizes;
  readonly at: Sizes;
  readonly after: Sizes;
}

export interface Sizes {
  /** Of all sidecars together, resident. */
  readonly sidecarsMib: number;
  readonly etcdMib: number;
  /** Keys of locks in etcd. */
  readonly keys: number;
}

/** Of bench/pools.yaml. */
const pool = "many";
const namespace = "default";
const names = 100_000;
const waiters = 10_000;
/** To each sidecar, where callers take one lock after the other. */
const connectionsEach = 64;
/** Far beyond what it takes: it bounds a run that would hang. */
const withinMs = 300_000;

export async function many({ bed, say }: ManyPlan): Promise<readonly Many[]> {
  await using stack = new AsyncDisposableStack();
  const sidecars = await bed.sidecars(sidecarsCount, stack);
  const ports = sidecars.map(({ port }) => port);
  const sizes = async (): Promise<Sizes> => ({
    sidecarsMib: sidecars.reduce((sum, { pid }) => sum + memoryOf(pid).rssMib, 0),
    etcdMib: memoryOf(bed.etcd.pid).rssMib,
    keys: await bed.probe.count(poolRange(namespace, pool)),
  });
  const found: Many[] = [];
  for (const { title, count, steps } of crowds) {
    say(title);
    await bed.probe.forget();
    await using connections = new AsyncDisposableStack();
    const { into, out } = await steps(ports, { bed, stack: connections });
    const before = await sizes();
    const inMs = await timed(into);
    const at = await sizes();
    const outMs = await timed(out);
    const after = await sizes();
    if (after.keys !== 0) throw new Error(`${title}: ${after.keys} keys are left`);
    say(`  in ${Math.round(inMs)} ms, out ${Math.round(outMs)} ms`);
    found.push({ title, count, inMs, outMs, before, at, after });
  }
  return found;
}

async function timed(does: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await does();
  return performance.now() - began;
}

interface Steps {
  readonly into: () => Promise<void>;
  readonly out: () => Promise<void>;
}

interface Around {
  readonly bed: Bed;
  readonly stack: AsyncDisposableStack;
}

const crowds = [
  { title: "locks held at once", count: names, steps: heldLocks },
  { title: "callers waiting for one lock", count: waiters, steps: oneQueue },
  { title: "locks with one waiter each", count: waiters, steps: manyQueues },
] as const;

async function heldLocks(ports: readonly number[], { stack }: Around): Promise<Steps> {
  const callers = await connections(ports, ports.length * connectionsEach, stack);
  const mine = Math.ceil(names / callers.length);
  const grants: string[][] = callers.map(() => []);
  return {
    into: () =>
      each(callers, async (caller, at) => {
        const own = grants[at] ?? [];
        for (let n = at * mine; n < Math.min(names, (at + 1) * mine); n++) {
          own.push(grantIdOf(held(await caller.ask(acquire(`name-${n}`)))));
        }
      }),
    out: () =>
      each(callers, async (caller, at) => {
        for (const id of grants[at] ?? []) await give(caller, id);
      }),
  };
}

async function oneQueue(ports: readonly number[], { stack }: Around): Promise<Steps> {
  const callers = await connections(ports, waiters, stack);
  const [holder] = await connections(ports.slice(0, 1), 1, stack);
  if (holder === undefined) throw new Error("there is no sidecar");
  let grantId = "";
  let served: Promise<void> | undefined;
  return {
    into: async () => {
      grantId = grantIdOf(held(await holder.ask(acquire("hot"))));
      served = each(callers, waitAndGive("hot"));
      await until(
        "all to wait",
        async () => {
          const { status, body } = await holder.ask(request("GET", `/v1/locks/${pool}?limit=1`));
          if (status !== "200") throw new Error(`GET: ${status} ${body}`);
          return (JSON.parse(body) as PoolView).totals.waiting === waiters;
        },
        { withinMs },
      );
    },
    out: async () => {
      await give(holder, grantId);
      await served;
    },
  };
}

/** All held by the first sidecar, waited for at the others. */
async function manyQueues(ports: readonly number[], { bed, stack }: Around): Promise<Steps> {
  const callers = await connections(ports.slice(1), waiters, stack);
  const holders = await connections(ports.slice(0, 1), connectionsEach, stack);
  const grants: string[][] = holders.map(() => []);
  let served: Promise<void> | undefined;
  return {
    into: async () => {
      await each(holders, async (holder, at) => {
        for (let n = at; n < waiters; n += holders.length) {
          grants[at]?.push(grantIdOf(held(await holder.ask(acquire(`queue-${n}`)))));
        }
      });
      served = each(callers, (caller, at) => waitAndGive(`queue-${at}`)(caller));
      await until(
        "all to wait",
        async () => {
          return (await bed.probe.count(poolRange(namespace, pool))) === 2 * waiters;
        },
        { withinMs },
      );
    },
    out: async () => {
      await each(holders, async (holder, at) => {
        for (const id of grants[at] ?? []) await give(holder, id);
      });
      await served;
    },
  };
}

/** Connections dealt out to the sidecars in turn; closed with `stack`. */
async function connections(
  ports: readonly number[],
  count: number,
  stack: AsyncDisposableStack,
): Promise<readonly HttpConnection[]> {
  const made: HttpConnection[] = [];
  for (let at = 0; at < count; at++) {
    const connection = await HttpConnection.open(ports[at % ports.length] ?? 0);
    stack.defer(() => connection.close());
    made.push(connection);
  }
  return made;
}

async function each(
  callers: readonly HttpConnection[],
  does: (caller: HttpConnection, at: number) => Promise<void>,
): Promise<void> {
  await Promise.all(callers.map(does));
}

const waitAndGive =
  (name: string) =>
  async (caller: HttpConnection): Promise<void> => {
    const answer = await caller.ask(acquire(name, "?wait=1h"));
    await give(caller, grantIdOf(held(answer)));
  };

function acquire(name: string, query = ""): string {
  return request("POST", `/v1/locks/${pool}/${name}/acquire${query}`);
}

function held({ status, body }: Answer): string {
  if (status !== "200") throw new Error(`acquire: ${status} ${body}`);
  return body;
}

async function give(caller: HttpConnection, grantId: string): Promise<void> {
  const { status, body } = await caller.ask(request("DELETE", `/v1/grants/${grantId}`));
  if (status !== "204") throw new Error(`release: ${status} ${body}`);
}
