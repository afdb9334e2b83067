export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly atMs: number;
  /** Whose lines show it. */
  readonly ops: readonly string[];
}

export function ms(atMs: number): string {
  return `${(atMs / 1_000).toFixed(4)} s`;
}
