/** A clock that moves when it is told to. */
import type { Epoch, Instant, Runtime } from "#core/runtime.ts";
import { silentLog } from "../../host/silent-log.ts";

export class VirtualRuntime {
  #now = 1_000;
  readonly runtime: Runtime = {
    now: () => this.#now as Instant,
    wallNow: () => this.#now as Epoch,
    timer: () => ({ cancel: () => undefined }),
    turn: setImmediate,
    random: () => 0.5,
    randomId: () => "00",
    log: silentLog,
  };

  pass(ms: number): void {
    this.#now += ms;
  }
}
