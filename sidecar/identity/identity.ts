/**
 * Who this sidecar is: what lets it into etcd, asked of the operator, kept in the state folder, renewed in time.
 *
 * | state     | entered by                                          | left by                                           |
 * | --------- | --------------------------------------------------- | ------------------------------------------------- |
 * | `missing` | the start, where nothing that is good was kept      | an answer → `good`; no answer in time: the process ends |
 * | `good`    | an answer, or what an earlier life of the container kept | the certificate's end → `over`; an answer → `good` |
 * | `over`    | nobody renewed it in time                           | an answer → `good`                                |
 *
 * From a third of its life on it asks for the next, with a key made anew, and goes on with what it has while nobody answers. What
 * was kept is used at once, and the next is asked for behind it: an earlier life may have ended because what it was told opened
 * nothing (an authority, an issuer that was corrected since), and would go on ending for hours. What
 * is over is said loudly and used all the same: connections that stand are not ended by it, and only etcd can refuse a new one.
 * A password has no end: it is asked for anew when etcd does not take it.
 */
import { identityAnswerBytesMax, identityPath } from "#api/identity.ts";
import { Bell } from "#core/bell.ts";
import { textOf } from "#core/json.ts";
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Credentials } from "#etcd/credentials.ts";
import type { TlsSource } from "#etcd/tls.ts";
import type { Metrics } from "#host/metrics.ts";
import { readFile } from "../resources/file-calls.ts";
import { readAnswer, type Access } from "./answer.ts";
import { keep, readKept } from "./kept.ts";
import { declareIdentity } from "./metrics.ts";
import { post, StepFailed } from "./post.ts";
import { isOver, renewAtMs, retryInMs, type Failed } from "./renewal.ts";

export interface IdentityParts {
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly namespace: string;
  /** Of the operator. */
  readonly url: URL;
  /** PEM: the first one; each answer carries the next. */
  readonly trust: string;
  /** Read anew for each exchange: the kubelet renews it. */
  readonly tokenFile: string;
  readonly folder: string;
  /** For the first one. */
  readonly waitMs: number;
  readonly onFailure: (name: string, error: unknown) => void;
}

export interface IdentityView {
  /** Wall clock; undefined: there is no certificate. */
  readonly notAfterMs: number | undefined;
  /** Why it could not be renewed, or is over; undefined: all is well. */
  readonly problem: string | undefined;
}

/** There is none, and nobody gave one in time. It ends the process. */
export class NoIdentity extends Error {
  override readonly name = "NoIdentity";
}

const firstPause = { leastMs: 250, mostMs: 5_000 } as const;
/** After an answer, whatever it says: clocks may differ by more than a life. */
const pauseMsMin = 1_000;
/** The wall clock may jump, and no timer follows it. */
const lookMsMax = 60_000;
const tokenBytesMax = 16 * 1024;

interface Held {
  readonly access: Access;
  readonly sinceMs: number;
  readonly notAfterMs: number | undefined;
}

export class Identity implements AsyncDisposable {
  readonly #parts: IdentityParts;
  readonly #tasks: Tasks;
  /** What etcd is spoken to with: as it was at the start. */
  readonly #first: Held;
  #held: Held;
  #failure: string | undefined;
  /** It seems to open nothing. */
  #isDoubted = false;
  #saidOver = false;
  /** etcd does not take the password that is held. */
  #isRefused = false;
  /** Before that, no refusal is a reason to ask. */
  #soonest = 0 as Instant;
  readonly #bell: Bell;
  readonly #counted: (outcome: string) => { add(): void };

  private constructor(parts: IdentityParts, asking: Asking, held: Held) {
    this.#parts = parts;
    this.#first = held;
    this.#held = held;
    this.#counted = asking.counted;
    this.#bell = new Bell(parts.runtime);
    this.#tasks = new Tasks(parts.onFailure);
  }

