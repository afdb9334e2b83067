import type { Log, LogFields } from "#core/runtime.ts";

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export interface Logged {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Keeps what is logged, to be looked at. */
export function keepingLog(): Log & { readonly lines: Logged[] } {
  const lines: Logged[] = [];
  const keep = (level: keyof Log) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  return {
    lines,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
}
