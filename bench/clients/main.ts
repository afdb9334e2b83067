/**
 * A client process: one side of the comparison. It connects once, then measures each time that it is asked to.
 *
 * `main.ts sidecar PORT` · `main.ts v3lock ENDPOINT`
 */
import process from "node:process";
import { HttpLocker } from "./http.ts";
import { measure, type Locker, type Measured, type Window } from "./load.ts";
import { connectLeased, V3Locker } from "./v3lock.ts";

export interface Order extends Window {
  readonly callers: number;
}

export type Report = { readonly measured: Measured } | { readonly failed: string };

/** Of a pool in examples/. */
const pool = "orders";

async function lockerMaker(side: string, target: string): Promise<(at: number) => Promise<Locker>> {
  switch (side) {
    case "sidecar":
      return (at) => HttpLocker.connect(Number(target), `${pool}/bench-${at}`);
    case "v3lock": {
      const leased = await connectLeased(target);
      return (at) => Promise.resolve(new V3Locker(leased, `bench-${at}`));
    }
    default:
      throw new Error(`${side} is no side: sidecar or v3lock is`);
  }
}

async function serve(make: (at: number) => Promise<Locker>, order: Order): Promise<Report> {
  const lockers = await Promise.all(Array.from({ length: order.callers }, (_, at) => make(at)));
  try {
    return { measured: await measure(lockers, order) };
  } catch (error) {
    return { failed: String(error) };
  } finally {
    await Promise.all(lockers.map((locker) => locker.close()));
  }
}

const [side = "", target = ""] = process.argv.slice(2);
const make = await lockerMaker(side, target);
process.on("message", (order: Order) => {
  void serve(make, order).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
