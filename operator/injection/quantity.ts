/** Kubernetes' quantities of CPU and memory, in the spellings that people use: no exponents, no fractions of bytes. */

/** In thousandths of a core; undefined: it is none. */
export function readMillicores(text: string): number | undefined {
  const [, milli, cores, part = ""] = /^(?:(\d{1,6})m|(\d{1,3})(?:\.(\d{1,3}))?)$/.exec(text) ?? [];
  if (milli !== undefined) return Number(milli);
  return cores === undefined ? undefined : Number(cores) * 1_000 + Number(part.padEnd(3, "0"));
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1_024,
  Mi: 1_024 ** 2,
  Gi: 1_024 ** 3,
};

/** In bytes; undefined: it is none. */
export function readBytes(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,12})(k|M|G|Ki|Mi|Gi)?$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (units[unit] ?? 1);
}
