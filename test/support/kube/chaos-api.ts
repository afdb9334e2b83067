/**
 * An API server of one resource that changes by itself and does to lists and watches whatever may happen to them, in
 * virtual time, from a seed: events sent twice, late, in another order or not at all; watches that end in every way;
 * lists that fail or whose pages expire. When it is calm it ends the watch with 410, and then tells the truth.
 */
import { sleep } from "#core/runtime.ts";
import type { Api, ApiRequest, ByteStream } from "#operator/kube/api.ts";
import { done, refused, unknown, type KubeOutcome } from "#operator/kube/errors.ts";
import type { KubeObject } from "#operator/kube/objects.ts";
import type { Chance } from "#test/support/world/chance.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { bookmark, listObject, queueObject } from "./stage.ts";
import { statusObject } from "./scripted-server.ts";

interface Event {
  readonly version: number;
  readonly line: string;
}

const names = ["a", "b", "c", "d", "e"];

export class ChaosApi implements Api {
  readonly objects = new Map<string, KubeObject>();
  /** How lists and watches went wrong. */
  readonly faults = new Map<string, number>();
  readonly #chance: Chance;
  readonly #runtime: VirtualRuntime;
  readonly #history: Event[] = [];
  #version = 100;
  #calm = false;

  constructor(runtime: VirtualRuntime, chance: Chance) {
    this.#runtime = runtime;
    this.#chance = chance;
  }

  calm(): void {
    this.#calm = true;
  }

  /** A user makes, changes, deletes, or deletes and makes again. */
  change(): void {
    const name = this.#chance.oneOf(names);
    const was = this.objects.get(name);
    if (was === undefined) this.#put("ADDED", name, `uid-${name}-${this.#version}`);
    else if (this.#chance.happens(0.5)) this.#put("MODIFIED", name, was.metadata.uid);
    else {
      this.#version += 1;
      const last = queueObject({ name, version: this.#version, uid: was.metadata.uid });
      this.objects.delete(name);
      this.#tell("DELETED", last);
      if (this.#chance.happens(0.5)) this.#put("ADDED", name, `uid-${name}-${this.#version}`);
    }
  }

  async request(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<unknown>> {
    await sleep(this.#runtime, this.#chance.between({ min: 1, max: 400 }), signal);
    if (this.#fault("list", 0.2)) return unknown({ code: "failed", status: 500, message: "no" });
    const token = request.query?.["continue"];
    if (token !== undefined && this.#fault("page", 0.3)) return refused("expired", "too old");
    // Of a page that comes later nothing may have changed meanwhile: it is as of the first.
    const { version, items } =
      token === undefined
        ? { version: this.#version, items: [...this.objects.values()] }
        : (JSON.parse(token) as { version: number; items: KubeObject[] });
    if (request.query?.["limit"] === undefined || items.length <= 2)
      return done(listObject(version, items));
    const rest = JSON.stringify({ version, items: items.slice(2) });
    return done(listObject(version, items.slice(0, 2), rest));
  }

  async stream(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<ByteStream>> {
    await sleep(this.#runtime, this.#chance.between({ min: 1, max: 400 }), signal);
    if (this.#fault("expired", 0.1)) return refused("expired", "too old");
    if (this.#fault("busy", 0.1)) return refused("tooMany", "busy", { code: 429 });
    const from = Number(request.query?.["resourceVersion"]);
    return done({ chunks: this.#chunks(from, signal), close: () => undefined });
  }

  async *#chunks(from: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    let next = this.#history.findIndex(({ version }) => version > from);
    if (next < 0) next = this.#history.length;
    const wild = !this.#calm;
    for (;;) {
      await sleep(this.#runtime, this.#chance.between({ min: 1, max: 300 }), signal);
      if (wild && this.#calm) {
        yield text("ERROR", statusObject(410, "Expired"));
        return;
      }
      if (this.#fault("end", 0.02)) return;
      if (this.#fault("reset", 0.02)) throw new Error("reset");
      if (this.#fault("error", 0.02)) yield text("ERROR", statusObject(500, "Internal"));
      if (this.#fault("odd", 0.02)) yield Buffer.from("?\n");
      if (this.#fault("half", 0.02)) {
        yield Buffer.from('{"type":"ADD');
        return;
      }
      const old = this.#history[this.#chance.wholeBetween({ min: 0, max: next })];
      if (old !== undefined && this.#fault("again", 0.1)) yield Buffer.from(old.line);
      if (this.#fault("dropped", 0.05)) next += 1;
      const event = this.#history[next];
      const after = this.#history[next + 1];
      if (event === undefined) {
        if (next >= this.#history.length && this.#chance.happens(0.2)) {
          next = this.#history.length;
          yield text("BOOKMARK", bookmark(Math.max(from, this.#version)));
        }
      } else if (after !== undefined && this.#fault("swapped", 0.1)) {
        yield Buffer.from(after.line + event.line);
        next += 2;
      } else {
        yield Buffer.from(event.line);
        next += 1;
      }
    }
  }

  #fault(what: string, probability: number): boolean {
    if (this.#calm || !this.#chance.happens(probability)) return false;
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1);
    return true;
  }

  #put(type: "ADDED" | "MODIFIED", name: string, uid: string): void {
    this.#version += 1;
    const object = queueObject({ name, version: this.#version, uid });
    this.objects.set(name, object);
    this.#tell(type, object);
  }

  #tell(type: string, object: KubeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ version: this.#version, line });
  }
}

function text(type: string, object: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
