/** A pod: one life of its sidecar after the other, under one name. */
import { Process, type ProcessParts } from "./process.ts";

export class Pod {
  readonly name: string;
  readonly #parts: Omit<ProcessParts, "life" | "documents">;
  readonly #documents: () => ProcessParts["documents"];
  readonly #others: Process[] = [];
  #process: Process | undefined;

  constructor(
    parts: Omit<ProcessParts, "life" | "documents">,
    documents: () => ProcessParts["documents"],
  ) {
    this.name = parts.pod;
    this.#parts = parts;
    this.#documents = documents;
  }

  /** The life that there is; undefined: it is down. */
  get process(): Process | undefined {
    return this.#process?.isKilled === true ? undefined : this.#process;
  }

  /** All lives there were. */
  get processes(): readonly Process[] {
    return this.#others;
  }

  start(): void {
    if (this.process !== undefined) return;
    const life = this.#others.length + 1;
    this.#process = new Process({ ...this.#parts, life, documents: this.#documents() });
    this.#others.push(this.#process);
  }
}
