/** Where the sidecar listens, from a URL: `http://localhost:4653`, or `unix:/run/holdfast.sock`. */
import { httpPort } from "../generated/names.ts";

export interface Place {
  /** As it is named in messages. */
  readonly url: string;
  /** What `net.connect` takes. */
  readonly socket: { readonly path: string } | { readonly host: string; readonly port: number };
  /** The Host header: the sidecar answers to loopback names only. */
  readonly hostHeader: string;
}

export const defaultUrl = `http://localhost:${httpPort}`;

/** Throws TypeError, in words for whoever set it. */
export function placeOf(url: string): Place {
  if (url.startsWith("unix:/"))
    return { url, socket: { path: url.slice("unix:".length) }, hostHeader: "localhost" };
  const wrong = (why: string): TypeError =>
    new TypeError(`The URL '${url}' of the sidecar ${why}. It is like ${defaultUrl}.`);
  if (!URL.canParse(url)) throw wrong("cannot be read");
  const { protocol, hostname, port, host, pathname, search, username } = new URL(url);
  if (protocol === "https:") throw wrong("must begin with http: the sidecar is on this machine");
  if (protocol !== "http:") throw wrong("must begin with http");
  if (pathname !== "/" || search !== "" || username !== "")
    throw wrong("has more than a host and a port");
  const isDefault = port === "";
  return {
    url: `http://${host}`,
    socket: { host: hostname.replace(/^\[|\]$/g, ""), port: isDefault ? 80 : Number(port) },
    hostHeader: host,
  };
}
