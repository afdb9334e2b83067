/**
 * Where the real rung lives: a network namespace of its own, without a route to anywhere else, so that nothing of it can
 * leave the machine. A pair of links joins it to the machine's own, from which tests reach the API, services and pods.
 * There is one at a time on a machine: the kubelet's cgroups and these addresses are the machine's.
 */
export const namespace = "holdfast-cluster";
/** Where the kernel's namespaces get names. */
export const namespacesFolder = "/run/netns";
export const networkFile = `${namespacesFolder}/${namespace}`;
/** The machine's end of the link. */
export const hostLink = "holdfast0";

/** Of the pods, to the network plugins. */
export const networkName = "holdfast";

export const hostAddress = "10.78.0.1";
export const nodeAddress = "10.78.0.2";
export const nodeName = "node1";
export const podRange = "10.245.0.0/24";
export const dnsAddress = "10.96.0.10";
export const domain = "cluster.local";

export const imageOf = (name: string): string => `docker.io/holdfast/${name}:local`;
