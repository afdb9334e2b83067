/**
 * The API server as far as operator/kube needs it, in virtual time: objects with versions and uids, lists in pages, watches
 * with bookmarks, optimistic writes. A `ModelClient` is one process's way to it, on which messages are slow or lost.
 */
import { after } from "#core/runtime.ts";
import type { Api, ApiRequest, ByteStream } from "#operator/kube/api.ts";
import { done, outcomeOfStatus, unknown, type KubeOutcome } from "#operator/kube/errors.ts";
import {
  objectPath,
  type KubeObject,
  type ObjectName,
  type Resource,
} from "#operator/kube/objects.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import type { World } from "#test/support/world/world.ts";
import { statusObject } from "./scripted-server.ts";

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

export class KubeApiModel {
  readonly world: World;
  writes = 0;
  #version = 100;
  #uids = 0;
  /** By path. */
  readonly #objects = new Map<string, KubeObject>();
  readonly #writtenAtMs = new Map<string, number>();

  constructor(world: World) {
    this.world = world;
  }

  object(resource: Resource, name: ObjectName): KubeObject | undefined {
    return this.#objects.get(objectPath(resource, name));
  }

  /** As somebody else. */
  change(resource: Resource, name: ObjectName, how: (object: KubeObject) => KubeObject): void {
    const path = objectPath(resource, name);
    const object = this.#objects.get(path);
    if (object !== undefined) this.#store(path, how(object));
  }

  delete(resource: Resource, name: ObjectName): void {
    this.#objects.delete(objectPath(resource, name));
  }

  /** World time at which the last write of this process that was taken was sent; -1: there was none. */
  lastWriteSentAtMs(process: string): number {
    return this.#writtenAtMs.get(process) ?? -1;
  }

  answer(request: ApiRequest, from: string, sentAtMs: number): Reply {
    const reply = this.#do(request);
    if (request.method !== "GET" && reply.status < 300) {
      this.writes += 1;
      this.#writtenAtMs.set(from, sentAtMs);
    }
    return reply;
  }

  /** As somebody else, with the next version; it has a uid of its own. */
  put(resource: Resource, object: KubeObject): KubeObject {
    return this.#store(objectPath(resource, object.metadata), object);
  }

  #do({ method, path, body }: ApiRequest): Reply {
    const sent = body as KubeObject | undefined;
    switch (method) {
      case "GET": {
        const found = this.#objects.get(path);
        return found === undefined ? no(404, "NotFound") : { status: 200, body: found };
      }
      case "POST": {
        if (sent === undefined || !hasMicroTimes(sent)) return no(400, "BadRequest");
        const made = `${path}/${sent.metadata.name}`;
        if (this.#objects.has(made)) return no(409, "AlreadyExists");
        this.#uids += 1;
        const metadata = { ...sent.metadata, uid: `uid-${this.#uids}` };
        return { status: 201, body: this.#store(made, { ...sent, metadata }) };
      }
      case "PUT": {
        const found = this.#objects.get(path);
        if (found === undefined) return no(404, "NotFound");
        if (sent === undefined || !hasMicroTimes(sent)) return no(400, "BadRequest");
        const same = found.metadata.resourceVersion === sent.metadata.resourceVersion;
        return same ? { status: 200, body: this.#store(path, sent) } : no(409, "Conflict");
      }
      case "PATCH": {
        const whole = path.replace(/\/status$/, "");
        const found = this.#objects.get(whole);
        if (found === undefined) return no(404, "NotFound");
        if (sent?.metadata.resourceVersion !== found.metadata.resourceVersion)
          return no(409, "Conflict");
        return { status: 200, body: this.#store(whole, { ...found, status: sent["status"] }) };
      }
      default:
        return no(405, "MethodNotAllowed");
    }
  }

  #store(path: string, object: KubeObject): KubeObject {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const stored = structuredClone({ ...object, metadata });
    this.#objects.set(path, stored);
    return stored;
  }
}

function no(status: number, reason: string): Reply {
  return { status, body: statusObject(status, reason) };
}

/** The server refuses a Lease whose times are written otherwise. */
function hasMicroTimes(object: KubeObject): boolean {
  if (object.kind !== "Lease") return true;
  const spec = object["spec"] as Record<string, unknown>;
  return ["renewTime", "acquireTime"].every((field) => microTime.test(String(spec[field])));
}

export class ModelClient implements Api {
  /** How long a request is on its way, and how long its answer. */
  sendMs = 0;
  answerMs = 0;
  /** Beside that, of a write. */
  answerWritesMs = 0;
  /** So many answers are lost from now on. */
  loseAnswers = 0;
  /** Nothing reaches the server, and nobody says so. */
  cut = false;
  readonly #model: KubeApiModel;
  readonly #runtime: VirtualRuntime;

  constructor(model: KubeApiModel, runtime: VirtualRuntime) {
    this.#model = model;
    this.#runtime = runtime;
  }

  calm(): void {
    this.sendMs = 0;
    this.answerMs = 0;
    this.loseAnswers = 0;
    this.cut = false;
  }

  request(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<unknown>> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeOutcome<unknown>>();
    const { world } = this.#model;
    const deadlineMs = request.deadlineMs ?? 30_000;
    const timer = this.#runtime.timer(after(this.#runtime.now(), deadlineMs), () => {
      resolve(unknown({ code: "deadline", status: 0, message: "no answer in time" }));
    });
    const leave = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    const sentAtMs = world.nowMs;
    const { cut } = this;
    const answerMs = this.answerMs + (request.method === "GET" ? 0 : this.answerWritesMs);
    // What was sent arrives, whether or not its sender still waits for it.
    world.in(1 + this.sendMs, () => {
      if (cut) return;
      const { status, body } = this.#model.answer(request, this.#runtime.name, sentAtMs);
      if (request.method !== "GET" && this.loseAnswers > 0) {
        this.loseAnswers -= 1;
        return;
      }
      const outcome = status < 300 ? done(structuredClone(body)) : outcomeOfStatus(status, body);
      world.in(1 + answerMs, () => {
        this.#runtime.deliver(() => {
          resolve(outcome);
        });
      });
    });
    return promise.finally(() => {
      timer.cancel();
      signal.removeEventListener("abort", leave);
    });
  }

  stream(): Promise<KubeOutcome<ByteStream>> {
    throw new Error("this client watches nothing");
  }
}
