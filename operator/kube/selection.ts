/** Which objects a list and a watch are about. */
import type { ApiRequest } from "./api.ts";
import { collectionPath, type Resource } from "./objects.ts";

export interface Selection {
  readonly resource: Resource;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export function selectionRequest(
  { resource, namespace, labelSelector, fieldSelector }: Selection,
  query: NonNullable<ApiRequest["query"]>,
): ApiRequest {
  return {
    method: "GET",
    path: collectionPath(resource, namespace),
    query: { labelSelector, fieldSelector, ...query },
  };
}
