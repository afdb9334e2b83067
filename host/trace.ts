/** W3C trace context, as far as the log needs it: which trace a request belongs to. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
}

const shape = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/;

/** Undefined where the header is absent or malformed: a broken tracer must not break a request. */
export function parseTraceparent(header: string | undefined): Trace | undefined {
  if (header === undefined || header.startsWith("ff")) return undefined;
  const found = shape.exec(header);
  const [, traceId, spanId] = found ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
}
