/**
 * Options of a process, each declared once: its environment variable, the flag of the same name, default, prose, unit
 * and how its text is read. From that come the values, `--help`, and a message that names what is wrong.
 */
import { nearest } from "#api/fields/nearest.ts";

/** Throws {@link OptionProblem} with what is wrong with the text. */
export interface Parse<T> {
  (text: string): T;
  /** Which values it takes, for people: `3s to 10m`. */
  readonly range?: string;
}

/** A parse that says which values it takes. */
export function parseOf<T>(range: string, parse: (text: string) => T): Parse<T> {
  // A function of its own: several of these may stand on the same one.
  return Object.assign((text: string) => parse(text), { range });
}

export interface Option<T> {
  /** `HOLDFAST_ETCD_ENDPOINTS`; the flag is `--etcd-endpoints`. */
  readonly env: `HOLDFAST_${string}`;
  /** As a user would write it; undefined: the option may be absent, and its value is then undefined. */
  readonly default: string | undefined;
  /** What `--help` says instead of the default, where that is worked out on the machine. */
  readonly defaultProse?: string;
  readonly prose: string;
  /** How a value looks: `duration`, `host:port`, `file`. */
  readonly unit: string;
  /** A flag without a value means this one. */
  readonly bare?: string;
  readonly parse: Parse<T>;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends {
    parse: (text: string) => infer T;
    default: infer D;
  }
    ? D extends string
      ? T
      : T | undefined
    : never;
};

/** One value is wrong; the message says what is expected, without the option's name. */
export class OptionProblem extends Error {
  override readonly name = "OptionProblem";
}

/** All that is wrong with the options, one line each, each naming its option. It ends the process. */
export class OptionsRefused extends Error {
  override readonly name = "OptionsRefused";
}

export type ReadOptions<Table extends OptionTable> =
  | { readonly kind: "help" }
  | {
      readonly kind: "values";
      readonly values: OptionValues<Table>;
      /** Variables that start with HOLDFAST_ and are none of ours, each as a sentence for the log. */
      readonly unknownVariables: readonly string[];
    };

export interface OptionSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Without the program's own two. */
  readonly args: readonly string[];
}

/** A flag goes before a variable, a variable before a default; an empty variable counts as absent. */
export function readOptions<Table extends OptionTable>(
  table: Table,
  sources: OptionSources,
): ReadOptions<Table> {
  const problems: string[] = [];
  const flags = readFlags(table, sources.args, problems);
  if (flags.help) return { kind: "help" };
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const flag = flags.values.get(option.env);
    const variable = sources.env[option.env] === "" ? undefined : sources.env[option.env];
    const text = flag ?? variable ?? option.default;
    const said = flag === undefined ? option.env : flagOf(option);
    values[name] = text === undefined ? undefined : parse({ option, text, said }, problems);
  }
  if (problems.length > 0) throw new OptionsRefused(problems.join("\n"));
  return {
    kind: "values",
    values: values as OptionValues<Table>,
    unknownVariables: unknownVariables(table, sources.env),
  };
}

export function flagOf(option: { readonly env: string }): string {
  return `--${option.env.slice("HOLDFAST_".length).toLowerCase().replaceAll("_", "-")}`;
}

/** All options with units and defaults, for people. */
export function helpText(program: string, purpose: string, table: OptionTable): string {
  const lines = Object.values(table).map((option) => {
    const unset = option.default === undefined ? "none" : option.default;
    return [
      `  ${flagOf(option)} <${option.unit}>`,
      `      ${option.prose}`,
      `      ${option.env}; default: ${option.defaultProse ?? unset}${takes(option)}`,
    ].join("\n");
  });
  const head = `${program}: ${purpose}\n\nEvery option is a flag or an environment variable; a flag goes first.\n`;
  return `${head}\n${lines.join("\n\n")}\n\n  --help\n      Shows this.\n`;
}

function takes({ parse: { range } }: Option<unknown>): string {
  return range === undefined ? "" : `; takes ${range}`;
}

function parse(
  given: { option: Option<unknown>; text: string; said: string },
  problems: string[],
): unknown {
  try {
    return given.option.parse(given.text);
  } catch (error) {
    if (!(error instanceof OptionProblem)) throw error;
    const shown = given.text.length > 80 ? `${given.text.slice(0, 80)}…` : given.text;
    problems.push(`${given.said}: '${shown}' ${error.message}`);
    return undefined;
  }
}

function readFlags(table: OptionTable, args: readonly string[], problems: string[]) {
  const byFlag = new Map(Object.values(table).map((option) => [flagOf(option), option]));
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--help" || arg === "-h") return { help: true, values };
    const equals = arg.indexOf("=");
    const flag = equals < 0 ? arg : arg.slice(0, equals);
    const option = byFlag.get(flag);
    if (option === undefined) {
      problems.push(unknownFlag(flag, [...byFlag.keys()]));
      continue;
    }
    let value = equals < 0 ? option.bare : arg.slice(equals + 1);
    const next = args[i + 1];
    if (equals < 0 && next !== undefined && !next.startsWith("--") && takesNext(option, next)) {
      value = next;
      i++;
    }
    if (value === undefined) problems.push(`${flag}: needs a value (${option.unit})`);
    else if (values.has(option.env)) problems.push(`${flag}: is given twice`);
    else values.set(option.env, value);
  }
  return { help: false, values };
}

/** After a flag that may stand alone, only a word that is a value of it belongs to it. */
function takesNext(option: Option<unknown>, next: string): boolean {
  if (option.bare === undefined) return true;
  try {
    option.parse(next);
    return true;
  } catch (error) {
    if (error instanceof OptionProblem) return false;
    throw error;
  }
}

function unknownFlag(flag: string, known: readonly string[]): string {
  if (!flag.startsWith("-"))
    return `'${flag}': no such argument; options start with --, see --help`;
  const near = nearest(flag, [...known, "--help"]);
  return `${flag}: no such option${near === undefined ? "" : `; did you mean ${near}?`} (--help lists all)`;
}

/** What the kubelet sets for a Service whose name starts with `holdfast`: not meant for us. */
const serviceLink =
  /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

function unknownVariables(table: OptionTable, env: OptionSources["env"]): string[] {
  const known = new Set<string>(Object.values(table).map((option) => option.env));
  return Object.keys(env)
    .filter((name) => name.startsWith("HOLDFAST_") && !known.has(name) && !serviceLink.test(name))
    .map((name) => {
      const near = nearest(name, known);
      return `${name} is no option of this process${near === undefined ? "" : `; did you mean ${near}?`}`;
    });
}
