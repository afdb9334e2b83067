/** Where images are pushed to: `REGISTRY=host/path`, as people write it. */

export interface Place {
  /** With the port. Docker's settings name credentials by it. */
  readonly host: string;
  /** Before the image's name; may be empty. */
  readonly path: string;
  readonly url: string;
}

/** REGISTRY= is no place. */
export class NoPlace extends Error {
  override readonly name = "NoPlace";
}

const shape =
  /^(?<host>\[[\da-fA-F:]+\](?::\d+)?|[\w-]+(?:\.[\w-]+)*(?::\d+)?)(?<path>(?:\/[a-z\d]+(?:(?:\.|_|__|-+)[a-z\d]+)*)*)\/?$/;

/** Without TLS only on this machine: what is sent else could be read and replaced on its way, and the password with it. */
export function placeOf(registry: string): Place {
  const { host = "", path = "" } = shape.exec(registry)?.groups ?? {};
  if (host === "")
    throw new NoPlace(
      `REGISTRY=${registry} is no registry: write host[:port]/path in lower case, without a scheme and a tag. For example: make image-push REGISTRY=registry.example.com/holdfast`,
    );
  const name = host.replace(/:\d+$/, "");
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(name);
  return { host, path: path.slice(1), url: `${isHere ? "http" : "https"}://${host}` };
}

export const repositoryIn = ({ path }: Place, image: string): string =>
  path === "" ? image : `${path}/${image}`;
