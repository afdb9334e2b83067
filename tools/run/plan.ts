/** What `make run` starts, and on which ports: from the environment, where make puts its variables. */

export interface Plan {
  readonly httpPort: number;
  readonly healthPort: number;
  readonly etcdClientPort: number;
  readonly etcdPeerPort: number;
  /** Below the project, so that two checkouts do not meet. */
  readonly dataFolder: string;
  readonly resources: string;
}

export interface PortChoice {
  readonly port: number;
  /** The variable that changes it. */
  readonly variable: string;
  readonly what: string;
}

const defaults = {
  HTTP_PORT: { port: 4653, what: "the sidecar's HTTP API" },
  HEALTH_PORT: { port: 4655, what: "the sidecar's health" },
  ETCD_CLIENT_PORT: { port: 2379, what: "etcd's clients" },
  ETCD_PEER_PORT: { port: 2380, what: "etcd's peers" },
} as const;
type Variable = keyof typeof defaults;

export class Unusable extends Error {
  override readonly name = "Unusable";
}

export function planFrom(env: Readonly<Record<string, string | undefined>>): Plan {
  const plan = {
    httpPort: portOf("HTTP_PORT", env),
    healthPort: portOf("HEALTH_PORT", env),
    etcdClientPort: portOf("ETCD_CLIENT_PORT", env),
    etcdPeerPort: portOf("ETCD_PEER_PORT", env),
    dataFolder: ".cache/run",
    resources: "examples",
  };
  const seen = new Map<number, string>();
  for (const { port, variable } of portsOf(plan)) {
    const other = seen.get(port);
    if (other !== undefined)
      throw new Unusable(
        `${variable} and ${other} are both ${port}: each needs a port of its own.`,
      );
    seen.set(port, variable);
  }
  return plan;
}

export function portsOf(plan: Plan): PortChoice[] {
  const choice = (variable: Variable, port: number) => ({
    port,
    variable,
    what: defaults[variable].what,
  });
  return [
    choice("HTTP_PORT", plan.httpPort),
    choice("HEALTH_PORT", plan.healthPort),
    choice("ETCD_CLIENT_PORT", plan.etcdClientPort),
    choice("ETCD_PEER_PORT", plan.etcdPeerPort),
  ];
}

export function etcdEndpoint(plan: Plan): string {
  return `http://127.0.0.1:${plan.etcdClientPort}`;
}

function portOf(variable: Variable, env: Readonly<Record<string, string | undefined>>): number {
  const text = env[variable] ?? "";
  if (text === "") return defaults[variable].port;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new Unusable(`${variable}=${text} is not a port: a number from 1 to 65535 is.`);
  }
  return port;
}
