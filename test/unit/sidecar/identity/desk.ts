/**
 * An operator's desk on loopback, by real TLS, that answers as a test says: well as long as nothing is said. What it issues
 * ends by the clock that it is given, so that hours pass at once.
 */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { identityPath, type IdentityAnswer } from "#api/identity.ts";
import {
  certify,
  issue,
  keyPem,
  makeAuthority,
  type Authority,
} from "#operator/identity/x509/certificate.ts";
import { inTime } from "#test/support/poll.ts";

const hourMs = 3_600_000;
/** Of what is shown to Node's TLS, which asks the machine's own clock. */
const validity = { fromMs: Date.now() - hourMs, untilMs: Date.now() + 24 * hourMs };

export const authorityOf = (name: string): Authority => makeAuthority(name, validity);

export interface Question {
  readonly token: string | undefined;
  readonly publicKey: string;
  readonly headers: IncomingMessage["headers"];
}

export type Say = (question: Question, response: ServerResponse) => void;

export interface DeskOptions {
  readonly authority?: Authority;
  readonly hosts?: readonly string[];
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

export class Desk implements AsyncDisposable {
  readonly port: number;
  readonly clients = authorityOf("clients");
  readonly asked: Question[] = [];
  /** How it answers from now on. */
  say: Say;
  /** Of what it issues. */
  lifeMs = 24 * hourMs;
  /** What its answers say beside the certificate. */
  more: Partial<IdentityAnswer> = {};
  /** What it shows, and tells to trust. */
  authority: Authority;
  readonly #wallNow: () => number;
  readonly #server: Server;
  readonly #hosts: readonly string[];
  readonly #maxVersion: "TLSv1.2" | "TLSv1.3";
  #came: (() => void)[] = [];

  private constructor(server: Server, wallNow: () => number, options: DeskOptions) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#wallNow = wallNow;
    this.#hosts = options.hosts ?? ["127.0.0.1", "localhost"];
    this.#maxVersion = options.maxVersion ?? "TLSv1.3";
    this.authority = options.authority ?? authorityOf("operator");
    this.say = this.well;
    this.show(this.authority);
    server.on("request", (request, response) => {
      void this.#take(request, response);
    });
  }

  static async start(
    wallNow: () => number = () => Date.now(),
    options: DeskOptions = {},
  ): Promise<Desk> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return new Desk(server, wallNow, options);
  }

  get url(): URL {
    return new URL(`https://127.0.0.1:${this.port}`);
  }

  /** Shows a certificate by it; `trust` of answers stays as it is. */
  show(by: Authority): void {
    const wanted = { subject: { name: "desk" }, uses: ["server"], validity } as const;
    const { certificate: cert, key } = issue(by, { ...wanted, hosts: this.#hosts });
    this.#server.setSecureContext({ cert, key: keyPem(key), maxVersion: this.#maxVersion });
  }

  /** As the operator answers. */
  answerTo({ publicKey }: Pick<Question, "publicKey">): IdentityAnswer {
    const nowMs = this.#wallNow();
    const untilMs = Math.floor((nowMs + this.lifeMs) / 1_000) * 1_000;
    const certificate = certify(this.clients, {
      ...{ subject: { name: "ns:shop" }, uses: ["client"], publicKey: createPublicKey(publicKey) },
      validity: { fromMs: nowMs - hourMs, untilMs },
    });
    return {
      ...{ namespace: "shop", trust: this.authority.certificate, certificate },
      etcd: { endpoints: ["https://etcd.test:2379"], ca: this.clients.certificate },
      ...{ notAfter: new Date(untilMs).toISOString(), user: null, password: null },
      ...{ sessionTtl: "10s", ...this.more },
    };
  }

  readonly well: Say = (question, response) => {
    response.setHeader("Content-Type", "application/json");
    const text = JSON.stringify(this.answerTo(question));
    response.setHeader("Content-Length", Buffer.byteLength(text)).end(text);
  };

  /** From now on. */
  refuse(status: number, title: string, headers: Readonly<Record<string, string>> = {}): void {
    this.say = (_question, response) => {
      const text = JSON.stringify({ title, detail: `${title}.` });
      response.writeHead(status, { "Content-Length": Buffer.byteLength(text), ...headers });
      response.end(text);
    };
  }

  /** Once so many have asked in all. */
  async came(count: number): Promise<void> {
    const enough = async (): Promise<void> => {
      while (this.asked.length < count) await new Promise<void>((come) => this.#came.push(come));
    };
    await inTime(`${count} questions`, enough());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const part of request) text += String(part);
    const { headers } = request;
    const [, token] = /^Bearer (.+)$/.exec(headers.authorization ?? "") ?? [];
    assert.deepEqual([request.method, request.url], ["POST", identityPath]);
    const { publicKey } = JSON.parse(text) as { publicKey: string };
    const question = { token, publicKey, headers };
    this.asked.push(question);
    this.say(question, response);
    const came = this.#came;
    this.#came = [];
    for (const come of came) come();
  }
}
