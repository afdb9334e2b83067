/** Kubernetes' quantities as the API server writes them: what is said otherwise would never be what stands. */
import { readMillicores } from "../injection/quantity.ts";

export const mebibyte = 1024 ** 2;
/** The largest first. */
export const units = { Pi: 1024 ** 5, Ti: 1024 ** 4, Gi: 1024 ** 3, Mi: mebibyte } as const;

/** Of a text that the form `byteSize` takes. */
export function bytesOf(size: string): number {
  return Number(size.slice(0, -2)) * units[size.slice(-2) as keyof typeof units];
}

export function quantityOf(size: string): string {
  const bytes = bytesOf(size);
  for (const [unit, of] of Object.entries(units))
    if (bytes % of === 0) return `${bytes / of}${unit}`;
  return size;
}

/** Undefined: it is none that is read here. */
export function coresOf(text: string): string | undefined {
  const millis = readMillicores(text);
  if (millis === undefined || millis === 0 || millis >= 1_000_000) return undefined;
  return millis % 1_000 === 0 ? String(millis / 1_000) : `${millis}m`;
}
