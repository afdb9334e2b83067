import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set takes places with the seats of those that stand alone: beside a busy cohort it makes the very key of that one anew.",
  file: "core/lock/set.ts",
  text: "seat: `s${seat.word}`,",
  other: "seat: session.seats.free(undefined),",
  caughtBy: { seed: "1", sets: true },
};
