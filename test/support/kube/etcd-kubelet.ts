/**
 * What a kubelet does for the pod of an etcd that the operator runs, on the light rung, which has none: it mounts the Secrets
 * that the pod names, starts the image's real launcher with the pod's arguments, and says how the pod is. Only addresses
 * and folders are its own.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { fetchEtcd } from "#tools/fetch.ts";
import { buildLauncher } from "#tools/image/images.ts";
import { imagesFolder } from "#tools/image/write.ts";
import { EtcdMember } from "../etcd-member.ts";
import { freePorts, giveBack } from "../free-ports.ts";
import { inTime } from "../poll.ts";

interface Volume {
  readonly name: string;
  readonly secret?: {
    readonly secretName: string;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
}

interface Pod {
  readonly metadata: { readonly uid: string };
  readonly spec: {
    readonly volumes: readonly Volume[];
    readonly containers: readonly {
      readonly args: readonly string[];
      readonly env: readonly { readonly name: string; readonly value?: string }[];
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    }[];
  };
}

export interface KubeletParts {
  readonly cluster: LightCluster;
  readonly namespace: string;
  readonly pod: string;
  /** Where the pod's ports are: nothing else may listen there. */
  readonly address: string;
}

interface Parts extends KubeletParts {
  readonly folder: string;
  readonly launcher: string;
  readonly etcd: string;
  /** Of its probes. */
  readonly port: number;
}

const lookEveryMs = 100;

export class EtcdKubelet implements AsyncDisposable {
  readonly #parts: Parts;
  /** How often it has started the container, of whichever pod. */
  starts = 0;
  readonly #ended = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #uid = "";
  #losing: (() => void) | undefined;
  #member: EtcdMember | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async start(parts: KubeletParts): Promise<EtcdKubelet> {
    const launcher = await buildLauncher(imagesFolder);
    const { path: etcd } = await fetchEtcd({ version: "3.7" });
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-kubelet-"));
    const [port = 0] = await freePorts(1);
    const kubelet = new EtcdKubelet({ ...parts, folder, launcher, etcd, port });
    kubelet.#loop = kubelet.#run();
    return kubelet;
  }

  /** The container is started again, with nothing of its data. */
  async loseData(): Promise<void> {
    const lost = Promise.withResolvers<void>();
    this.#losing = lost.resolve;
    await inTime("the data to be lost", lost.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loop;
    await this.#member?.kill();
    giveBack([this.#parts.port]);
    await rm(this.#parts.folder, { recursive: true, force: true });
  }

  #below(name: string): string {
    return path.join(this.#parts.folder, name);
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const pod = await this.#pod();
      if (pod?.metadata.uid !== this.#uid) await this.#change(pod);
      if (this.#member !== undefined && this.#losing !== undefined) await this.#lose(this.#member);
      await sleep(lookEveryMs);
    }
  }

  async #lose(member: EtcdMember): Promise<void> {
    await member.kill();
    await rm(this.#below("volume"), { recursive: true, force: true });
    mkdirSync(this.#below("volume"));
    this.starts++;
    await member.start();
    this.#losing?.();
    this.#losing = undefined;
  }

  async #pod(): Promise<Pod | undefined> {
    const { cluster, namespace, pod } = this.#parts;
    const asked = await cluster.kubectl.ask(["get", "pod", pod, "-n", namespace, "-o", "json"]);
    return asked.code === 0 ? (JSON.parse(asked.out) as Pod) : undefined;
  }

  async #change(pod: Pod | undefined): Promise<void> {
    await this.#member?.stop();
    this.#member = undefined;
    this.#uid = "";
    if (pod === undefined || !(await this.#mount(pod))) return;
    this.#uid = pod.metadata.uid;
    this.#member = this.#containerOf(pod);
    this.starts++;
    await this.#member.start();
    await this.#say();
  }

  /** False: a Secret, or a key of one, is not there, and the pod has to wait. */
  async #mount({ spec }: Pod): Promise<boolean> {
    const { cluster, namespace } = this.#parts;
    for (const { name, secret } of spec.volumes) {
      if (secret === undefined) continue;
      const get = ["get", "secret", secret.secretName, "-n", namespace, "-o", "json"];
      const asked = await cluster.kubectl.ask(get);
      if (asked.code !== 0) return false;
      const { data } = JSON.parse(asked.out) as { data: Record<string, string> };
      const items = secret.items ?? Object.keys(data).map((key) => ({ key, path: key }));
      await rm(this.#below(name), { recursive: true, force: true });
      mkdirSync(this.#below(name));
      for (const { key, path: file } of items) {
        const value = data[key];
        if (value === undefined) return false;
        writeFileSync(path.join(this.#below(name), file), Buffer.from(value, "base64"));
      }
    }
    return true;
  }

  #containerOf({ spec }: Pod): EtcdMember {
    const { address, port, launcher, etcd, pod } = this.#parts;
    const [container] = spec.containers;
    if (container === undefined) throw new Error("the pod has no container");
    const place = (text: string): string =>
      [...container.volumeMounts]
        .sort((a, b) => b.mountPath.length - a.mountPath.length)
        .reduce((now, one) => now.replace(one.mountPath, this.#folderOf(one.name)), text)
        .replaceAll("$(POD_NAME)", pod)
        .replace("0.0.0.0:2381", `127.0.0.1:${port}`)
        .replace("0.0.0.0:", `${address}:`);
    const env = container.env.map(({ name, value = pod }) => [name, place(value)] as const);
    return new EtcdMember(
      { name: pod, endpoint: `https://${address}:2379`, clientPort: 2379, peerPort: 2380 },
      {
        program: launcher,
        args: [...container.args.map(place), "--unsafe-no-fsync"],
        env: {
          ...Object.fromEntries(env),
          ...{ HOLDFAST_ETCD_RUN: this.#below("run"), HOLDFAST_ETCD_PROGRAM: etcd },
        },
        ...{ dataFolder: this.#below("volume"), healthPort: port },
      },
    );
  }

  #folderOf(volume: string): string {
    return this.#below(volume === "data" ? "volume" : volume);
  }

  async #say(): Promise<void> {
    const { cluster, namespace, pod } = this.#parts;
    const holds = (type: string) => ({ type, status: "True" });
    const status = {
      phase: "Running",
      conditions: ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(holds),
      containerStatuses: [
        {
          ...{ name: "etcd", image: "etcd", imageID: "etcd", ready: true, restartCount: 0 },
          state: { running: { startedAt: new Date().toISOString() } },
        },
      ],
    };
    const patch = ["patch", "pod", pod, "-n", namespace, "--subresource=status", "--type=merge"];
    await cluster.kubectl.ask([...patch, "-p", JSON.stringify({ status })]);
  }
}
