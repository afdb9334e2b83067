/**
 * Calls with one answer: over the connection that there is, as the user that we are, within the time that etcd may be
 * given. A call is sent once; it is sent again only where the server says that it did nothing of it *because of the
 * login* (a token that ended, users changed meanwhile). If the answer is lost the outcome is unknown, and stays so.
 */
import { type Refused, type Unknown, refused, unknown } from "#core/outcome.ts";
import { after, type Instant, type Runtime, sleep } from "#core/runtime.ts";
import type { Tasks } from "#core/tasks.ts";
import { AnswerTimes } from "./answer-times.ts";
import { type Credentials, LoginRefused, Tokens } from "./credentials.ts";
import type { Endpoints } from "./endpoints.ts";
import { type Failure, type Reply, call } from "./http2/call.ts";
import type { Connection } from "./http2/connection.ts";
import { type Method, methods } from "./methods.ts";
import { Revisions } from "./revisions.ts";
import { type Again, verdictOn } from "./status.ts";

/** How long a call waits for a connection before it is known not to have been sent. */
export const connectWaitMs = 1_000;
/** A login costs etcd a password hash, and all sidecars may ask at once. */
const loginMaxMs = 10_000;
/** Somebody who makes users in a loop must not hold a call for ever. */
const sendsMax = 12;
const authPauseMaxMs = 100;

export interface Patience {
  /** Until when a connection is waited for. */
  readonly connectUntil: Instant;
  /** Until when an answer is waited for, if etcd's slowness does not end it sooner. */
  readonly answerUntil: Instant;
  /** The call takes as long as it takes: its slowness says nothing of etcd's, and ends at `answerUntil` alone. */
  readonly longWork?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Answered<Response> {
  readonly kind: "answered";
  readonly value: Response;
  readonly sentAt: Instant;
}

export type Reached<Response> = Answered<Response> | Refused | Unknown;

export interface CallerParts {
  readonly runtime: Runtime;
  readonly tasks: Tasks;
  readonly credentials: Credentials | undefined;
}

export class Caller {
  readonly runtime: Runtime;
  /** Owns what runs beside the calls; its signal aborts when the client closes. */
  readonly tasks: Tasks;
  readonly revisions: Revisions;
  readonly tokens: Tokens;
  readonly #times: AnswerTimes;
  #endpoints: Endpoints | undefined;

  constructor({ runtime, tasks, credentials }: CallerParts) {
    this.runtime = runtime;
    this.tasks = tasks;
    this.revisions = new Revisions(runtime);
    this.tokens = new Tokens(credentials);
    this.#times = new AnswerTimes(runtime);
  }

  get endpoints(): Endpoints {
    if (this.#endpoints === undefined) throw new Error("a call was made before its start");
    return this.#endpoints;
  }

  /** The two need one another: a connection is looked at by calls. */
  use(endpoints: Endpoints): void {
    this.#endpoints = endpoints;
  }

  /** For what is sent whoever waits for it: it ends with its answer, its connection, or etcd's time. */
  get forWrites(): Patience {
    return {
      connectUntil: after(this.runtime.now(), connectWaitMs),
      answerUntil: Number.POSITIVE_INFINITY as Instant,
    };
  }

  async ask<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    patience: Patience,
  ): Promise<Reached<Response>> {
    const message = method.encode(request);
    let verdict: Refused | Unknown | Again;
    for (let sends = 1; ; sends++) {
      const connection = await this.endpoints.ready(patience.connectUntil, patience.signal);
      if (connection === undefined) return this.#notSent();
      const token = this.tokens.token;
      const sentAt = this.runtime.now();
      const reply = await this.#send(connection, { path: method.path, message, token }, patience);
      if (reply.kind === "answer") return decoded(method, reply.message, sentAt);
      verdict = verdictOn(reply);
      if (verdict.kind !== "again") return verdict;
      if (sends === sendsMax) break;
      const failure = await this.#prepareAgain(connection, { verdict, token, sends });
      if (failure !== undefined) return failure;
    }
    return refused({ code: "unauthenticated", message: verdict.message });
  }

