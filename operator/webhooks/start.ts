/** The webhooks, put together: what reads namespaces, what answers, and the door. */
import type { TlsDoor } from "../identity/tls-door.ts";
import { options as optionTable } from "../options.ts";
import type { Running } from "../running.ts";
import { injectPath } from "./configuration.ts";
import { startWebhookDoor } from "./door.ts";
import { injectorOf } from "./injector.ts";
import { injectionsCounter, webhookRequests } from "./metrics.ts";
import { Namespaces } from "./namespaces.ts";
import { Reviewer } from "./reviewer.ts";

/** Served by every replica, whether or not it leads. Throws ListenRefused. */
export function startWebhooks(running: Running): Promise<TlsDoor> {
  const { options, runtime, api, metrics, recorder, authorities, serving } = running;
  const reviewer = new Reviewer({
    ...{ runtime, recorder, namespaces: new Namespaces(api, runtime) },
    injector: () => injectorOf(options, authorities),
    counted: injectionsCounter(metrics),
  });
  return startWebhookDoor({
    ...{ runtime, reviewer, serving, requests: webhookRequests(metrics, injectPath) },
    address: options.webhookAddress,
    option: optionTable.webhookAddress,
  });
}
