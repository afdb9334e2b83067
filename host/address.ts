/** Where a server of ours listens, as a user writes it. */
import { OptionProblem, parseOf } from "./options.ts";

export type Address =
  | { readonly kind: "off" }
  /** Every loopback address family that exists. */
  | { readonly kind: "loopback"; readonly port: number }
  /** All addresses of the machine. */
  | { readonly kind: "all"; readonly port: number }
  | { readonly kind: "host"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** What sun_path holds on Linux, without its final zero. */
const unixPathBytesMax = 107;

export const addressUnit = "localhost:port, :port, host:port, unix:/path or off";

export const address = parseOf("a port from 0, which picks a free one, to 65535", readAddress);

function readAddress(value: string): Address {
  if (value === "off") return { kind: "off" };
  if (value.startsWith("unix:")) return unixAddress(value.slice("unix:".length));
  const colon = value.lastIndexOf(":");
  if (colon < 0) throw new OptionProblem(`has no port; write ${addressUnit}`);
  const port = portOf(value.slice(colon + 1));
  const host = value.slice(0, colon);
  if (host === "") return { kind: "all", port };
  if (host === "localhost") return { kind: "loopback", port };
  if (host.startsWith("[") && host.endsWith("]"))
    return { kind: "host", host: host.slice(1, -1), port };
  if (host.includes(":"))
    throw new OptionProblem("has an IPv6 address without brackets; write [::1]:4653");
  return { kind: "host", host, port };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new OptionProblem(
    `has '${text}' where a port from 0 to 65535 belongs (0 picks a free one)`,
  );
}

function unixAddress(path: string): Address {
  if (!path.startsWith("/")) throw new OptionProblem("needs an absolute path after unix:");
  if (Buffer.byteLength(path) > unixPathBytesMax)
    throw new OptionProblem(`has a path of more than ${String(unixPathBytesMax)} bytes`);
  return { kind: "unix", path };
}
