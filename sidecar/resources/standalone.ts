/** Standalone mode: the files are followed, and this sidecar owns the spec tree that they are published to. */
import type { Kernel } from "../kernel.ts";
import type { Runtime } from "#core/runtime.ts";
import { FollowedFiles } from "./followed-files.ts";
import { SpecOwner, type Document, type OwnerStatus } from "./owner.ts";
import type { FileProblem } from "./wanted.ts";

export interface StandaloneParts {
  readonly path: string;
  readonly namespace: string;
  readonly runtime: Runtime;
  readonly kernel: Kernel;
  readonly onFatal: (name: string, error: unknown) => void;
}

export class Standalone implements AsyncDisposable {
  readonly #owner: SpecOwner;
  readonly #files: FollowedFiles;
  readonly #documents: () => readonly Document[];

  private constructor(parts: {
    owner: SpecOwner;
    files: FollowedFiles;
    documents: () => readonly Document[];
  }) {
    this.#owner = parts.owner;
    this.#files = parts.files;
    this.#documents = parts.documents;
  }

  /** The files were read once when it resolves; etcd may have none of them yet. */
  static async start({
    path,
    namespace,
    runtime,
    kernel,
    onFatal,
  }: StandaloneParts): Promise<Standalone> {
    const { store, specs: mirror, lineage } = kernel;
    const { ttlMs: sessionTtlMs } = kernel.sessions.status();
    const owner = SpecOwner.start({
      runtime,
      store,
      namespace,
      mirror,
      lineage,
      sessionTtlMs,
      onFatal,
    });
    let documents: readonly Document[] = [];
    try {
      const publish = (latest: readonly Document[]) => {
        documents = latest;
        owner.publish(latest);
      };
      const files = await FollowedFiles.start({
        path,
        namespace,
        runtime,
        publish,
        onFailure: onFatal,
      });
      return new Standalone({ owner, files, documents: () => documents });
    } catch (error) {
      await owner.close();
      throw error;
    }
  }

  /** What the files ask for. */
  documents(): readonly Document[] {
    return this.#documents();
  }

  problems(): readonly FileProblem[] {
    return this.#files.problems();
  }

  differing(): OwnerStatus["differing"] {
    return this.#owner.status().differing;
  }

  begunAnew(): void {
    this.#owner.begunAnew();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files.close();
    await this.#owner.close();
  }
}
