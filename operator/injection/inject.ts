/**
 * A pod that is to be made, in; what becomes of it, out: a patch that gives it a sidecar, a reason to leave it alone, or a
 * refusal. Pure, so that whoever asks (a webhook now) is only a caller.
 *
 * The API server may ask about one pod again, after another webhook has changed it. Then the sidecar's place and its
 * container stay as they are, whatever others have made of them: only what is missing is added, and whom it is to trust and
 * how it is to end are brought up to date. A pod that carries the sidecar of another template, since it was copied from a running one, gets the
 * container of this one at the same place.
 */
import { ports, sidecarContainer } from "#api/names.ts";
import { readSettings, type Settings } from "./annotations.ts";
import { whetherAsked, type Reach } from "./asked.ts";
import { ownMark, unfit } from "./fitness.ts";
import { markText, type Mark } from "./mark.ts";
import { callersEndFirst, meshAnnotations } from "./mesh.ts";
import type { Operation } from "./patch.ts";
import { readPod, type NamespaceFacts, type Pod, type PodSeen } from "./pod.ts";
import { refuse, skip, type Refused, type Skipped } from "./reasons.ts";
import { patchOf } from "./sidecar-patch.ts";
import {
  containerOf,
  settingOf,
  templateHash,
  volumeNames,
  volumes,
  type Template,
} from "./template.ts";

/** What the operator's options and its authority come to. */
export interface Injector extends Reach {
  readonly version: string;
  /** Undefined: see `NoImage`. */
  readonly image: string | undefined;
  readonly pullPolicy: string;
  /** Of the identity exchange: its URL. */
  readonly identity: string;
  /** Undefined: see `NoTrust`. */
  readonly trust: string | undefined;
  readonly sessionTtlMaxMs: number;
  /** Those that sidecars find etcd at. */
  readonly etcdPorts: readonly number[];
}

export interface InjectionInput {
  readonly pod: Pod;
  readonly namespace: NamespaceFacts;
  readonly injector: Injector;
}

export interface Patched {
  readonly kind: "patched";
  readonly patch: readonly Operation[];
}

export type Injection = Patched | Skipped | Refused;

/** OpenShift has it on each namespace: the users that its pods may have, of which it gives them one. */
const usersOfNamespace = "openshift.io/sa.scc.uid-range";

export function inject({ pod, namespace, injector }: InjectionInput): Injection {
  const seen = readPod(pod);
  if (seen === undefined)
    return refuse("UnreadableRequest", "What was sent is no pod with metadata and containers.");
  const asked = whetherAsked(seen, namespace, injector);
  if (asked !== "yes") return asked;
  const read = readSettings(seen.annotations ?? {}, injector);
  if (read.kind === "refused") return read;
  const { settings } = read;
  return unfit(seen, settings) ?? withSidecar({ seen, namespace, settings, injector });
}

interface Fit {
  readonly seen: PodSeen;
  readonly namespace: NamespaceFacts;
  readonly settings: Settings;
  readonly injector: Injector;
}

function withSidecar({ seen, namespace, settings, injector }: Fit): Injection {
  const { image, trust, pullPolicy, identity, version } = injector;
  if (image === undefined)
    return refuse(
      "NoImage",
      "The operator was not told which image sidecars have. Set HOLDFAST_SIDECAR_IMAGE of the operator.",
    );
  if (trust === undefined)
    return refuse(
      "NoTrust",
      "The operator has not read its authority yet, which the sidecar is to trust. Try again.",
    );
  const template: Template = { image, pullPolicy, identity };
  const now: Mark = {
    ...{ version, template: templateHash(template), settings },
    ...{ container: sidecarContainer, volumes: Object.values(volumeNames) },
  };
  const before = ownMark(seen);
  const keeps = before !== undefined && sameSidecar(before, now);
  const healthPort = Number(settingOf(settings, "health-port"));
  // A user that the pod says itself holds for the sidecar, too, which else would be out of the range; but never root.
  const platformUser =
    namespace.annotations[usersOfNamespace] !== undefined && seen.runAsUser !== 0;
  const appEndsFirst = callersEndFirst(seen.initContainers ?? []);
  const patch = patchOf(seen, {
    container: containerOf({ template, trust, settings, platformUser, appEndsFirst }),
    volumes: volumes(),
    mark: keeps ? before : now,
    ...{ keeps, trust, appEndsFirst },
    annotations: meshAnnotations(seen, namespace, {
      outbound: [...injector.etcdPorts, ports.identity],
      inbound: [healthPort],
    }),
  });
  return patch.length === 0
    ? skip("AlreadyInjected", "The pod has its sidecar.")
    : { kind: "patched", patch };
}

/** Whoever wrote it: replicas of two versions that make the same template are asked in turn while one replaces the other. */
function sameSidecar(before: Mark, now: Mark): boolean {
  return markText({ ...before, version: "" }) === markText({ ...now, version: "" });
}
