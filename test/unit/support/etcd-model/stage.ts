/** A world with one etcd model, for tests of the model itself. */
import assert from "node:assert/strict";
import type { Done } from "#core/outcome.ts";
import { after, type Instant } from "#core/runtime.ts";
import type { LeaseId, Write } from "#core/store.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import { EtcdModel, type Answer, type ModelOptions } from "#test/support/etcd-model/server.ts";
import type { Txn, TxnAnswer, TxnRequest } from "#test/support/etcd-model/txn.ts";
import { UncertainLink } from "#test/support/etcd-model/uncertain-link.ts";
import { calm, type Weather } from "#test/support/etcd-model/weather.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { World } from "#test/support/world/world.ts";

export interface Stage {
  readonly world: World;
  readonly etcd: EtcdModel;
}

export function stage(options: Omit<ModelOptions, "runtime"> = {}): Stage {
  const world = new World("etcd model");
  return { world, etcd: new EtcdModel({ runtime: world.runtime("etcd"), ...options }) };
}

export interface Linked extends Stage {
  readonly client: VirtualRuntime;
  readonly link: UncertainLink;
  readonly store: ModelStore;
}

export function linked(weather: Weather = calm): Linked {
  const { world, etcd } = stage();
  const client = world.runtime("client");
  const link = new UncertainLink(etcd, client, weather);
  return { world, etcd, client, link, store: new ModelStore(link) };
}

export function put(key: string, lease?: LeaseId, value = "v"): TxnRequest {
  const request = { kind: "put", key, value: new TextEncoder().encode(value) } as const;
  return lease === undefined ? request : { ...request, lease };
}

export function txn(...then: readonly TxnRequest[]): Txn {
  return { compares: [], then, otherwise: [] };
}

export function nested(parts: Partial<Txn>): TxnRequest {
  return { kind: "txn", txn: { compares: [], then: [], otherwise: [], ...parts } };
}

export function doneOf<T>(answer: Answer<T>): Done<T> {
  if (answer.kind !== "done") assert.fail(answer.reason.code);
  return answer;
}

export function codeOf(answer: Answer<TxnAnswer>): string {
  return answer.kind === "done" ? "done" : answer.reason.code;
}

export function write(key: string, value = "v"): Write {
  const op = { kind: "putDurable", key, value: new TextEncoder().encode(value) } as const;
  return { given: [], when: [], then: [op], otherwise: [] };
}

export function until(client: VirtualRuntime, ms: number): Instant {
  return after(client.now(), ms);
}
