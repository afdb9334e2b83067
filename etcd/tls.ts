/**
 * What TLS needs. Files are read anew for every connection: who rotates certificates replaces them, and nothing has to be
 * told. Connections that stand are not disturbed: neither side looks at a certificate again.
 */
/** The path of a PEM file, or what would be in it. */
type Pem = string | Buffer;

export interface TlsSource {
  /** The authority that signed the servers' certificates; absent: those that Node trusts. */
  readonly ca?: Pem;
  readonly cert?: Pem;
  readonly key?: Pem;
  /** The name that the servers' certificates bear; absent: the host of the endpoint. */
  readonly serverName?: string;
}

export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** Throws where a file cannot be read: the next attempt to connect reads it again. */
export async function readTls(source: TlsSource): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([source.ca, source.cert, source.key].map(readIfFile));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(source.serverName === undefined ? {} : { servername: source.serverName }),
  };
}

async function readIfFile(pem: Pem | undefined): Promise<Buffer | undefined> {
  if (typeof pem !== "string") return pem;
  // Loaded where it is needed only: most sidecars on localhost never do.
  const { readFile } = await import("node:fs/promises");
  return readFile(pem);
}
