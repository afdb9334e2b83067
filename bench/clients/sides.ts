/** Everybody who can be measured, and how each is connected. What is not listed here is no side. */
import { coreLockers } from "./core.ts";
import { directLockers } from "./direct.ts";
import { etcd3Lockers } from "./etcd3.ts";
import { grpcJsCalls } from "./grpc-js.ts";
import { GrpcConnection } from "./grpc.ts";
import { httpLockers } from "./http.ts";
import type { Lockers } from "./load.ts";
import { peerLockers } from "./peer.ts";
import { connectRedis } from "./redis.ts";
import { connectRedlock } from "./redlock.ts";
import { v3Lockers } from "./v3lock.ts";
import { typedLockers } from "./typed.ts";
import { connectZooKeeper } from "./zookeeper.ts";

/** Of bench/pools.yaml. */
const pools = { plain: "bench", sticky: "sticky", read: "read" } as const;

/** Where the servers are that a side may need. */
export interface Targets {
  readonly etcd: string;
  /** Ports of sidecars, all on that etcd. */
  readonly sidecars: readonly number[];
  /** The ports of peers of which one was asked for. */
  readonly zookeeper?: number | undefined;
  /** Three, with everything on the disk before it is answered. */
  readonly redlock?: readonly number[];
  /** With nothing on the disk. */
  readonly redis?: number | undefined;
}

const firstOf = (ports: readonly (number | undefined)[]): number => {
  const [first] = ports;
  if (first === undefined) throw new Error("this side needs a server that was not started");
  return first;
};

export const connecting = {
  sidecar: ({ sidecars }) => Promise.resolve(httpLockers([firstOf(sidecars)], pools.plain)),
  sidecars: ({ sidecars }) => Promise.resolve(httpLockers(sidecars, pools.plain)),
  sticky: ({ sidecars }) => Promise.resolve(httpLockers([firstOf(sidecars)], pools.sticky)),
  readers: ({ sidecars }) =>
    Promise.resolve(httpLockers([firstOf(sidecars)], pools.read, () => ["mode=shared"])),
  // Who names an owner has a place of his own.
  owners: ({ sidecars }) =>
    Promise.resolve(
      httpLockers([firstOf(sidecars)], pools.read, (at) => ["mode=shared", `owner=${String(at)}`]),
    ),
  core: ({ etcd }) => coreLockers(etcd, pools.plain),
  typed: ({ sidecars }) => Promise.resolve(typedLockers(firstOf(sidecars), pools.plain)),
  v3lock: async ({ etcd }) => v3Lockers(await GrpcConnection.open(etcd)),
  direct: async ({ etcd }) => directLockers(await GrpcConnection.open(etcd)),
  "grpc-js": ({ etcd }) => v3Lockers(grpcJsCalls(etcd)),
  zookeeper: async ({ zookeeper }) =>
    peerLockers(await connectZooKeeper(String(firstOf([zookeeper])))),
  redlock: async ({ redlock = [] }) => peerLockers(await connectRedlock(redlock.join(","))),
  redis: async ({ redis }) => peerLockers(await connectRedis(String(firstOf([redis])))),
  etcd3: ({ etcd }) => Promise.resolve(etcd3Lockers(etcd)),
} as const satisfies Readonly<Record<string, (targets: Targets) => Promise<Lockers>>>;

export type Side = keyof typeof connecting;
