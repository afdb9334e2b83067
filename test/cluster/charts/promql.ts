/** The names of metrics in a query of Prometheus: what is neither a label, a function, a word of the language, nor a text. */
const words = new Set([
  ...["and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool", "offset"],
  ...["by", "without", "inf", "nan"],
]);

export function metricsIn(query: string): string[] {
  const bare = query
    .replaceAll(/"[^"]*"/g, " ")
    .replaceAll(/\{[^}]*\}/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "$1 ")
    // Also the function before `by (…)`, whose bracket stands behind it.
    .replaceAll(/\b[a-z_]+\s+(?:by|without)\b/g, " ");
  return [...bare.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()/g)]
    .map((match) => match[1] ?? "")
    .filter((name) => !words.has(name.toLowerCase()))
    .filter((name) => !/^\d/.test(name));
}
