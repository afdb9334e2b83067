/**
 * The authority `operator`, renewed faster than its overlap of a week allows: what the Secret says of its last step is set
 * back. After each step it is waited for that everybody has followed: both webhooks' `caBundle`, and what each replica shows.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { certificatesOf, renewAnnotation } from "#operator/identity/authority-record.ts";
import { ports } from "#api/names.ts";
import { until } from "#tools/cluster/until.ts";
import { system, type Installation } from "./installation.ts";

const secret = ["secret", "holdfast-ca-operator", "-n", system];
const sinceAnnotation = "holdfast.dev/since";
const longAgo = "2020-01-01T00:00:00.000Z";

export interface AuthoritySeen {
  /** PEM: what issues. */
  readonly issuer: string;
  /** PEM, one a text. */
  readonly trusted: readonly string[];
}

export class ShownAuthority {
  readonly #made: Installation;

  constructor(made: Installation) {
    this.#made = made;
  }

  async read(): Promise<AuthoritySeen> {
    const { data } = JSON.parse(await this.#made.kubectl("get", ...secret, "-o", "json")) as {
      data: Readonly<Record<string, string>>;
    };
    const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
    return { issuer: text("tls.crt"), trusted: certificatesOf(text("ca.crt")) };
  }

  /** As docs/operations/identity.md has it. */
  async announce(): Promise<void> {
    await this.#made.kubectl("annotate", ...secret, `${renewAnnotation}=`);
    await this.#followed("announced", ({ trusted }) => trusted.length === 2);
  }

  async nextStep(called: string, isTaken: (seen: AuthoritySeen) => boolean): Promise<void> {
    await this.#made.kubectl("annotate", ...secret, "--overwrite", `${sinceAnnotation}=${longAgo}`);
    await this.#followed(called, isTaken);
  }

  async #followed(called: string, isTaken: (seen: AuthoritySeen) => boolean): Promise<void> {
    await until(
      `the authority to be ${called}, and all to show it`,
      async () => {
        const seen = await this.read();
        assert.ok(isTaken(seen), "the step is not taken");
        const bundle = seen.trusted.join("");
        for (const one of await this.#bundles()) assert.equal(one, bundle, "a webhook's bundle");
        const { publicKey } = new X509Certificate(seen.issuer);
        for (const address of await this.#addresses())
          assert.ok((await shownAt(address)).verify(publicKey), `what is shown at ${address}`);
        return true;
      },
      { withinMs: 120_000 },
    );
  }

  async #bundles(): Promise<string[]> {
    const path = "jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{'\\n'}{end}";
    const configuration = ["mutatingwebhookconfiguration", "holdfast-holdfast-system"];
    const all = await this.#made.kubectl("get", ...configuration, "-o", path);
    return words(all).map((text) => Buffer.from(text, "base64").toString());
  }

  async #addresses(): Promise<string[]> {
    const operators = ["-l", "app.kubernetes.io/component=operator", "-n", system];
    const path = "jsonpath={.items[*].status.podIP}";
    const found = words(await this.#made.kubectl("get", "pods", ...operators, "-o", path));
    assert.ok(found.length > 1, "fewer than two operators have an address");
    return found;
  }
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

/** Whoever it is by. */
function shownAt(host: string): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: ports.webhooks, rejectUnauthorized: false }, () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      if (shown === undefined) reject(new Error("no certificate is shown"));
      else resolve(shown);
    });
    socket.once("error", reject);
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
  });
}
