/**
 * A client process: one side of a comparison. It connects once, then measures each time that it is asked to.
 *
 * `main.ts SIDE '{"etcd":"http://…","sidecars":[4653]}'`
 */
import process from "node:process";
import { measure, type Lockers, type Measured, type Window } from "./load.ts";
import { connecting, type Side, type Targets } from "./sides.ts";

export interface Order extends Window {
  readonly callers: number;
  /** All callers want one lock; else each has one of its own. */
  readonly oneLock: boolean;
}

export type Report = { readonly measured: Measured } | { readonly failed: string };

async function serve(made: Lockers, { callers, oneLock, ...window }: Order): Promise<Report> {
  const names = Array.from({ length: callers }, (_, at) => (oneLock ? "hot" : `own-${at}`));
  const lockers = await Promise.all(names.map((name) => made.locker(name, oneLock)));
  try {
    return { measured: await measure(lockers, window) };
  } catch (error) {
    return { failed: String(error) };
  } finally {
    await Promise.all(lockers.map((locker) => locker.close()));
  }
}

const [side = "", targets = "{}"] = process.argv.slice(2);
if (!(side in connecting)) throw new Error(`${side} is no side: see sides.ts`);
const made = await connecting[side as Side](JSON.parse(targets) as Targets);
process.on("message", (order: Order) => {
  void serve(made, order).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
