/** All commands, in the order in which help lists them. */
import type { Command } from "./command.ts";
import { completion } from "./commands/completion.ts";
import { lock } from "./commands/lock.ts";
import { locksDeadlocks } from "./commands/locks-deadlocks.ts";
import { locksEvents } from "./commands/locks-events.ts";
import { locksGet } from "./commands/locks-get.ts";
import { locksLs } from "./commands/locks-ls.ts";
import { locksRelease } from "./commands/locks-release.ts";

export const commands: readonly Command[] = [
  lock,
  locksLs,
  locksGet,
  locksEvents,
  locksRelease,
  locksDeadlocks,
  completion,
];
