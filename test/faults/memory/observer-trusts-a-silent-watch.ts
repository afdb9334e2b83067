import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "An observer trusts what was told last, though nobody hears from etcd any more.",
  file: "core/lock/following.ts",
  text: '        if (how === "unseen") for (const onlooker of [...this.onlookers]) onlooker.unseen();\n',
  other: "",
  caughtBy: { tests: "test/simulation/events.test.ts" },
};
