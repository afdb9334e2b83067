/** What tests do with locks, over a sidecar's HTTP API. */
import assert from "node:assert/strict";
import type { Answer } from "./http-client.ts";
import { eventually } from "./poll.ts";
import type { SidecarProcess } from "./sidecar-process.ts";

/** Fields of an acquire, as they stand in its query. */
export interface Ask {
  readonly wait?: string;
  readonly ttl?: string;
  readonly mode?: string;
  readonly permits?: string;
  readonly hold?: string;
  readonly holder?: string;
  readonly requestId?: string;
  /** Aborted, the caller goes away. */
  readonly signal?: AbortSignal;
}

export interface Held {
  readonly id: string;
  readonly fence: bigint;
  /** When it was asked for, and when the answer was here, on this process's monotonic clock. */
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly answer: Answer;
}

/** `lock`: pool and name, percent-encoded where that is needed. */
export function acquire(
  sidecar: SidecarProcess,
  lock: string,
  { signal, ...fields }: Ask = {},
): Promise<Answer> {
  const query = new URLSearchParams(fields).toString();
  const path = `/v1/locks/${lock}/acquire${query === "" ? "" : `?${query}`}`;
  return sidecar.api.post(path, signal === undefined ? {} : { signal });
}

/** One lock of a set: its path, or more of it. */
export type OfSet = string | { readonly lock: string; readonly mode?: string; permits?: number };

/** `locks`: pool and name of each, not encoded. */
export function acquireSet(
  sidecar: SidecarProcess,
  locks: readonly OfSet[],
  { signal, ...fields }: Omit<Ask, "mode" | "permits"> = {},
): Promise<Answer> {
  const body = { ...fields, locks: locks.map(lockOfSet) };
  return sidecar.api.post("/v1/lock-sets/acquire", {
    body,
    ...(signal === undefined ? {} : { signal }),
  });
}

function lockOfSet(one: OfSet) {
  const { lock, ...demand } = typeof one === "string" ? { lock: one } : one;
  const slash = lock.indexOf("/");
  return { pool: lock.slice(0, slash), name: lock.slice(slash + 1), ...demand };
}

/** Throws where it is not granted. A ttl of a minute, unless another is asked for. */
export async function holdSet(
  sidecar: SidecarProcess,
  locks: readonly OfSet[],
  ask: Omit<Ask, "mode" | "permits"> = {},
): Promise<Held> {
  const askedAt = performance.now();
  return heldBy(askedAt, await acquireSet(sidecar, locks, { ttl: "1m", ...ask }));
}

/** Throws where it is not granted. A ttl of a minute, unless another is asked for. */
export async function hold(sidecar: SidecarProcess, lock: string, ask: Ask = {}): Promise<Held> {
  const askedAt = performance.now();
  const ttl = ask.hold === undefined ? { ttl: "1m" } : {};
  return heldBy(askedAt, await acquire(sidecar, lock, { ...ttl, ...ask }));
}

function heldBy(askedAt: number, answer: Answer): Held {
  assert.equal(answer.status, 200, answer.text);
  const { grantId, fence } = answer.body;
  const answeredAt = performance.now();
  return { id: String(grantId), fence: BigInt(String(fence)), askedAt, answeredAt, answer };
}

export async function release(sidecar: SidecarProcess, held: Held): Promise<void> {
  const answer = await sidecar.api.delete(`/v1/grants/${held.id}`);
  assert.equal(answer.status, 204, answer.text);
}

export function grantOf(sidecar: SidecarProcess, held: Held): Promise<Answer> {
  return sidecar.api.get(`/v1/grants/${held.id}`);
}

export async function waitersOf(sidecar: SidecarProcess, lock: string): Promise<string[]> {
  const { body } = await sidecar.api.get(`/v1/locks/${lock}`);
  return (body["waiters"] as { holder: string }[]).map(({ holder }) => holder);
}

export async function holdersOf(sidecar: SidecarProcess, lock: string): Promise<string[]> {
  const { body } = await sidecar.api.get(`/v1/locks/${lock}`);
  return (body["holders"] as { holder: string }[]).map(({ holder }) => holder);
}

/** Until so many stand in the queue, as this sidecar sees it. */
export async function queued(sidecar: SidecarProcess, lock: string, count: number): Promise<void> {
  await eventually(
    `${count} waiters of ${lock}`,
    async () => (await waitersOf(sidecar, lock)).length === count,
  );
}

/** Until the lock can be had again, and given back at once. */
export async function works(sidecar: SidecarProcess, lock: string): Promise<Held> {
  const held = await eventually(`a grant of ${lock}`, async () => {
    const answer = await acquire(sidecar, lock, { wait: "1s" });
    return answer.status === 200 ? answer : Promise.reject(new Error(answer.text));
  });
  const { grantId, fence } = held.body;
  const now = performance.now();
  const got: Held = {
    id: String(grantId),
    fence: BigInt(String(fence)),
    askedAt: now,
    answeredAt: now,
    answer: held,
  };
  await release(sidecar, got);
  return got;
}

export async function sessionOf(sidecar: SidecarProcess) {
  const { body } = await sidecar.api.get("/v1/session");
  return body as Readonly<Record<string, unknown>> & {
    readonly state: string;
    readonly id?: string;
    readonly etcd: Readonly<Record<string, unknown>>;
  };
}
