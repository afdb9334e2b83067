/**
 * A worker of a pool: each order is charged once, by whichever worker has its lock. Start as many as you like, in as many pods:
 *
 *     node worker.ts ORDERS        # a folder that all of them see, with a file for each order
 *
 * A worker that is killed leaves its order to the others, when the lock's ttl is over.
 */
import { appendFile, readdir, readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, HoldfastError } from "@holdfast/client";

interface Order {
  readonly state: "new" | "charged";
  /** Of the lock under which it was last written. */
  readonly fence: string;
}

const [folder = "orders"] = process.argv.slice(2);
const holdfast = connect({ holder: `worker ${process.pid}` });
const locks = holdfast.locks("orders");

for (;;) {
  const ids = await newOrders();
  if (ids.length === 0) break;
  let done = 0;
  for (const id of ids) if (await work(id)) done += 1;
  // The others have all that is left.
  if (done === 0) await sleep(200);
}
await holdfast.close();

/** Whether it was this worker's. */
async function work(id: string): Promise<boolean> {
  try {
    return await locks.using(id, { ttl: "2s" }, async ({ fence }, signal) => {
      // Somebody may have done it between the look at the folder and the lock.
      if ((await read(id)).state !== "new") return false;
      await charge(id, signal);
      await save(id, { state: "charged", fence });
      return true;
    });
  } catch (error) {
    // Another worker is at it; or it was while this one stood still, and what this one did is not to count.
    if (HoldfastError.is(error, "lock_held") || HoldfastError.is(error, "grant_lost")) return false;
    throw error;
  }
}

/** In no order, so that workers seldom ask for the same one. */
async function newOrders(): Promise<string[]> {
  const ids = (await readdir(folder))
    .filter((file) => file.endsWith(".order"))
    .map((file) => file.slice(0, -".order".length));
  const states = await Promise.all(ids.map(async (id) => ({ id, order: await read(id) })));
  return states
    .filter(({ order }) => order.state === "new")
    .map(({ id }) => ({ id, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ id }) => id);
}

/** What takes time. Stops when the lock is lost. */
async function charge(id: string, signal: AbortSignal): Promise<void> {
  await sleep(30, undefined, { signal });
  await appendFile(`${folder}/ledger`, `${id} by ${process.pid}\n`);
}

async function read(id: string): Promise<Order> {
  return JSON.parse(await readFile(`${folder}/${id}.order`, "utf8")) as Order;
}

/**
 * A newer holder's write stays. (Files cannot be compared and written in one step, so a process that stands still right here
 * is not caught; a database can do it: see ../fences.)
 */
async function save(id: string, order: Order): Promise<void> {
  if (BigInt((await read(id)).fence) > BigInt(order.fence)) return;
  await writeFile(`${folder}/${id}.${process.pid}`, JSON.stringify(order));
  await rename(`${folder}/${id}.${process.pid}`, `${folder}/${id}.order`);
}
