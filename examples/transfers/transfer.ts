/**
 * Money that moves between accounts: a transfer holds the locks of both, or neither, so that nobody sees half of it, and transfers
 * that go round in a circle never wait for each other. Start as many as you like, in as many pods:
 *
 *     node transfer.ts ACCOUNTS [TIMES]     # a folder that all of them see, with a file for each account
 *
 * What is about to change is written down first. A transfer that is killed half way is done to the end by whoever next needs one
 * of its accounts, when its locks' ttl is over.
 */
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type SetGrant } from "@holdfast/client";

interface Account {
  readonly balance: number;
  /** Of the lock under which it was last written. */
  readonly fence: string;
}

/** Accounts by their names, as they are to be. */
type Plan = Readonly<Record<string, Account>>;

const [folder = "accounts", times = "10"] = process.argv.slice(2);
const holdfast = connect({ holder: `transfer ${process.pid}` });

await finishAll(await unfinished(await accounts()));
for (let left = Number(times); left > 0; left -= 1) await transfer();
await holdfast.close();

async function transfer(): Promise<void> {
  const [from = "", to = ""] = (await accounts())
    .map((name) => ({ name, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ name }) => name);
  for (;;) {
    const others = await together([from, to], async (grant) => {
      const halfDone = await unfinished([from, to]);
      if (halfDone.length === 0) await move(grant, { from, to });
      return halfDone;
    });
    if (others.length === 0) return;
    // They have other accounts, too, whose locks are not held here.
    await finishAll(others);
  }
}

function together<T>(names: readonly string[], work: (grant: SetGrant) => Promise<T>): Promise<T> {
  const locks = holdfast.all(names.map((name) => ({ pool: "accounts", name })));
  return locks.using({ wait: "1m", ttl: "2s" }, work);
}

async function move(
  grant: SetGrant,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const [payer, payee] = [await read(from), await read(to)];
  if (payer.balance === 0) return;
  const plan = {
    [from]: { balance: payer.balance - 1, fence: fenceOf(grant, from) },
    [to]: { balance: payee.balance + 1, fence: fenceOf(grant, to) },
  };
  const file = `${from}+${to}.plan`;
  await write(file, plan);
  await carryOut(file, plan, grant.signal);
}

/** Each lock of a set has its own. */
function fenceOf({ locks }: SetGrant, name: string): string {
  const found = locks.find(({ lock }) => lock === `accounts/${name}`);
  if (found === undefined) throw new Error(`${name} is not locked`);
  return found.fence;
}

/** May be begun again: who was written to since is left as he is. */
async function carryOut(file: string, plan: Plan, signal: AbortSignal): Promise<void> {
  for (const [name, account] of Object.entries(plan)) {
    signal.throwIfAborted();
    if (BigInt((await read(name)).fence) < BigInt(account.fence))
      await write(`${name}.account`, account);
    console.log(`${name} has ${account.balance}`);
    await sleep(Number(process.env["STEP_MS"] ?? "1"), undefined, { signal });
  }
  await rm(`${folder}/${file}`);
}

async function finishAll(files: readonly string[]): Promise<void> {
  for (const file of files)
    await together(namesIn(file), async ({ signal }) => {
      // Somebody else may have done it meanwhile.
      if (!(await unfinished(namesIn(file))).includes(file)) return;
      console.log(`finishing ${file}`);
      const plan = JSON.parse(await readFile(`${folder}/${file}`, "utf8")) as Plan;
      await carryOut(file, plan, signal);
    });
}

function namesIn(file: string): string[] {
  return file.slice(0, -".plan".length).split("+");
}

/** Plans that one of these accounts is in. */
async function unfinished(names: readonly string[]): Promise<string[]> {
  const plans = (await readdir(folder)).filter((file) => file.endsWith(".plan"));
  return plans.filter((file) => namesIn(file).some((name) => names.includes(name)));
}

async function accounts(): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".account"));
  return files.map((file) => file.slice(0, -".account".length));
}

async function read(name: string): Promise<Account> {
  return JSON.parse(await readFile(`${folder}/${name}.account`, "utf8")) as Account;
}

/** (To compare and to write is one step in a database, so that even a process that stands still in between is caught: see ../fences.) */
async function write(file: string, what: Account | Plan): Promise<void> {
  await writeFile(`${folder}/${file}.${process.pid}`, JSON.stringify(what));
  await rename(`${folder}/${file}.${process.pid}`, `${folder}/${file}`);
}
