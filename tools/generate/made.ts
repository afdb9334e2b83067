/** What a generator gives: files by their path in the project, with all of their text. */
export type Made = ReadonlyMap<string, string>;

export interface Generator {
  readonly name: string;
  readonly make: () => Promise<Made>;
  /** Folders that hold nothing but what this generator makes: what else lies there is stale. */
  readonly owns: readonly string[];
}

/** The first line of each generated file, without its comment marks. */
export function headOf(sources: string): string {
  return `Made from ${sources} by \`make generate\`. Do not edit.`;
}

/** `DistributedLock` → `distributed-lock` */
export function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
}
