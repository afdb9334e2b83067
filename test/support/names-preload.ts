/**
 * A cluster's name service for processes that stand outside of one: names are found at set addresses, all others as ever.
 * A process of ours gets it by `NODE_OPTIONS=--import` and TEST_NAMES (`name=address,…`).
 */
import dns from "node:dns";
import process from "node:process";

const known = new Map<unknown, string>();
const lookup = dns.lookup.bind(dns) as (...args: unknown[]) => void;
const lookupLater = dns.promises.lookup.bind(dns.promises) as (...args: unknown[]) => unknown;
const placeOf = (name: unknown): unknown => known.get(name) ?? name;

/** From now on, for good. */
export function findNames(names: Readonly<Record<string, string>>): void {
  for (const [name, address] of Object.entries(names)) known.set(name, address);
  Object.assign(dns, {
    lookup: (name: unknown, ...rest: unknown[]) => {
      lookup(placeOf(name), ...rest);
    },
  });
  Object.assign(dns.promises, {
    lookup: (name: unknown, ...rest: unknown[]) => lookupLater(placeOf(name), ...rest),
  });
}

/** What a process has to be started with. */
export function withNames(names: Readonly<Record<string, string>>): Record<string, string> {
  const told = Object.entries(names).map(([name, address]) => `${name}=${address}`);
  return { NODE_OPTIONS: `--import=${import.meta.url}`, TEST_NAMES: told.join() };
}

const told = process.env["TEST_NAMES"];
if (told !== undefined)
  findNames(Object.fromEntries(told.split(",").map((one) => one.split("=") as [string, string])));
