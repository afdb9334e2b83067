/** The programs that images ship: what each is made of, and how it is started. */
import { smallClientNode, smallUndici, smallWinston, type Replaced } from "./packages.ts";

export interface Program {
  readonly entry: string;
  readonly packages: Replaced;
  /** Node's own options: why is in docs/decisions/0009-idle-memory.md. */
  readonly nodeOptions: string;
}

/** How the C library of each is told to give memory back: why is in docs/decisions/0009-idle-memory.md. */
export const environment = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;

export const programs = {
  sidecar: {
    entry: "sidecar/main.ts",
    packages: smallWinston,
    nodeOptions: "--min-semi-space-size=1 --max-semi-space-size=16",
  },
  operator: {
    entry: "operator/main.ts",
    packages: { ...smallWinston, ...smallClientNode, ...smallUndici },
    nodeOptions: "--max-semi-space-size=8",
  },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof programs;
