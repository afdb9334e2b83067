/** The exchange of identities, put together: what follows the Backend, what answers, and the door. */
import { options as optionTable } from "../options.ts";
import type { Running } from "../running.ts";
import { SidecarBackend } from "./backend-of-sidecars.ts";
import { startIdentityDoor } from "./door.ts";
import { Exchange } from "./exchange.ts";
import { exchangesCounter } from "./metrics.ts";

export interface Identity extends AsyncDisposable {
  readonly addresses: readonly string[];
  problem(): string | undefined;
  /** Answers on, and has who comes again connect anew. */
  drain(): void;
}

/** Served by every replica, whether or not it leads. Throws ListenRefused. */
export async function startIdentity(running: Running): Promise<Identity> {
  const { options, runtime, api, kubeMetrics, metrics, authorities, serving, onBug } = running;
  const { namespace, namespaces, installation } = options;
  await using stack = new AsyncDisposableStack();
  const backend = stack.use(
    SidecarBackend.start({
      ...{ api, runtime, metrics: kubeMetrics, authorities, namespace, installation },
      onFailure: onBug,
    }),
  );
  const exchange = new Exchange({
    ...{ api, runtime, authorities, backend, namespaces },
    ...{ lifeMs: options.certificateLife, sessionTtlMs: options.sessionTtl },
  });
  const door = stack.use(
    await startIdentityDoor({
      ...{ runtime, exchange, serving, address: options.identityAddress },
      option: optionTable.identityAddress,
      counted: exchangesCounter(metrics),
    }),
  );
  const held = stack.move();
  return {
    addresses: door.addresses,
    problem: () => door.problem() ?? backend.problem(),
    drain: () => {
      door.drain();
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}
