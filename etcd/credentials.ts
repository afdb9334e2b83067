/**
 * The token that stands for a user and its password. Asked for once for all who need one at the same time: etcd
 * computes a password hash for each, which costs it some 50 ms of a core.
 */

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Told of a password that the server did not take; absent: nobody here can get another. */
  readonly refused?: (password: string) => void;
}

/** The server knows the user not, or by another password. */
export class LoginRefused extends Error {
  override readonly name = "LoginRefused";
}

/** Asks the server. Undefined: users are switched off there. Throws what the server, or the network, said. */
export type Login = (credentials: Credentials) => Promise<string | undefined>;

export class Tokens {
  readonly #credentials: Credentials | undefined;
  #token: string | undefined;
  #renewal: Promise<void> | undefined;

  constructor(credentials: Credentials | undefined) {
    this.#credentials = credentials;
  }

  /** False where no user is configured: certificates, or nothing, speak for us. */
  get renewable(): boolean {
    return this.#credentials !== undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** Gets a new token unless somebody has replaced `stale` meanwhile. Throws what `login` throws. */
  async renew(stale: string | undefined, login: Login): Promise<void> {
    const credentials = this.#credentials;
    if (credentials === undefined || this.#token !== stale) return;
    this.#renewal ??= this.#ask(credentials, login).finally(() => (this.#renewal = undefined));
    await this.#renewal;
  }

  async #ask(credentials: Credentials, login: Login): Promise<void> {
    // Read once: what is told of is what was sent.
    const { user, password } = credentials;
    try {
      this.#token = await login({ user, password });
    } catch (error) {
      if (error instanceof LoginRefused) credentials.refused?.(password);
      throw error;
    }
  }
}
