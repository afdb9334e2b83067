/**
 * What TLS needs, read from its files anew for every connection: who rotates certificates replaces the files, and
 * nothing has to be told. Connections that stand are not disturbed: neither side looks at a certificate again.
 */
/** Paths of PEM files. */
export interface TlsFiles {
  /** The authority that signed the servers' certificates; absent: those that Node trusts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
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
export async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(readIfNamed));
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(files.serverName === undefined ? {} : { servername: files.serverName }),
  };
}

async function readIfNamed(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  // Loaded where it is needed only: most sidecars on localhost never do.
  const { readFile } = await import("node:fs/promises");
  return readFile(path);
}
