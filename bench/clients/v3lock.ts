/**
 * etcd's own lock service (v3lockpb.Lock). Its four messages are written by hand: a name and a lease ask for a lock, the
 * answer is a header and a key, and that key gives it back. All callers share one lease, which is the service at its best.
 */
import { LeaseGrantRequest, LeaseGrantResponse } from "#etcd/codec/etcdserverpb/rpc.ts";
import type { Calls } from "./calls.ts";
import type { Locker, Lockers } from "./load.ts";

const leaseSeconds = 3_600n;

/** Whoever comes second always waits. */
export async function v3Lockers(calls: Calls): Promise<Lockers> {
  const lease = await grantLease(calls);
  return { locker: (name) => Promise.resolve(new V3Locker({ calls, lease }, name)) };
}

export async function grantLease(calls: Calls): Promise<bigint> {
  const request = LeaseGrantRequest.encode({ TTL: leaseSeconds, ID: 0n }).finish();
  const answer = await calls.call("/etcdserverpb.Lease/LeaseGrant", request);
  return LeaseGrantResponse.decode(answer).ID;
}

class V3Locker implements Locker {
  readonly #calls: Calls;
  readonly #lockRequest: Buffer;
  #key: Uint8Array = new Uint8Array();

  constructor({ calls, lease }: { calls: Calls; lease: bigint }, name: string) {
    this.#calls = calls;
    this.#lockRequest = Buffer.from([
      ...lengthDelimited(nameField, Buffer.from(name)),
      ...[leaseField, ...varint(lease)],
    ]);
  }

  async take(): Promise<void> {
    const locked = await this.#calls.call("/v3lockpb.Lock/Lock", this.#lockRequest);
    this.#key = keyOf(locked);
  }

  async give(): Promise<void> {
    const request = lengthDelimited(unlockKeyField, this.#key);
    await this.#calls.call("/v3lockpb.Lock/Unlock", Buffer.from(request));
  }

  /** The connection is shared, and closed by its owner. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Field numbers with their wire types: LockRequest.name and .lease, UnlockRequest.key, LockResponse.header and .key. */
const nameField = 0x0a;
const leaseField = 0x10;
const unlockKeyField = 0x0a;
const headerField = 0x0a;
const lockedKeyField = 0x12;

function lengthDelimited(field: number, bytes: Uint8Array): number[] {
  return [field, ...varint(BigInt(bytes.length)), ...bytes];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}

/** Both of the answer's fields are shorter than 128 bytes, or have a length of two bytes. */
function keyOf(answer: Buffer): Buffer {
  let at = 0;
  while (at < answer.length) {
    const field = answer[at];
    let length = answer[at + 1] ?? 0;
    at += 2;
    if (length > 0x7f) {
      length = (length & 0x7f) | ((answer[at] ?? 0) << 7);
      at += 1;
    }
    if (field === lockedKeyField) return answer.subarray(at, at + length);
    if (field !== headerField) break;
    at += length;
  }
  throw new Error(`not the answer of a lock: ${answer.toString("hex")}`);
}
