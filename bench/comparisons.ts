/** What is compared with what, how many callers there are, and what the project promises itself of it. */
import type { Side } from "./clients/sides.ts";

export interface Comparison {
  readonly title: string;
  /** For who reads the tables. */
  readonly about: string;
  readonly callers: readonly number[];
  /** Callers want one lock; else each has one of its own. */
  readonly oneLock?: true;
  /** Of all callers together; absent: each asks as soon as it can. */
  readonly requestsPerSecond?: number;
  /** Ours first; the others are measured beside it. */
  readonly sides: readonly [Side, ...Side[]];
  readonly budgets: readonly Budget[];
}

/** Of our side with the most callers, against a peer in the same run: by the median of the rounds. */
export interface Budget {
  readonly over: Side;
  readonly what: "speed" | "etcdCpu" | "p90Ms";
  /** `speed`: a ratio at the least; `etcdCpu`: a ratio at the most; `p90Ms`: how much more at the most. */
  readonly bound: number;
}

export const comparisons: readonly Comparison[] = [
  {
    title: "Lock and unlock, uncontended, through HTTP",
    about:
      "`sidecar`: `POST …/acquire` and `DELETE /v1/grants/…` of the bundled sidecar. `v3lock`: `Lock` and `Unlock` of etcd's own lock service over gRPC, all callers under one lease, which is that service at its best. With one caller there is nobody to share a request with, and the sidecar is one more process on the way.",
    callers: [1, 16, 256],
    sides: ["sidecar", "v3lock"],
    budgets: [
      { over: "v3lock", what: "speed", bound: 1.5 },
      { over: "v3lock", what: "etcdCpu", bound: 0.4 },
    ],
  },
  {
    title: "The same, core without front end",
    about:
      "`core`: what is behind the sidecar's HTTP, called in the client's own process, so that its CPU is the client's. `zookeeper`: its recipe for locks (an ephemeral node in sequence), one session and connection for all callers. `redlock`: three Redis servers with an append-only file forced to the disk before each answer, commands of all callers pipelined. It promises less: no fence, nobody waits, and its safety hangs on clocks.",
    callers: [256],
    sides: ["core", "v3lock", "zookeeper", "redlock"],
    budgets: [
      { over: "v3lock", what: "speed", bound: 2 },
      { over: "zookeeper", what: "speed", bound: 2 },
      { over: "redlock", what: "speed", bound: 1 },
    ],
  },
  {
    title: "The same from a Node app",
    about:
      "`typed`: our client through the sidecar. `grpc-js`: the lock service by `@grpc/grpc-js`, with one lease for all and messages that are encoded already. `etcd3`: the Lock of npm `etcd3`, with a lease for each lock, as that library has it.",
    callers: [256],
    sides: ["typed", "grpc-js", "etcd3"],
    budgets: [
      { over: "grpc-js", what: "speed", bound: 3 },
      { over: "etcd3", what: "speed", bound: 10 },
    ],
  },
  {
    title: "One hot lock",
    about:
      "All callers want the same lock, and give it back at once; those of the sidecar are in one pod.",
    callers: [16],
    oneLock: true,
    sides: ["sidecar", "v3lock"],
    budgets: [{ over: "v3lock", what: "speed", bound: 100 }],
  },
  {
    title: "The same hot lock, core without front end",
    about: "What a hand-over inside a pod costs where no HTTP is on the way: nothing is written.",
    callers: [16],
    oneLock: true,
    sides: ["core", "v3lock"],
    budgets: [{ over: "v3lock", what: "speed", bound: 100 }],
  },
  {
    title: "Readers of one pod hold one lock",
    about:
      "`readers`: all with `mode=shared`, on the one place of their pod. `owners`: the same, each in the name of an owner and so with a place of its own, two writes a pair.",
    callers: [64],
    oneLock: true,
    sides: ["readers", "owners"],
    budgets: [],
  },
  {
    title: "One caller takes the same lock again and again",
    about:
      "`sticky`: through HTTP, of a pool with `stickyFor`, so that the lock stays with the pod and nothing is written. `redis`: `SET NX PX` and compare-and-delete by a script, on a Redis that writes nothing to the disk.",
    callers: [1],
    sides: ["sticky", "redis"],
    budgets: [],
  },
  {
    title: "Waiting: 64 callers in four pods want one lock",
    about:
      "Sixteen callers behind each of four sidecars. p99 is what the unluckiest hundredth of them waits for its turn; who is served in order waits for the 63 before it.",
    callers: [64],
    oneLock: true,
    sides: ["sidecars", "v3lock"],
    budgets: [],
  },
  {
    title: "Added latency of the sidecar",
    about:
      "At a set pace over 16 connections: each request from when it was due. `direct`: the same two writes, sent to etcd by the client itself over one connection.",
    callers: [16],
    requestsPerSecond: 1_000,
    sides: ["sidecar", "direct"],
    budgets: [{ over: "direct", what: "p90Ms", bound: 1 }],
  },
];
