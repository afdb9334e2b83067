/**
 * Who may call at all. The sidecar trusts whoever reaches its loopback address, but a web page in a developer's
 * browser reaches it too: under a name of the attacker's own that resolves to 127.0.0.1 (DNS rebinding), or by a form
 * or fetch that needs no preflight. So only known Host names are accepted, and nothing that a browser sent for a page.
 */
import { quote } from "#api/fields/text.ts";
import { malformed, type Refused } from "#host/http/refused.ts";
import { headerOf, type RequestHead } from "#host/http/request-head.ts";

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"] as const;
/** What an HTML form can send; each of them without a preflight. */
const formTypes = [
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "text/plain",
] as const;

export class Admission {
  readonly #names: ReadonlySet<string>;
  /** Most callers send the same Host every time. */
  #lastAccepted: string | undefined;

  /** `allowedHosts`: names without port, beside the loopback ones. */
  constructor(allowedHosts: readonly string[]) {
    this.#names = new Set([...loopbackNames, ...allowedHosts.map((host) => host.toLowerCase())]);
  }

  /** `authority`: of a request line that holds a whole URL, where it overrides Host. Undefined: let in. */
  refusal(request: RequestHead, authority: string | undefined): Refused | undefined {
    const host = authority ?? headerOf(request, "host");
    if (host === undefined) return malformed("Host", "the header is missing; send Host: localhost");
    if (host !== this.#lastAccepted) {
      if (!this.#names.has(nameOf(host))) return forbiddenHost(host);
      this.#lastAccepted = host;
    }
    const origin = headerOf(request, "origin");
    const site = headerOf(request, "sec-fetch-site");
    if (origin === undefined && site === undefined) return undefined;
    return fromPage(host, origin, site);
  }
}

/** `none` is a person's own doing: an address typed in. */
function fromPage(
  host: string,
  origin: string | undefined,
  site: string | undefined,
): Refused | undefined {
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return crossSite(`a page of another site (Sec-Fetch-Site: ${quote(site)})`);
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return crossSite(`the page ${quote(origin)}`);
  }
  return undefined;
}

function crossSite(from: string): Refused {
  return {
    code: "cross_site",
    detail: `The request was sent for ${from}. Call the sidecar from a program, not from a page in a browser.`,
  };
}

function forbiddenHost(host: string): Refused {
  return {
    code: "forbidden_host",
    detail: `The Host ${quote(host)} is not accepted. Call localhost, or name the host in HOLDFAST_ALLOWED_HOSTS.`,
  };
}

/** Without port, in lower case, without the root's dot. */
function nameOf(host: string): string {
  const colon = host.lastIndexOf(":");
  const bracket = host.lastIndexOf("]");
  const name = colon > bracket ? host.slice(0, colon) : host;
  return (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
}

/** A body is JSON; a form's type is refused even where there is no body, since only a page sends that. */
export function contentTypeRefusal(
  type: string | undefined,
  hasBody: boolean,
): Refused | undefined {
  if (type === "application/json" || (type === undefined && !hasBody)) return undefined;
  const essence = (type ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (essence === "application/json") return undefined;
  if (!hasBody && !formTypes.some((form) => form === essence)) return undefined;
  const shown =
    type === undefined
      ? "The body has no Content-Type"
      : `Content-Type ${quote(type)} is not understood`;
  return {
    code: "unsupported_media_type",
    detail: `${shown}. Send application/json (curl: --json '{…}'; wget: --header 'Content-Type: application/json'), or put the fields into the query.`,
  };
}

const ours = "holdfast-";

/** A header of ours that this version does not know must not be ignored: its sender counts on what it asks for. */
export function headerRefusal({ rawHeaders }: RequestHead): Refused | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    // Most names end here, at their first letter.
    if ((name.charCodeAt(0) | 0x20) !== 0x68 || name.length <= ours.length) continue;
    if (name.slice(0, ours.length).toLowerCase() !== ours) continue;
    return {
      code: "not_supported",
      detail: `The header ${quote(name)} is not supported yet by this version; leave it out.`,
      facts: { field: name },
    };
  }
  return undefined;
}
