/**
 * Writes a Kubernetes object for the holder of a lock: the fence stands in an annotation of the object, and who has a lower
 * one is refused. The API server takes a write only for the version that was read (resourceVersion), so that nobody comes
 * between the look and the write.
 */
import {
  ApiException,
  type KubernetesObject,
  type KubernetesObjectApi,
} from "@kubernetes/client-node";

/** One for each lock that guards the object. */
export const fenceAnnotation = "orders.example.com/fence";
/** Somebody else writes to it, too: so often it is read again. */
const triesMax = 10;
const conflict = 409;

export interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

type Read<T> = T & { readonly metadata: { annotations?: Record<string, string> } };

/**
 * `change` gets the object as it is, and changes it.
 * @returns the object as it is then; undefined: a newer holder has written, and nothing was done
 */
export async function writeFenced<T extends KubernetesObject>(
  api: KubernetesObjectApi,
  { named, fence }: { readonly named: Named; readonly fence: string },
  change: (object: T) => void,
): Promise<T | undefined> {
  for (let tries = 1; ; tries++) {
    const object = await api.read<Read<T>>(named);
    const { annotations = {} } = object.metadata;
    if (BigInt(annotations[fenceAnnotation] ?? "0") > BigInt(fence)) return undefined;
    change(object);
    object.metadata.annotations = { ...object.metadata.annotations, [fenceAnnotation]: fence };
    try {
      return await api.replace(object);
    } catch (error) {
      const isConflict = error instanceof ApiException && error.code === conflict;
      if (!isConflict || tries === triesMax) throw error;
    }
  }
}
