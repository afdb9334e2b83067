import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "One of several readers is told that he has released the lock, and what he guarded takes effect after that.",
  file: "core/lock/together.ts",
  text: "    if (grant.guards === undefined || !grant.isGuarding) {\n",
  other: "    if (grant.guards === undefined || grant.isGuarding || !grant.isGuarding) {\n",
  caughtBy: { seed: "22", mode: "ReadWrite" },
};
