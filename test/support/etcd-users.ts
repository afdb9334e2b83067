/** An etcd with users, and somebody who comes to it with nothing but a name and a password. */
import { once } from "node:events";
import http from "node:http";
import { realRuntime } from "#host/runtime.ts";
import { makeLog } from "#host/log.ts";
import { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import { EtcdGateway } from "./etcd-gateway.ts";
import { inTime } from "./poll.ts";

export const base64 = (text: string): string => Buffer.from(text).toString("base64");

export const rootUser = { user: "root", password: "root" } as const;

/** Switches users on, with the admin `root`; the gateway is logged in as it. */
export async function switchUsersOn(gateway: EtcdGateway): Promise<void> {
  await gateway.call("auth/user/add", { name: rootUser.user, password: rootUser.password });
  await gateway.call("auth/role/add", { name: "root" });
  await gateway.call("auth/user/grant", { user: "root", role: "root" });
  await gateway.call("auth/enable");
  await gateway.login(rootUser.user, rootUser.password);
}

export const testRuntime = realRuntime(makeLog({ level: "error", format: "text" }));

export function adminOf(
  endpoints: readonly string[],
  credentials?: { user: string; password: string },
): EtcdAdmin {
  const access = { endpoints, tls: {}, ...(credentials && { credentials }) };
  const admin = EtcdAdmin.start(access, testRuntime);
  if (admin.kind !== "done") throw new Error(admin.message);
  return admin.value;
}

/** What a watch answers: its first events, or why the server ended it. */
export type Watched = { readonly cancelled: string } | { readonly events: number };

export class Intruder {
  readonly gateway: EtcdGateway;
  readonly #endpoint: string;
  readonly #token: string;

  private constructor(endpoint: string, token: string, gateway: EtcdGateway) {
    this.#endpoint = endpoint;
    this.#token = token;
    this.gateway = gateway;
  }

  static async login(endpoint: string, name: string, password: string): Promise<Intruder> {
    const gateway = new EtcdGateway(endpoint);
    const { token } = await gateway.call("auth/authenticate", { name, password });
    await gateway.login(name, password);
    return new Intruder(endpoint, String(token), gateway);
  }

  /** Undefined: etcd did it. Else what it said. */
  async refused(path: string, body: Record<string, unknown> = {}): Promise<string | undefined> {
    try {
      await this.gateway.call(path, body);
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  /** Waits for the answer that decides: an event, or the end. */
  async watch(create: Record<string, unknown>): Promise<Watched> {
    const request = http.request(`${this.#endpoint}/v3/watch`, {
      method: "POST",
      agent: false,
      headers: { Authorization: this.#token },
    });
    try {
      request.end(JSON.stringify({ create_request: create }));
      const [answer] = (await once(request, "response")) as [http.IncomingMessage];
      return await inTime("an answer of the watch", firstOf(answer));
    } finally {
      request.destroy();
    }
  }
}

interface WatchLine {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly events?: readonly object[];
  };
  readonly error?: { readonly message: string };
}

async function firstOf(answer: http.IncomingMessage): Promise<Watched> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const part of answer as AsyncIterable<string>) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const { result, error } of lines.map((line) => JSON.parse(line) as WatchLine)) {
      if (error !== undefined) return { cancelled: error.message };
      if (result?.canceled === true) return { cancelled: result.cancel_reason ?? "" };
      if (result?.events !== undefined) return { events: result.events.length };
    }
  }
  return { cancelled: "the stream ended" };
}