  /** Throws NoIdentity, or the signal's reason. */
  static async start(parts: IdentityParts, signal: AbortSignal): Promise<Identity> {
    const { runtime, folder, namespace, metrics } = parts;
    let identity: Identity | undefined = undefined as Identity | undefined;
    const asking: Asking = {
      counted: declareIdentity(metrics, {
        notAfterMs: () => identity?.view().notAfterMs,
        isGood: () => identity !== undefined && !isOver(identity.#held, runtime.wallNow()),
      }),
    };
    const kept = await readKept(folder, namespace);
    if (kept.kind === "unusable")
      runtime.log.warn("the identity that was kept cannot be used", { problem: kept.problem });
    const before = kept.kind === "read" ? heldOf(kept.access, kept.sinceMs) : undefined;
    const good = before !== undefined && !isOver(before, runtime.wallNow());
    const held = good
      ? before
      : await first(parts, asking, { trust: before?.access.trust ?? parts.trust, signal });
    const { notAfterMs } = held;
    runtime.log.info(good ? "the identity that was kept is used" : "the identity was given", {
      ...about(notAfterMs),
    });
    identity = new Identity(parts, asking, held);
    const dueInMs = good ? 0 : identity.#dueInMs();
    identity.#tasks.run("renewing the identity", (until) => identity.#renew(dueInMs, until));
    return identity;
  }

  get endpoints(): readonly string[] {
    return this.#first.access.endpoints;
  }

  /** The longest session that the operator reckons with. */
  get sessionTtlMs(): number {
    return this.#first.access.sessionTtlMs;
  }

  /** Read for each connection, all at once: what belongs together changes together. */
  get tls(): TlsSource {
    const held = (): Access => this.#held.access;
    const pem = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
    // Undefined members are as good as absent ones to who reads them.
    return {
      get ca() {
        return pem(held().ca);
      },
      get cert() {
        return pem(held().client?.certificate);
      },
      get key() {
        return pem(held().client?.key);
      },
    } as TlsSource;
  }

  /** Undefined: certificates, or nothing, speak for us. */
  get credentials(): Credentials | undefined {
    const { login } = this.#first.access;
    if (login === undefined) return undefined;
    const password = (): string => this.#held.access.login?.password ?? login.password;
    return {
      user: login.user,
      get password() {
        return password();
      },
      refused: (sent) => {
        if (sent !== password()) return;
        this.#isRefused = true;
        this.#bell.ring();
      },
    };
  }

  view(): IdentityView {
    const { notAfterMs } = this.#held;
    const over = isOver(this.#held, this.#parts.runtime.wallNow());
    const ended = over
      ? `the certificate for etcd ended at ${new Date(notAfterMs ?? 0).toISOString()}`
      : undefined;
    const failed = this.#failure === undefined ? undefined : `no new identity: ${this.#failure}`;
    const problem = [ended, failed].filter((one) => one !== undefined).join("; ");
    return { notAfterMs, problem: problem === "" ? undefined : problem };
  }

  /** It seems to open nothing: the next one is asked for now, unless that is tried again and again already. */
  askAgain(): void {
    this.#isDoubted = true;
    this.#bell.ring();
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #renew(dueInMs: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    let waitMs = dueInMs;
    let failures = 0;
    for (;;) {
      await this.#until(waitMs, signal);
      try {
        const next = await ask(this.#parts, this.#held.access.trust, signal);
        this.#counted("renewed").add();
        failures = this.#isOfUse(next) ? 0 : failures + 1;
        this.#take(next);
        waitMs = isOver(next, runtime.wallNow()) ? this.#retryInMs(failures) : this.#dueInMs();
        this.#soonest = after(runtime.now(), this.#retryInMs(failures, { isRefused: true }));
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        this.#counted(error.step).add();
        this.#failed(error);
        const { retryAfterMs } = error;
        waitMs = this.#retryInMs(failures, { retryAfterMs });
        const neededMs = this.#retryInMs(failures, { retryAfterMs, isRefused: true });
        this.#soonest = after(runtime.now(), neededMs);
        failures += 1;
      }
    }
  }

  /** A clock that is wrong by more than a life, or an operator that has not heard yet, is not asked again and again. */
  #isOfUse(next: Held): boolean {
    const isSame = next.access.login?.password === this.#held.access.login?.password;
    return !isOver(next, this.#parts.runtime.wallNow()) && !(this.#isRefused && isSame);
  }

  #dueInMs(): number {
    const { runtime } = this.#parts;
    const leftMs = Math.max(renewAtMs(this.#held) - runtime.wallNow(), pauseMsMin);
    return leftMs * (1 + runtime.random() / 10);
  }

  #retryInMs(failures: number, how: Partial<Failed> = {}): number {
    const { runtime } = this.#parts;
    const [nowMs, chance] = [runtime.wallNow(), runtime.random()];
    const isRefused = this.#isRefused;
    return retryInMs(this.#held, { nowMs, chance, failures, isRefused, ...how });
  }

  /**
   * Looks meanwhile whether it is over: the wall clock may have jumped there, and then it is asked for at once. So it is
   * where etcd refuses it, or cannot be reached with it.
   */
  async #until(waitMs: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const until = after(runtime.now(), waitMs);
    const wasOver = isOver(this.#held, runtime.wallNow());
    this.#isDoubted = false;
    for (;;) {
      const nowMs = runtime.wallNow();
      const over = isOver(this.#held, nowMs);
      if (over) this.#sayOver();
      const isReason = this.#isDoubted || (over && !wasOver);
      if (isReason && this.#failure === undefined) return;
      const end = this.#isRefused ? (Math.min(until, this.#soonest) as Instant) : until;
      const leftMs = end - runtime.now();
      if (leftMs <= 0) return;
      const endMs = over ? lookMsMax : (this.#held.notAfterMs ?? Infinity) - nowMs;
      const next = after(runtime.now(), Math.min(leftMs, lookMsMax, endMs));
      await this.#bell.wait({ until: next, signal });
      signal.throwIfAborted();
    }
  }

  #sayOver(): void {
    if (this.#saidOver) return;
    this.#saidOver = true;
    this.#parts.runtime.log.error(
      "the certificate for etcd is over: the next connection will be refused",
      { ...about(this.#held.notAfterMs), problem: this.#failure },
    );
  }

  #take(next: Held): void {
    const { log } = this.#parts.runtime;
    const { access } = next;
    const { access: first } = this.#first;
    const moved = access.endpoints.toSorted().join() !== first.endpoints.toSorted().join();
    const otherwise =
      (access.client === undefined) !== (first.client === undefined) ||
      access.login?.user !== first.login?.user;
    if (moved || otherwise)
      log.error(
        "etcd is to be reached in another way: restart this pod, which goes on in the old way until then",
        { endpoints: access.endpoints, now: first.endpoints },
      );
    this.#held = next;
    this.#failure = undefined;
    this.#isRefused = false;
    this.#saidOver = isOver(next, this.#parts.runtime.wallNow()) && this.#saidOver;
    log.info("the identity was renewed", about(next.notAfterMs));
  }

  #failed({ message }: StepFailed): void {
    if (message !== this.#failure)
      this.#parts.runtime.log.warn("the identity could not be renewed", {
        ...{ problem: message, ...about(this.#held.notAfterMs) },
      });
    this.#failure = message;
  }
}

interface Asking {
  readonly counted: (outcome: string) => { add(): void };
}

const about = (notAfterMs: number | undefined) => ({
  until: notAfterMs === undefined ? undefined : new Date(notAfterMs).toISOString(),
});

function heldOf(access: Access, sinceMs: number): Held {
  return { access, sinceMs, notAfterMs: access.notAfterMs };
}

async function first(
  parts: IdentityParts,
  { counted }: Asking,
  { trust, signal }: { readonly trust: string; readonly signal: AbortSignal },
): Promise<Held> {
  const { runtime, waitMs, url } = parts;
  const until = after(runtime.now(), waitMs);
  let said = "";
  for (let failures = 0; ; failures++) {
    try {
      const held = await ask(parts, trust, signal);
      counted("given").add();
      return held;
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      counted(error.step).add();
      const { message, retryAfterMs = 0 } = error;
      if (message !== said)
        runtime.log.warn("the operator gives no identity yet", { problem: message });
      said = message;
      const { leastMs, mostMs } = firstPause;
      const grown = Math.min(leastMs * 2 ** Math.min(failures, 20), mostMs);
      const pauseMs = Math.max(grown * (0.5 + runtime.random()), retryAfterMs);
      if (runtime.now() + pauseMs >= until)
        throw new NoIdentity(
          `No identity was given within ${waitMs / 1_000} s by the operator at ${url.origin}. The last try failed at ${message}`,
        );
      await sleep(runtime, pauseMs, signal);
    }
  }
}

/** Throws StepFailed, or the signal's reason. */
async function ask(parts: IdentityParts, trust: string, signal: AbortSignal): Promise<Held> {
  const { runtime, url, folder, namespace } = parts;
  const token = await readToken(parts.tokenFile);
  // Loaded where it is needed only, as TLS is: in a bundle an import at the head would be everybody's.
  const { generateKeyPairSync } = await import("node:crypto");
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const reply = await post(
    {
      ...{ url: new URL(identityPath, url), trust, token, body: { publicKey } },
      answerBytesMax: identityAnswerBytesMax,
    },
    runtime,
    signal,
  );
  const body = bodyOf(reply.body);
  if (reply.status !== 200) {
    const detail = textOf((body as { detail?: unknown } | undefined)?.detail);
    const said = detail ?? "the answer is none of the operator's";
    throw new StepFailed("refused", `${reply.status}: ${said}`, reply.retryAfterMs);
  }
  const read = await readAnswer(body, { namespace, key: privateKey });
  if (read.kind === "unusable")
    throw new StepFailed("answer", `it cannot be used: ${read.problem}`);
  const sinceMs = runtime.wallNow();
  try {
    await keep(folder, { answer: body, key: privateKey, sinceMs });
  } catch (error) {
    // It is good all the same, for as long as this process lives.
    runtime.log.error(
      "the identity could not be kept: a restarted container will need the operator",
      {
        ...{ folder, error },
      },
    );
  }
  return heldOf(read.access, sinceMs);
}

async function readToken(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    const token = bytes.toString().trim();
    if (bytes.length <= tokenBytesMax && /^[\w.~+/-]+=*$/.test(token)) return token;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StepFailed("token", `it cannot be read: ${why}`);
  }
  throw new StepFailed("token", `the file ${file} holds none`);
}

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
