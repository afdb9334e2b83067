/** What can happen to a simulated cluster; each is carried out by {@link file://./catalog.ts}. */
export const faultNames = [
  "crash",
  "crashAll",
  "drain",
  "pause",
  "suspend",
  "cut",
  "reset",
  "unreachable",
  "silentWatches",
  "storm",
  "lateCommits",
  "lostAnswers",
  "etcdStalls",
  "etcdRestarts",
  "etcdFull",
  "compaction",
  "wipe",
  "wipeAtOnce",
  "restore",
  "wallJump",
  "raiseBase",
  "editPool",
  "deletePool",
] as const;

export type FaultName = (typeof faultNames)[number];
