/**
 * What the platform wants of the pod of an etcd that the operator runs: where it may run, how important it is, what it is
 * pulled with and given. One option with JSON and not one for each: these are Kubernetes' own shapes, which whoever
 * installs Holdfast has at hand, and which no form of ours would say better. It is an option and no field of the Backend, since
 * it belongs to the cluster, as the image does, and counts for an etcd that stands already.
 *
 * The names are closed: a pod that could be said as a whole could also say what breaks it. What is in them the API server
 * judges, and the Backend's condition Running has its words. But quantities are read here: those that it would write otherwise would
 * never be what stands, and would be applied for ever.
 */
import { forms } from "#api/fields/text.ts";
import { objectOf, textOf } from "#core/json.ts";
import { OptionProblem, parseOf } from "#host/options.ts";
import { coresOf } from "./quantities.ts";

type Json = Readonly<Record<string, unknown>>;

interface Amounts {
  readonly cpu?: string;
  readonly memory?: string;
}

export interface EtcdResources {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

export interface EtcdPod {
  readonly imagePullSecrets?: readonly Json[];
  readonly priorityClassName?: string;
  readonly nodeSelector?: Json;
  readonly tolerations?: readonly Json[];
  readonly affinity?: Json;
  /** Beside or instead of what is computed. */
  readonly resources?: EtcdResources;
}

/** Each field by what it has to be; undefined: it is not that. */
const fields = {
  imagePullSecrets: objectsOf,
  priorityClassName: textOf,
  nodeSelector: objectOf,
  tolerations: objectsOf,
  affinity: objectOf,
  resources: resourcesOf,
} as const satisfies Record<keyof EtcdPod, (value: unknown) => unknown>;

const range = `an object with ${Object.keys(fields).join(", ")}`;

export const readEtcdPod = parseOf(range, (text): EtcdPod => {
  const said = objectOf(parsed(text));
  if (said === undefined) throw new OptionProblem(`is no object in JSON: it takes ${range}`);
  const read = Object.entries(said).map(([name, value]) => {
    const readField = Object.hasOwn(fields, name) ? fields[name as keyof EtcdPod] : undefined;
    if (readField === undefined)
      throw new OptionProblem(`has '${name}', which is not taken: it is ${range}`);
    const taken = readField(value);
    if (taken === undefined) throw new OptionProblem(`has '${name}' in another shape than a pod's`);
    return [name, taken] as const;
  });
  // The API server leaves out what is empty.
  return Object.fromEntries(read.filter(([, value]) => !isEmpty(value)));
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined; // told as what is no object
  }
}

function isEmpty(value: unknown): boolean {
  return value === "" || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
}

function objectsOf(value: unknown): readonly Json[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const objects = value.map(objectOf).filter((one) => one !== undefined);
  return objects.length === value.length ? objects : undefined;
}

function resourcesOf(value: unknown): EtcdResources | undefined {
  const { requests = {}, limits = {}, ...others } = objectOf(value) ?? { wrong: value };
  if (Object.keys(others).length > 0) return undefined;
  return { requests: amountsOf("requests", requests), limits: amountsOf("limits", limits) };
}

function amountsOf(where: string, value: unknown): Amounts {
  const { cpu, memory, ...others } = objectOf(value) ?? { wrong: value };
  const [strange] = Object.keys(others);
  if (strange !== undefined)
    throw new OptionProblem(`has 'resources.${where}' with more than cpu and memory: '${strange}'`);
  // YAML without quotes makes a number of `cpu: 2`.
  const cores = coresOf(typeof cpu === "number" ? String(cpu) : (textOf(cpu) ?? ""));
  if (cpu !== undefined && cores === undefined)
    throw new OptionProblem(`has a 'resources.${where}.cpu' that is not as in 500m or 2`);
  const size = textOf(memory);
  if (memory !== undefined && (size === undefined || !forms.byteSize.accepts(size)))
    throw new OptionProblem(`has a 'resources.${where}.memory' that is not as in 512Mi or 2Gi`);
  return {
    ...(cores !== undefined && { cpu: cores }),
    ...(size !== undefined && { memory: size }),
  };
}
