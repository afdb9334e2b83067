/** One etcd, and two sidecars on it, as two pods with the same resources. */
import { EtcdGateway } from "./etcd-gateway.ts";
import { EtcdServer } from "./etcd-server.ts";
import { SidecarProcess } from "./sidecar-process.ts";

export interface TwoPods extends AsyncDisposable {
  readonly etcd: EtcdServer;
  readonly raw: EtcdGateway;
  readonly a: SidecarProcess;
  readonly b: SidecarProcess;
}

/** `resources`: YAML, one a document. */
export async function startTwoPods(resources: readonly string[]): Promise<TwoPods> {
  await using starting = new AsyncDisposableStack();
  const etcd = starting.use(await EtcdServer.start({ noFsync: true }));
  const sidecar = async (pod: string): Promise<SidecarProcess> =>
    starting.use(await SidecarProcess.start({ etcd: etcd.endpoint, pod, resources }));
  const [a, b] = [await sidecar("pod-a"), await sidecar("pod-b")];
  const running = starting.move();
  const raw = new EtcdGateway(etcd.endpoint);
  return { etcd, raw, a, b, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}
