/**
 * X.509 certificates (RFC 5280), without openssl and without a library: Node signs and reads them, and to write one takes a
 * page of DER (docs/decisions/0019-certificates.md). Keys that are made here are of P-256; an authority that somebody
 * else made may have a key of another curve, or of RSA.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIP } from "node:net";
import {
  bits,
  elements,
  integer,
  nothing,
  objectId,
  octets,
  sequence,
  set,
  tagged,
  time,
  utf8,
  yes,
} from "./der.ts";

export interface Subject {
  readonly name: string;
  /** Kubernetes takes it for the user's group. */
  readonly group?: string;
}

/** Who may sign certificates. */
export interface Authority {
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
}

/** A certificate, and the key that it was made with. */
export interface Identity extends Authority {
  readonly subject: Subject;
}

export type Use = "server" | "client";

/** Milliseconds of the wall clock. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Wanted {
  readonly subject: Subject;
  readonly uses: readonly Use[];
  /** Names and IPv4 addresses of a server. */
  readonly hosts?: readonly string[];
  readonly publicKey: KeyObject;
  readonly validity: Validity;
}

const ids = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  rsaWithSha256: "1.2.840.113549.1.1.11",
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKey: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
} as const;

/** An authority, which signs itself. */
export function makeAuthority(name: string, validity: Validity): Identity {
  const { key, publicKey } = newKey();
  const subject = { name };
  const extensions = [
    extension(ids.basicConstraints, sequence(yes), true),
    // digitalSignature, keyCertSign, cRLSign
    extension(ids.keyUsage, bits(Buffer.of(0b1000_0110), 1), true),
    extension(ids.subjectKey, octets(keyId(publicKey))),
  ];
  const content = { subject: distinguished(subject), publicKey, validity, extensions };
  return { subject, key, certificate: signed(content, { key, name: content.subject }) };
}

/** One that was made before, here or by somebody else. Throws where it is no authority, or the key is another's. */
export function readAuthority(certificate: string | Buffer, key: string | Buffer): Authority {
  const read = new X509Certificate(certificate);
  const privateKey = createPrivateKey(key);
  if (!read.ca) throw new Error("the certificate is none of an authority");
  if (!read.checkPrivateKey(privateKey)) throw new Error("the key is not the certificate's");
  signatureOf(privateKey);
  return { key: privateKey, certificate: read.toString() };
}

/** A certificate by the authority, as PEM. It may end after the authority does: then that one's end counts. */
export function certify(by: Authority, wanted: Wanted): string {
  const { subject, uses, hosts = [], publicKey, validity } = wanted;
  const issuer = readIssuer(new X509Certificate(by.certificate).raw);
  const extensions = [
    extension(ids.keyUsage, bits(Buffer.of(0b1000_0000), 7), true),
    extension(ids.extendedKeyUsage, sequence(...uses.map((use) => objectId(ids[use])))),
    ...(issuer.keyId === undefined
      ? []
      : [extension(ids.authorityKey, sequence(tagged(0x80, issuer.keyId)))]),
    ...(hosts.length === 0 ? [] : [extension(ids.subjectNames, sequence(...hosts.map(hostName)))]),
  ];
  return signed(
    { subject: distinguished(subject), publicKey, validity, extensions },
    { key: by.key, name: issuer.subject },
  );
}

/** A new key, and its certificate by the authority. */
export function issue(by: Authority, wanted: Omit<Wanted, "publicKey">): Identity {
  const { key, publicKey } = newKey();
  return { subject: wanted.subject, key, certificate: certify(by, { ...wanted, publicKey }) };
}

/** PKCS #8, PEM. */
export function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

function newKey(): { key: KeyObject; publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, publicKey };
}

interface Content {
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly Buffer[];
}

function signed(content: Content, by: { readonly key: KeyObject; readonly name: Buffer }): string {
  const algorithm = signatureOf(by.key);
  const { fromMs, untilMs } = content.validity;
  const body = sequence(
    tagged(0xa0, integer(2n)), // version 3
    integer(BigInt(`0x${randomBytes(16).toString("hex")}`)),
    algorithm,
    by.name,
    sequence(time(new Date(fromMs)), time(new Date(untilMs))),
    content.subject,
    spki(content.publicKey),
    tagged(0xa3, sequence(...content.extensions)),
  );
  const whole = sequence(body, algorithm, bits(sign("sha256", body, by.key)));
  const lines = whole.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function signatureOf({ asymmetricKeyType: type }: KeyObject): Buffer {
  if (type === "ec") return sequence(objectId(ids.ecdsaWithSha256));
  if (type === "rsa") return sequence(objectId(ids.rsaWithSha256), nothing);
  throw new Error(`a key of type ${String(type)} cannot be used; use EC or RSA`);
}

/** Byte for byte as the authority writes them: a chain is found by these bytes. */
function readIssuer(certificate: Buffer): { subject: Buffer; keyId: Buffer | undefined } {
  const [body = Buffer.alloc(0)] = elements(contentOf(certificate));
  const parts = elements(contentOf(body));
  const hasVersion = parts[0]?.[0] === 0xa0;
  // serial, algorithm, issuer, validity, subject
  const subject = parts[hasVersion ? 5 : 4];
  if (subject === undefined) throw new Error("the certificate has no subject");
  const extensions = parts.find((part) => part[0] === 0xa3);
  const each = extensions === undefined ? [] : elements(contentOf(contentOf(extensions)));
  for (const parts of each.map((one) => elements(contentOf(one)))) {
    const value = parts.at(-1);
    if (parts[0]?.equals(objectId(ids.subjectKey)) === true && value !== undefined)
      return { subject, keyId: contentOf(contentOf(value)) };
  }
  return { subject, keyId: undefined };
}

function contentOf(element: Buffer): Buffer {
  const first = element[1] ?? 0;
  return element.subarray(first > 0x7f ? 2 + (first & 0x7f) : 2);
}

function distinguished({ name, group }: Subject): Buffer {
  const part = (id: string, value: string): Buffer => set(sequence(objectId(id), utf8(value)));
  return sequence(
    ...(group === undefined ? [] : [part(ids.organization, group)]),
    part(ids.commonName, name),
  );
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(objectId(id), ...(critical ? [yes] : []), octets(value));
}

function hostName(host: string): Buffer {
  const dnsName = 0x82;
  const address = 0x87;
  return isIP(host) === 0
    ? tagged(dnsName, Buffer.from(host))
    : tagged(address, Buffer.from(host.split(".").map(Number)));
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha1").update(spki(publicKey)).digest();
}
