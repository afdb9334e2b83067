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

/**
 * `change` gets the object as it is, and changes it.
 * @returns false: a newer holder has written; nothing was done
 */
export async function writeFenced<T extends KubernetesObject>(
  api: KubernetesObjectApi,
  { named, fence }: { readonly named: Named; readonly fence: string },
  change: (object: T) => void,
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const object = await api.read<T & Named>(named);
    const { annotations = {} } = object.metadata as { annotations?: Record<string, string> };
    if (BigInt(annotations[fenceAnnotation] ?? "0") > BigInt(fence)) return false;
    change(object);
    object.metadata = {
      ...object.metadata,
      annotations: { ...object.metadata.annotations, [fenceAnnotation]: fence },
    };
    try {
      await api.replace(object);
      return true;
    } catch (error) {
      const isConflict = error instanceof ApiException && error.code === conflict;
      if (!isConflict || tries === triesMax) throw error;
    }
  }
}
