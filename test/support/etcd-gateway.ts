/**
 * etcd by its own JSON gateway: what an operator, an admin or an accident does to it, with no client of ours in between.
 */
import http from "node:http";
import { inTime } from "./poll.ts";

type Json = Readonly<Record<string, unknown>>;

export interface RawKey {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** "0": none. */
  readonly lease: string;
}

interface RangeAnswer {
  readonly header: { readonly revision: string; readonly cluster_id: string };
  readonly kvs?: readonly {
    readonly key: string;
    readonly value?: string;
    readonly create_revision: string;
    readonly mod_revision: string;
    readonly lease?: string;
  }[];
}

export class EtcdGateway {
  readonly #endpoint: string;
  #token: string | undefined;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** One call, by its path below /v3/. Throws what etcd says. */
  async call(path: string, body: Json = {}): Promise<Json> {
    return JSON.parse(await this.#send(path, body)) as Json;
  }

  async put(key: string, value: string | Json): Promise<void> {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    await this.call("kv/put", { key: base64(key), value: base64(text) });
  }

  async delete(key: string): Promise<void> {
    await this.call("kv/deleterange", { key: base64(key) });
  }

  /** All keys that start so. */
  async deleteUnder(prefix: string): Promise<void> {
    await this.call("kv/deleterange", { key: base64(prefix), range_end: base64(endOf(prefix)) });
  }

  async get(key: string): Promise<RawKey | undefined> {
    return (await this.#range({ key: base64(key) }))[0];
  }

  /** All keys that start so. */
  under(prefix: string): Promise<RawKey[]> {
    return this.#range({ key: base64(prefix), range_end: base64(endOf(prefix)) });
  }

  async revision(): Promise<bigint> {
    return BigInt((await this.#header()).revision);
  }

  async clusterId(): Promise<string> {
    return BigInt((await this.#header()).cluster_id).toString();
  }

  /** Forgets all history up to now. */
  async compact(): Promise<void> {
    const revision = String(await this.revision());
    try {
      await this.call("kv/compaction", { revision, physical: true });
    } catch (error) {
      if (!String(error).includes("has been compacted")) throw error;
    }
  }

  async members(): Promise<{ ID: string; name: string; peerURLs: string[] }[]> {
    return (await this.call("cluster/member/list"))["members"] as never;
  }

  /** From now on as this user. */
  async login(name: string, password: string): Promise<void> {
    this.#token = undefined;
    this.#token = String((await this.call("auth/authenticate", { name, password }))["token"]);
  }

  /** All data, as `etcdctl snapshot save` gets it. */
  async snapshot(): Promise<Buffer> {
    const lines = (await this.#send("maintenance/snapshot", {})).trim().split("\n");
    return Buffer.concat(
      lines.map((line) => {
        const { result } = JSON.parse(line) as { result: { blob: string } };
        return Buffer.from(result.blob, "base64");
      }),
    );
  }

  /** The first change of a key below `prefix`, from that revision on, that is wanted. Waits for it. */
  async change(
    prefix: string,
    from: bigint,
    wanted: (change: KeyChange) => boolean,
  ): Promise<void> {
    const range = { key: base64(prefix), range_end: base64(endOf(prefix)) };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const request = this.#request("watch", (answer) => {
      let rest = "";
      answer.on("error", reject);
      answer.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        if (lines.flatMap(changesIn).some(wanted)) resolve();
      });
    });
    request.on("error", reject);
    request.end(JSON.stringify({ create_request: { ...range, start_revision: String(from) } }));
    try {
      await inTime(`a change below ${prefix}`, promise);
    } finally {
      request.destroy();
    }
  }

  async #header() {
    return ((await this.call("kv/range", { key: base64("-") })) as unknown as RangeAnswer).header;
  }

  async #range(range: Json): Promise<RawKey[]> {
    const { kvs = [] } = (await this.call("kv/range", range)) as unknown as RangeAnswer;
    return kvs.map((kv) => ({
      key: Buffer.from(kv.key, "base64").toString(),
      value: Buffer.from(kv.value ?? "", "base64").toString(),
      createRevision: BigInt(kv.create_revision),
      modRevision: BigInt(kv.mod_revision),
      lease: kv.lease ?? "0",
    }));
  }

  #send(path: string, body: Json): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const request = this.#request(path, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`etcd answers ${path} with ${answer.statusCode ?? 0}: ${text}`));
      });
    });
    request.on("error", reject);
    request.end(JSON.stringify(body));
    return inTime(`etcd's answer to ${path}`, promise);
  }

  #request(path: string, answered: (answer: http.IncomingMessage) => void): http.ClientRequest {
    const headers = this.#token === undefined ? {} : { Authorization: this.#token };
    const url = `${this.#endpoint}/v3/${path}`;
    return http.request(url, { method: "POST", agent: false, headers }, answered);
  }
}

interface KeyChange {
  readonly type: "PUT" | "DELETE";
  readonly key: string;
}

function changesIn(line: string): KeyChange[] {
  const { result } = JSON.parse(line) as {
    result?: { events?: { type?: "DELETE"; kv: { key: string } }[] };
  };
  return (result?.events ?? []).map(({ type, kv }) => ({
    type: type ?? "PUT",
    key: Buffer.from(kv.key, "base64").toString(),
  }));
}

function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
