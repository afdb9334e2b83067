/** A client in virtual time before a sidecar that answers what the test says, when it says so. */
import { Calls } from "#client/calls.ts";
import { Clock } from "#client/clock.ts";
import type { HoldfastError } from "#client/error.ts";
import type { Answer } from "#client/http/answer-reader.ts";
import type { Exchanged } from "#client/http/connection.ts";
import type { Sending } from "#client/http/connections.ts";
import { placeOf } from "#client/http/place.ts";
import { Locks } from "#client/locks.ts";
import { Office, type Limits } from "#client/office.ts";
import { after } from "#core/runtime.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { World } from "#test/support/world/world.ts";

/** One request, as the sidecar gets it. */
export interface Got {
  readonly method: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly lane: Sending["lane"];
  /** When it was sent, in world time. */
  readonly atMs: number;
  readonly leave: AbortSignal | undefined;
}

/** What becomes of a request, and how long after its sending. `never`: until its sender's patience ends. */
export type Fate = Exchanged & { readonly afterMs?: number };
export const never = "never";

export class Stage {
  readonly world = new World("client");
  readonly runtime: VirtualRuntime;
  readonly calls: Calls;
  readonly office: Office;
  readonly locks: Locks;
  readonly got: Got[] = [];
  readonly warnings: HoldfastError[] = [];
  hungUp = false;
  /** Asked for each request. */
  sidecar: (got: Got) => Fate | typeof never = () => never;

  /** Called in the turn in which an answer comes in, before any promise has moved on. */
  onAnswer: () => void = () => undefined;

  constructor(limits: Partial<Limits> = {}) {
    this.runtime = this.world.runtime("app");
    const place = placeOf("http://localhost:4653");
    const wire = { send: (sending: Sending) => this.#send(sending) };
    this.calls = new Calls(wire, place, new Clock(this.runtime));
    this.office = new Office({
      ...{ calls: this.calls, runtime: this.runtime, holder: undefined },
      limits: { acquires: 100, grants: 100, ...limits },
      warn: (error) => this.warnings.push(error),
      hangUp: () => (this.hungUp = true),
    });
    this.locks = new Locks("orders", this.office);
  }

  /** Those of that method whose path ends so. */
  asked(method: string, end: string): Got[] {
    return this.got.filter((got) => got.method === method && got.path.endsWith(end));
  }

  #send({ text, lane, patienceMs, leave }: Sending): Promise<Exchanged> {
    const got = { ...read(text), lane, leave, atMs: this.world.nowMs };
    this.got.push(got);
    const fate = this.sidecar(got);
    return new Promise((resolve) => {
      const settle = (exchanged: Exchanged): void =>
        this.runtime.deliver(() => {
          resolve(exchanged);
          this.onAnswer();
        });
      if (fate !== never) this.world.in(fate.afterMs ?? 1, () => settle(fate));
      leave?.addEventListener("abort", () => this.world.in(1, () => settle({ kind: "left" })));
      const late = new Error("no answer in time");
      this.runtime.timer(after(this.runtime.now(), patienceMs), () =>
        resolve({ kind: "unanswered", error: late }),
      );
    });
  }
}

function read(text: string): Pick<Got, "method" | "path" | "fields"> {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [method = "", target = ""] = head.split(" ");
  const [path = "", query = ""] = target.split("?");
  const fields: unknown =
    body === "" ? Object.fromEntries(new URLSearchParams(query)) : JSON.parse(body);
  return { method, path, fields: fields as Got["fields"] };
}

export function json(status: number, body: object, afterMs = 1): Fate {
  const answer: Answer = {
    ...{ status, contentType: "application/json", retryAfterMs: undefined },
    ...{ text: JSON.stringify(body), keepsAlive: true },
  };
  return { kind: "answered", answer, afterMs };
}

/** A grant whose session is believed in for 9 s, and with a ttl of 30 s, unless it is said otherwise. */
export function grant(said: Readonly<Record<string, string | undefined>> = {}, afterMs = 1): Fate {
  const body = {
    ...{ grantId: "s-1-0", lock: "orders/42", mode: "exclusive", permits: 1, fence: "65536" },
    ...{ hold: "ttl", ttl: "30s", expiresIn: "30s", guaranteedFor: "9s" },
    ...{ acquiredAt: "2026-01-01T00:00:00.000Z", holder: "pod" },
  };
  return json(200, { ...body, ...said }, afterMs);
}

export function problem(status: number, code: string, facts: object = {}): Fate {
  return json(status, { code, detail: `It is ${code}.`, status, ...facts });
}

export const released: Fate = {
  kind: "answered",
  answer: { status: 204, contentType: "", retryAfterMs: undefined, text: "", keepsAlive: true },
};
export const lost: Fate = { kind: "unanswered", error: new Error("connection reset"), afterMs: 1 };
export const refused: Fate = {
  kind: "unsent",
  error: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  afterMs: 1,
};
