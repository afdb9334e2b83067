import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "The release of a set is confirmed though etcd did not say that its places are gone.",
  file: "core/lock/set.ts",
  text: 'const isCertain = !freed.includes("unknown");',
  other: "const isCertain = freed.length > 0;",
  caughtBy: { seed: "56", sets: true },
};
