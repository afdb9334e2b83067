/** Which objects a list and a watch are about. */
import type { ApiRequest } from "./api.ts";
import { collectionPath, type Resource } from "./objects.ts";

export interface Selection {
  readonly resource: Resource;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only the metadata of the objects is asked for: of what is large, and of which the rest is nobody's business. */
  readonly metadataOnly?: true;
}

/** As the API server calls it; what is asked for as a list is answered as a list of these. */
const metadataForm = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const metadataListForm = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

export function selectionRequest(
  { resource, namespace, labelSelector, fieldSelector, metadataOnly }: Selection,
  query: NonNullable<ApiRequest["query"]>,
): ApiRequest {
  const form = query["watch"] === undefined ? metadataListForm : metadataForm;
  return {
    ...(metadataOnly === true && { accept: form }),
    method: "GET",
    path: collectionPath(resource, namespace),
    query: { labelSelector, fieldSelector, ...query },
  };
}
