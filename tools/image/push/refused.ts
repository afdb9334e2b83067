/** What the registry said no to, in words that say what to do. */
export class PushRefused extends Error {
  override readonly name = "PushRefused";
}
