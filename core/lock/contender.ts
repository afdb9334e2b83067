/**
 * A contender: a sidecar's key in etcd that stands for its place in a lock's queue. Order comes from its create revision
 * alone; of its value, only mode and permits decide anything. They are fixed when it is made. The rest is for observers
 * (kubectl, GET of a lock, the 423 that names the holder).
 */
import { bigintOf, decodeJson, encodeJson, textMapOf, textOf, wholeOf } from "../json.ts";
import { momentMax, type Epoch } from "../runtime.ts";
import { handoversMax, joinedMax } from "./fence.ts";
import type { Demand } from "./order.ts";
import type { Key, KeyValue, Revision } from "../store.ts";

export interface ContenderValue extends Demand {
  readonly session: string;
  readonly pod: string;
  readonly since: Epoch;
  readonly holder: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requestId?: string | undefined;
  /** On whose behalf, in the search for circles of waiting. */
  readonly owner?: string | undefined;
  /** It is one of a set, which waits until each of its places holds; it is told late that they all do. */
  readonly set?: "waiting" | "held" | undefined;
  /** The fence base of its first grant, as far as it is known. */
  readonly base: bigint;
  readonly handovers: number;
  /** See {@link Fenced}. */
  readonly isOwn: boolean;
  /** Of callers of its own sidecar that hold the lock by it together: as how many-th hand-over each was granted it. */
  readonly joined: readonly number[];
  /** Callers that stand behind this one in its own sidecar. */
  readonly localWaiters: number;
  /** Nobody uses it: it is given up when somebody else stands behind it. */
  readonly idle: boolean;
  /** It goes at once when it is not alone, and does not count as waiting. */
  readonly trying: boolean;
}

export interface Contender extends ContenderValue {
  readonly key: Key;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
}

/** More than any pool has. */
const permitsMax = 1_000_000;

export function encodeContender(value: ContenderValue): Uint8Array {
  return encodeJson(contenderFields(value));
}

/** What is undefined does not stand in it. */
export function contenderFields(value: ContenderValue): Readonly<Record<string, unknown>> {
  const { session, pod, mode, permits, since, holder, metadata, requestId, owner, set } = value;
  const { base, handovers, joined, localWaiters, trying } = value;
  return {
    session,
    pod,
    mode,
    permits,
    since,
    holder,
    metadata,
    requestId,
    owner,
    set,
    base: base.toString(),
    handovers: handovers > 0 ? handovers : undefined,
    own: value.isOwn ? true : undefined,
    joined: joined.length > 1 ? joined : undefined,
    localWaiters: localWaiters > 0 ? localWaiters : undefined,
    idle: value.idle ? true : undefined,
    trying: trying ? true : undefined,
  };
}

/** Never fails: what cannot be read is shown empty, and keeps its place in the order. */
export function readContender(kv: KeyValue): Contender {
  const value = decodeJson(kv.value) ?? {};
  const isOwn = value["own"] === true;
  const handovers = wholeOf(value["handovers"], isOwn ? joinedMax : handoversMax) ?? 0;
  return {
    key: kv.key,
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    session: textOf(value["session"]) ?? "",
    pod: textOf(value["pod"]) ?? "",
    mode: value["mode"] === "shared" ? "shared" : "exclusive",
    permits: wholeOf(value["permits"], permitsMax) ?? 1,
    since: (wholeOf(value["since"], momentMax) ?? 0) as Epoch,
    holder: textOf(value["holder"]) ?? "",
    metadata: textMapOf(value["metadata"]),
    requestId: textOf(value["requestId"]),
    owner: textOf(value["owner"]),
    set: setOf(value["set"]),
    base: bigintOf(value["base"]) ?? 0n,
    handovers,
    isOwn,
    joined: joinedOf(value["joined"]) ?? [handovers],
    localWaiters: wholeOf(value["localWaiters"], Number.MAX_SAFE_INTEGER) ?? 0,
    idle: value["idle"] === true,
    trying: value["trying"] === true,
  };
}

/**
 * It keeps the lock from others, and as far as is told holds it for nobody: of a set that waits for others of it. Of one that
 * was granted that is told within a second.
 */
export function isReserved({ set }: Contender): boolean {
  return set === "waiting";
}

function joinedOf(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length > joinedMax + 1) return undefined;
  const numbers = value.map((one: unknown) => wholeOf(one, joinedMax));
  return numbers.every((one) => one !== undefined) && numbers.length > 0 ? numbers : undefined;
}

function setOf(value: unknown): ContenderValue["set"] {
  return value === "waiting" || value === "held" ? value : undefined;
}
