/** Clients for the tests of etcd/, with a runtime whose log can be read. */
import { realRuntime } from "#host/runtime.ts";
import { after, type Instant, type Log, type Runtime } from "#core/runtime.ts";
import type { Outcome } from "#core/outcome.ts";
import type { Wait, Write } from "#core/store.ts";
import { type EtcdParts, EtcdClient } from "#etcd/client.ts";

export const never = new AbortController().signal;

/** What was logged, for messages of failing tests and for warnings that must be there. */
export function loggedRuntime(): Runtime & { readonly lines: string[] } {
  const lines: string[] = [];
  const line = (level: string) => (message: string, fields?: unknown) =>
    void lines.push(
      `${level} ${message} ${JSON.stringify(fields, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v))}`,
    );
  const log: Log = {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  return { ...realRuntime(log), lines };
}

/** All that takes 10 s takes 1: for what has to be waited for by design. Nothing may depend on it. */
export function fastRuntime(factor = 10): Runtime & { readonly lines: string[] } {
  const real = loggedRuntime();
  return {
    ...real,
    now: () => (real.now() * factor) as Instant,
    wallNow: () => real.wallNow(),
    timer: (at, fire) => real.timer((at / factor) as Instant, fire),
  };
}

export function clientOf(
  endpoints: string | readonly string[],
  parts: Partial<EtcdParts> = {},
): Promise<EtcdClient> {
  const list = typeof endpoints === "string" ? [endpoints] : endpoints;
  return EtcdClient.start({ runtime: loggedRuntime(), ...parts, endpoints: list }, never);
}

export function within(runtime: Runtime, ms = 10_000): Wait {
  return { signal: never, deadline: after(runtime.now(), ms) };
}

export function putOf(key: string, value = "x"): Omit<Write, "given"> {
  const bytes = new TextEncoder().encode(value);
  return { when: [], then: [{ kind: "putDurable", key, value: bytes }], otherwise: [] };
}

export function said(outcome: Outcome<unknown>): string {
  return outcome.kind === "done" ? "done" : `${outcome.kind} ${outcome.reason.code}`;
}

/** The value of what must be done. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.kind === "done") return outcome.value;
  const message = "message" in outcome.reason ? outcome.reason.message : "";
  throw new Error(`not done but ${said(outcome)}: ${message}`);
}
