/** Throw-away certificates, made by openssl in a folder that goes with the test. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export class Certificates implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<Certificates> {
    return new Certificates(await mkdtemp(join(tmpdir(), "holdfast-certificates-")));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Makes an authority: `{name}.crt` and `{name}.key`. */
  async authority(name: string): Promise<void> {
    await this.#openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", this.path(`${name}.key`), "-out", this.path(`${name}.crt`)],
    );
  }

  /** Makes, or makes anew, a certificate for 127.0.0.1 and clients. */
  async issue(name: string, { by }: { by: string }): Promise<{ cert: string; key: string }> {
    const extensions = this.path(`${name}.ext`);
    await writeFile(
      extensions,
      "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n",
    );
    const [cert, key, request] = ["crt", "key", "csr"].map((end) => this.path(`${name}.${end}`));
    await this.#openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", `/CN=${name}`, "-keyout", key!, "-out", request!],
    );
    await this.#openssl(
      ...["x509", "-req", "-in", request!, "-out", cert!, "-days", "2", "-extfile", extensions],
      ...["-CA", this.path(`${by}.crt`), "-CAkey", this.path(`${by}.key`), "-CAcreateserial"],
    );
    return { cert: cert!, key: key! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    await run("openssl", args, { cwd: this.#folder });
  }
}
