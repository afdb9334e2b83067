/**
 * Throw-away X.509 certificates, without openssl: Node signs, and a certificate is a page of DER. A cluster needs a dozen,
 * which takes milliseconds here and most of a second in two processes each.
 */
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { bits, integer, objectId, octets, sequence, set, tagged, time, utf8, yes } from "./der.ts";

export interface Subject {
  readonly name: string;
  /** Kubernetes takes it for the user's group. */
  readonly group?: string;
}

export interface Identity {
  readonly subject: Subject;
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
}

export type Use = "server" | "client";

const ids = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKey: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
} as const;

const dayMs = 24 * 3_600_000;
/** A cluster by hand may stand for a while; who keeps one for a year makes it anew. */
const validDays = 365;

const algorithm = sequence(objectId(ids.ecdsaWithSha256));

/** An authority, which signs itself. */
export function authority(name: string): Identity {
  const key = newKey();
  const subject = { name };
  const extensions = [
    extension(ids.basicConstraints, sequence(yes), true),
    // digitalSignature, keyCertSign, cRLSign
    extension(ids.keyUsage, bits(Buffer.of(0b1000_0110), 1), true),
    extension(ids.subjectKey, octets(keyId(key))),
  ];
  return { subject, key, certificate: signed({ subject, key, extensions }, { subject, key }) };
}

/** A certificate by the authority; `hosts` are the names and addresses of a server. */
export function issue(by: Identity, subject: Subject, use: Use | readonly string[]): Identity {
  const key = newKey();
  const hosts = typeof use === "string" ? [] : use;
  const purpose = typeof use === "string" ? use : "server";
  const extensions = [
    extension(ids.keyUsage, bits(Buffer.of(0b1000_0000), 7), true),
    extension(ids.extendedKeyUsage, sequence(objectId(ids[purpose]))),
    extension(ids.authorityKey, sequence(tagged(0x80, keyId(by.key)))),
    ...(hosts.length === 0 ? [] : [extension(ids.subjectNames, sequence(...hosts.map(hostName)))]),
  ];
  return { subject, key, certificate: signed({ subject, key, extensions }, by) };
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

interface Content {
  readonly subject: Subject;
  readonly key: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed(content: Content, by: { subject: Subject; key: KeyObject }): string {
  const now = Date.now();
  const body = sequence(
    tagged(0xa0, integer(2n)), // version 3
    integer(BigInt(`0x${randomBytes(16).toString("hex")}`)),
    algorithm,
    distinguished(by.subject),
    // From yesterday: a clock that is a little off must not make it invalid.
    sequence(time(new Date(now - dayMs)), time(new Date(now + validDays * dayMs))),
    distinguished(content.subject),
    createPublicKey(content.key).export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...content.extensions)),
  );
  const whole = sequence(body, algorithm, bits(sign("sha256", body, by.key)));
  const lines = whole.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
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

function keyId(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return createHash("sha1").update(spki).digest();
}