  /** One call over one connection, as {@link ask} without the sending again: for looking at a new connection. */
  async askOver<Request, Response>(
    connection: Connection,
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Answered<Response> | Failure> {
    const login = method.path === methods.authenticate.path;
    const sentAt = this.runtime.now();
    const deadline = after(sentAt, login ? loginMaxMs : this.#times.patienceMs);
    const reply = await call(connection, this.runtime, {
      path: method.path,
      message: method.encode(request),
      token: login ? undefined : this.tokens.token,
      deadline,
    });
    if (!login) this.#learn(reply, { sentAt, limit: deadline });
    if (reply.kind !== "answer") return reply;
    const answer = decoded(method, reply.message, sentAt);
    return answer.kind === "answered" ? answer : { kind: "broken", message: answer.reason.message };
  }

  /** Gets a new token in the place of `stale`, over this connection. Throws where it cannot be had. */
  renewToken(stale: string | undefined, connection: Connection): Promise<void> {
    return this.tokens.renew(stale, (credentials) => this.#login(connection, credentials));
  }

  async #send(
    connection: Connection,
    plan: { path: string; message: Uint8Array; token: string | undefined },
    patience: Patience,
  ): Promise<Reply> {
    const { runtime } = this;
    const sentAt = runtime.now();
    const { longWork = false, answerUntil, signal } = patience;
    const limit = longWork ? answerUntil : after(sentAt, this.#times.patienceMs);
    const deadline = Math.min(limit, answerUntil) as Instant;
    const reply = await call(connection, runtime, { ...plan, deadline, signal });
    const tookMs = longWork ? runtime.now() - sentAt : this.#learn(reply, { sentAt, limit });
    if (reply.kind === "answer") this.endpoints.answered(connection, sentAt);
    else if (isLate(reply) && runtime.now() >= limit) {
      this.endpoints.doubt(connection, `no answer within ${Math.round(tookMs)} ms`);
    } else if (isUnavailable(reply)) this.endpoints.doubt(connection, reply.message);
    return reply;
  }

  /** How long it took. Whoever left early learned nothing of etcd's slowness. */
  #learn(reply: Reply, { sentAt, limit }: { sentAt: Instant; limit: Instant }): number {
    const now = this.runtime.now();
    const waitedOut = reply.kind === "silent" && now >= limit;
    if (waitedOut || reply.kind === "answer") this.#times.took(now - sentAt);
    return now - sentAt;
  }

  /** Before a call is sent again. A failure ends it: what was sent so far is known not to have been written. */
  async #prepareAgain(
    connection: Connection,
    { verdict, token, sends }: { verdict: Again; token: string | undefined; sends: number },
  ): Promise<Refused | undefined> {
    // A token of the simple kind does not age with the users: it is asked for anew only where sending again is no help.
    const renewal = verdict.reason === "badToken" || (sends > 2 && sends % 2 === 0);
    if (verdict.reason === "badToken" && !this.tokens.renewable) {
      return refused({ code: "unauthenticated", message: verdict.message });
    }
    if (renewal && this.tokens.renewable) {
      try {
        await this.renewToken(token, connection);
      } catch (error) {
        // Where only the network failed, the call may be made again: nothing of it was written.
        const code = error instanceof LoginRefused ? "unauthenticated" : "notSent";
        return refused({ code, message: (error as Error).message });
      }
    } else if (sends > 1) {
      await sleep(this.runtime, this.runtime.random() * Math.min(2 ** sends, authPauseMaxMs));
    }
    return undefined;
  }

  async #login(
    connection: Connection,
    { user, password }: Credentials,
  ): Promise<string | undefined> {
    const reply = await this.askOver(connection, methods.authenticate, { name: user, password });
    if (reply.kind === "answered") return reply.value.token;
    if (reply.message.includes("authentication is not enabled")) return undefined;
    const text = `etcd does not let user '${user}' in: ${reply.message}`;
    throw verdictOn(reply).kind === "unknown" ? new Error(text) : new LoginRefused(text);
  }

  #notSent(): Refused {
    const why = this.endpoints.lastError ?? "no connection yet";
    return refused({ code: "notSent", message: `etcd cannot be reached (${why})` });
  }
}

/** Without an answer, or never begun, because the connection takes no more. */
function isLate({ kind }: Reply): boolean {
  return kind === "silent" || kind === "notSent";
}

/** The member says that it cannot: it has no leader, say. Another may. */
function isUnavailable(reply: Reply): reply is Failure {
  if (reply.kind === "answer") return false;
  const verdict = verdictOn(reply);
  return verdict.kind === "unknown" && verdict.reason.code === "unavailable";
}

/** An answer that cannot be understood is none. */
function decoded<Request, Response>(
  method: Method<Request, Response>,
  message: Uint8Array,
  sentAt: Instant,
): Answered<Response> | Unknown {
  try {
    return { kind: "answered", value: method.decode(message), sentAt };
  } catch (error) {
    const reason = `the answer to ${method.path} cannot be read: ${(error as Error).message}`;
    return unknown({ code: "noAnswer", message: reason });
  }
}
