/**
 * What lies between one client process and the server. A link carries requests, answers and the messages of watches;
 * what it does to them is its own affair: the {@link DirectLink} nothing, the
 * {@link file://./uncertain-link.ts UncertainLink} whatever networks and servers do.
 */
import { unknown, type Outcome } from "#core/outcome.ts";
import type { KeyRange, Revision } from "#core/store.ts";
import type { VirtualRuntime } from "../world/virtual-runtime.ts";
import type { Told, Watching } from "./history.ts";
import type { Answer, EtcdModel } from "./server.ts";

export type CallKind = "write" | "read" | "grant" | "renew" | "revoke" | "keys";

export interface Call<T> {
  readonly kind: CallKind;
  /** The request takes effect at the server; answered once, at once or later. */
  readonly atServer: (server: EtcdModel, answer: (answer: Answer<T>) => void) => void;
  /** The client hears of it: the answer, or that there is none. At most once, perhaps never. */
  readonly heard: (outcome: Outcome<T>) => void;
}

export interface WatchCall {
  readonly range: KeyRange;
  readonly from: Revision;
  /** In the order in which the server told them. After `compacted` or `broken` nothing comes. */
  readonly heard: (told: Told) => void;
}

export interface Link {
  readonly server: EtcdModel;
  readonly client: VirtualRuntime;
  call<T>(call: Call<T>): void;
  watch(call: WatchCall): Watching;
}

/** A perfect network: everything arrives at once, in order. A stopped server or client still takes its time. */
export class DirectLink implements Link {
  readonly server: EtcdModel;
  readonly client: VirtualRuntime;

  constructor(server: EtcdModel, client: VirtualRuntime) {
    this.server = server;
    this.client = client;
  }

  call<T>({ atServer, heard }: Call<T>): void {
    const { server, client } = this;
    const incarnation = server.incarnation;
    server.runtime.deliver(() => {
      const answer = (outcome: Outcome<T>) => client.deliver(() => heard(outcome));
      // The request was on its way through a connection that the restart ended.
      if (server.incarnation !== incarnation) answer(connectionLost());
      else atServer(server, answer);
    });
  }

  watch({ range, from, heard }: WatchCall): Watching {
    const { server, client } = this;
    let watching: Watching | undefined;
    let cancelled = false;
    server.runtime.deliver(() => {
      if (cancelled) return;
      watching = server.watch(range, from, (told) => {
        if (client.state === "killed") watching?.cancel();
        client.deliver(() => {
          if (!cancelled) heard(told);
        });
      });
    });
    return {
      progress: () => server.runtime.deliver(() => watching?.progress()),
      cancel: () => {
        cancelled = true;
        server.runtime.deliver(() => watching?.cancel());
      },
    };
  }
}

export function connectionLost(): Outcome<never> {
  return unknown({ code: "noAnswer", message: "the connection ended before an answer came" });
}
