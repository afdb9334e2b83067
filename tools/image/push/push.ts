/** One image to a registry: the blobs that it lacks, then the manifest that names them. */
import type { Manifested } from "../archive.ts";
import { mediaTypes } from "../archive.ts";
import { PushRefused } from "./refused.ts";
import type { Registry } from "./registry.ts";

export interface Pushed {
  readonly repository: string;
  readonly tag: string;
  readonly image: Manifested;
  /** Repositories of the same registry that may hold some of its blobs. */
  readonly beside: readonly string[];
}

export type Fate = "there" | "mounted" | "sent";

/** Tells each blob's fate. Returns when the registry serves the image under its tag. */
export async function push(
  registry: Registry,
  pushed: Pushed,
  told: (digest: string, sizeBytes: number, fate: Fate) => void,
): Promise<void> {
  const { repository, tag, image } = pushed;
  for (const [digest, content] of image.blobs)
    told(digest, content.length, await pushBlob(registry, pushed, digest));
  const answer = await registry.call({
    ...{ method: "PUT", path: `/v2/${repository}/manifests/${tag}`, expected: [201] },
    headers: { "content-type": mediaTypes.manifest },
    body: image.manifest,
  });
  await answer.body?.cancel();
  const stored = answer.headers.get("docker-content-digest") ?? image.digest;
  if (stored !== image.digest)
    throw new PushRefused(
      `The registry has made ${stored} of ${image.digest}: it is not the same.`,
    );
}

async function pushBlob(registry: Registry, pushed: Pushed, digest: string): Promise<Fate> {
  const { repository, image, beside } = pushed;
  const base = `/v2/${repository}/blobs`;
  const head = await registry.call({
    ...{ method: "HEAD", path: `${base}/${digest}`, expected: [200, 404] },
  });
  if (head.status === 200) return "there";
  const [from] = beside;
  const mount =
    from === undefined ? "" : `?${String(new URLSearchParams({ mount: digest, from }))}`;
  const begun = await registry.call({
    ...{ method: "POST", path: `${base}/uploads/${mount}`, expected: [201, 202] },
    headers: { "content-length": "0" },
  });
  await begun.body?.cancel();
  if (begun.status === 201) return "mounted";
  const location = new URL(begun.headers.get("location") ?? "", begun.url);
  location.searchParams.set("digest", digest);
  const stored = await registry.call({
    ...{ method: "PUT", path: location.href, expected: [201] },
    headers: { "content-type": "application/octet-stream" },
    body: image.blobs.get(digest) ?? Buffer.alloc(0),
  });
  await stored.body?.cancel();
  return "sent";
}
