/** What `kubectl describe pod` shows of a container that has ended: best effort, since outside of Kubernetes there is no such file. */
import type { Log } from "#core/runtime.ts";
import { writeFile } from "../resources/file-calls.ts";

/** The kubelet cuts at 4096. */
const charsMax = 2_000;

export async function leaveWords(file: string, words: string, log: Log): Promise<void> {
  try {
    // As it is, not beside it and renamed: the kubelet has mounted this very file.
    await writeFile(file, Buffer.from(`${words.slice(0, charsMax)}\n`), { flag: "r+" });
  } catch (error) {
    log.debug("the termination message could not be written", { file, error });
  }
}
