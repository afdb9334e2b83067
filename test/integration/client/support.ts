/** A sidecar on a real etcd, and clients of it. */
import { connect, type ConnectOptions, type Holdfast } from "#client/holdfast.ts";
import type { SidecarProcess } from "#test/support/sidecar-process.ts";

export const urlOf = ({ api: { host, port } }: SidecarProcess): string => `http://${host}:${port}`;

/** A client whose warnings are failures. */
export function clientOf(sidecar: SidecarProcess, options: ConnectOptions = {}): Holdfast {
  const onWarning = (error: Error): never => {
    throw error;
  };
  return connect({ url: urlOf(sidecar), onWarning, ...options });
}
