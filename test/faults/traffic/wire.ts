/** Questions of a round to a sidecar, by bare HTTP. */
import { AssertionError } from "node:assert";
import type { Answer, HttpClient } from "#test/support/http-client.ts";
import { nowNs } from "../history/recorder.ts";
import type { Desk } from "./desk.ts";

/** Beyond its wait; a sidecar that stands still answers when it goes on. */
export const patienceMs = 12_000;

export interface Told {
  readonly sentNs: number;
  readonly answer: Answer;
}

/** A question to a sidecar; undefined: no answer came. */
export class Wire {
  readonly desk: Desk;
  readonly api: HttpClient;

  constructor(desk: Desk, api: HttpClient) {
    this.desk = desk;
    this.api = api;
  }

  async ask(
    method: string,
    path: string,
    { body, forMs, leave }: { body?: object; forMs: number; leave?: AbortSignal | undefined },
  ): Promise<Told | undefined> {
    const late = AbortSignal.timeout(Math.ceil(forMs));
    const signal = leave === undefined ? late : AbortSignal.any([late, leave]);
    const sentNs = nowNs();
    try {
      const sent = { signal, ...(body === undefined ? {} : { body }) };
      return { sentNs, answer: await this.api.call(method, path, sent) };
    } catch (error) {
      if (error instanceof AssertionError)
        this.desk.record.write({ kind: "wrong", what: error.message });
      return undefined;
    }
  }
}

export function isOver(told: Told | undefined): boolean {
  return told !== undefined && [404, 409].includes(told.answer.status);
}
