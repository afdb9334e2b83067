import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "The holder hears of the loss only after its place was passed on.",
  file: "core/lock/grant.ts",
  text: "    this.#tell(this.#endEvent(this.#end));\n",
  other:
    "    const end = this.#endEvent(this.#end);\n    const observers = [...(this.#observers ?? [])];\n    this.#runtime.timer(after(this.#statedUntil, 2_000), () => observers.forEach((one) => one.told(end)));\n",
  caughtBy: { tests: "test/simulation/events.test.ts" },
  inRun: { rule: "told", works: ["streams"], faults: ["cut"], lastsMs: 5_000 },
};
