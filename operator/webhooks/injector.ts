/** What the options and the authorities come to for injection. */
import packageFile from "../../package.json" with { type: "json" };
import { ports } from "#api/names.ts";
import type { Authorities } from "../identity/authorities.ts";
import type { Injector } from "../injection/inject.ts";
import type { OperatorOptions } from "../options.ts";
import { excludedNamespaces } from "./configuration.ts";

/** Of an etcd that the operator runs, and of most others. */
const etcdPort = 2_379;

export function injectorOf(
  options: OperatorOptions,
  authorities: Pick<Authorities, "get">,
): Injector {
  const { namespace, namespaces, service, sidecarImage, sidecarPullPolicy } = options;
  const others = (options.etcdEndpoints ?? []).map(portOf);
  return {
    version: packageFile.version,
    image: sidecarImage,
    pullPolicy: sidecarPullPolicy,
    identity: `https://${service}.${namespace}.svc:${ports.identity}`,
    trust: authorities.get("operator")?.bundle,
    excluded: excludedNamespaces(namespace),
    served: namespaces,
    sessionTtlMaxMs: options.sessionTtl,
    etcdPorts: [...new Set([etcdPort, ...others])],
  };
}

function portOf(endpoint: string): number {
  const { port, protocol } = new URL(endpoint);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}
