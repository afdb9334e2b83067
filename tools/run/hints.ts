/** What a user reads when all is up: the first commands to try. */
import { sidecarEnv } from "./start.ts";
import type { Plan } from "./plan.ts";

const secondOffset = 10;

export function hints(plan: Plan, node: string): string {
  const api = `localhost:${plan.httpPort}/v1`;
  const second = {
    ...plan,
    httpPort: plan.httpPort + secondOffset,
    healthPort: plan.healthPort + secondOffset,
  };
  const variables = Object.entries({ HOLDFAST_POD: "second", ...sidecarEnv(second) }).map(
    ([name, value]) => `    ${name}=${value} \\`,
  );
  return `
Holdfast is ready. Pools come from ${plan.resources}/: edit a file there, and it applies in place.

  Take lock 42 of pool orders for a minute, waiting up to 5 s for it:
    curl -X POST '${api}/locks/orders/42/acquire?wait=5s&ttl=1m'

  Take it again in another terminal: 423 after 5 s, naming the holder. See who holds it and who waits:
    curl ${api}/locks/orders/42
    curl ${api}/locks/orders

  Renew the grant, and give it back (grantId is in the answer to acquire):
    curl -X POST '${api}/grants/GRANT_ID/renew?ttl=1m'
    curl -X DELETE ${api}/grants/GRANT_ID

  A second sidecar on the same etcd, as if in another pod:
${variables.join("\n")}
    ${node} sidecar/main.ts

  The contract: curl localhost:${plan.httpPort}/openapi.json    etcd's log: ${plan.dataFolder}/etcd.log
  Ctrl-C ends both; the data stays in ${plan.dataFolder}/ for the next make run.
`;
}
