/** A sidecar's identity over real TLS, in a folder of its own, with a clock that stands still until it is moved. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Epoch } from "#core/runtime.ts";
import { readTls } from "#etcd/tls.ts";
import { Identity, NoIdentity, type IdentityParts } from "#sidecar/identity/identity.ts";
import { onFailure, Scrape } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";
import { inTime } from "#test/support/poll.ts";
import { Desk } from "./desk.ts";

export const hourMs = 3_600_000;
/** The deadline of a request: no wait, and none is so long in these tests. */
const requestMs = 10_000;

class Clocks extends SteppedRuntime {
  #jumpedMs = 0;

  override wallNow(): Epoch {
    return (super.wallNow() + this.#jumpedMs) as Epoch;
  }

  jumpWall(ms: number): void {
    this.#jumpedMs += ms;
  }
}

export class Stage implements AsyncDisposable {
  readonly runtime: Clocks;
  readonly folder: string;
  readonly desk: Desk;
  readonly leaving = new AbortController();
  /** Of the life that was started last. */
  scrape = new Scrape();
  /** As it was given at injection. */
  trust: string;
  readonly #lives: Identity[] = [];

  private constructor(runtime: Clocks, folder: string, desk: Desk) {
    this.runtime = runtime;
    this.folder = folder;
    this.desk = desk;
    this.trust = desk.authority.certificate;
  }

  static async start(): Promise<Stage> {
    const runtime = new Clocks();
    // An odd one: no wait is ever as long as a request has left.
    runtime.chance = 0.5137;
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-identity-"));
    const desk = await Desk.start(() => runtime.wallNow());
    const stage = new Stage(runtime, folder, desk);
    await stage.project("first-token\n");
    return stage;
  }

  /** A life of the container. */
  async begin(more: Partial<IdentityParts> = {}): Promise<Identity> {
    this.scrape = new Scrape();
    const identity = await Identity.start(
      {
        ...{ runtime: this.runtime, metrics: this.scrape.registry, namespace: "shop" },
        ...{ url: this.desk.url, trust: this.trust, tokenFile: this.#tokenFile },
        ...{ folder: this.folder, waitMs: 60_000, onFailure, ...more },
      },
      this.leaving.signal,
    );
    this.#lives.push(identity);
    return identity;
  }

  /** Why none was given, after whatever time that takes. */
  async refusal(more: Partial<IdentityParts> = {}): Promise<string> {
    let words: string | undefined;
    const ended = this.begin(more).then(
      () => assert.fail("it was given"),
      (error: unknown) => {
        if (!(error instanceof NoIdentity)) throw error;
        words = error.message;
      },
    );
    while (words === undefined) {
      await inTime("it to give up, or to try again", Promise.race([ended, this.#pause()]));
      this.runtime.pass(250);
    }
    return words;
  }

  /** As the kubelet writes it. */
  project(token: string): Promise<void> {
    return writeFile(this.#tokenFile, token);
  }

  kept(): Promise<string> {
    return readFile(path.join(this.folder, "identity.json"), "utf8");
  }

  /** Lets so much time pass, with all that is asked and answered meanwhile. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; ;) {
      const next = await inTime("the next wait", this.#pause());
      if (next > leftMs) {
        this.runtime.pass(leftMs);
        return;
      }
      this.runtime.pass(next);
      leftMs -= next;
    }
  }

  /** Until the next question has been answered, and what came of it is known. */
  async nextAsk(): Promise<void> {
    const before = this.desk.asked.length;
    for (;;) {
      const next = await inTime("the next question", this.#pause());
      if (this.desk.asked.length > before) return;
      this.runtime.pass(next);
    }
  }

  /** Until the operator is asked, whatever becomes of it. */
  async untilAsked(): Promise<void> {
    const count = this.desk.asked.length + 1;
    const came = this.desk.came(count);
    while (this.desk.asked.length < count) {
      const next = await Promise.race([came, this.#pause()]);
      if (next !== undefined) this.runtime.pass(next);
    }
  }

  /** In how many milliseconds something happens by itself, once nothing is under way. */
  #pause(): Promise<number> {
    return this.runtime.waits((ms) => ms !== requestMs);
  }

  asks(outcome: string): number {
    return this.scrape.value(`holdfast_identity_asks_total{outcome="${outcome}"}`) ?? 0;
  }

  said(message: string): number {
    return this.runtime.lines.filter((line) => line.message === message).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lives.map((life) => life.close()));
    await this.desk[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #tokenFile(): string {
    return path.join(this.folder, "token");
  }
}

/** What is shown to etcd now, as a connection reads it. */
export async function shownBy(identity: Identity): Promise<{ certificate: string; key: string }> {
  const { cert, key } = await readTls(identity.tls);
  assert.ok(cert && key);
  return { certificate: cert.toString(), key: key.toString() };
}

export function endOf(certificate: string): number {
  return new X509Certificate(certificate).validToDate.getTime();
}
