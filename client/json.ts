/** What came as text, where it has to be a JSON object: what a sidecar answers with, and each of its events. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** undefined: it is none, which is for the caller to tell, in words for what it had asked. */
export function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as JsonObject) : undefined;
  } catch {
    // SyntaxError is all that it throws. Where in the text it is wrong helps nobody: a sidecar writes no such text.
    return undefined;
  }
}
