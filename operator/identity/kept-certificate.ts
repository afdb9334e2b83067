/** A certificate that lies in a Secret, with its key: whether it does what it is for, and a new one where it does not. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { skewMs } from "./renewal.ts";
import { issue, keyPem, type Authority, type Subject, type Use } from "./x509/certificate.ts";

export interface CertificateFor {
  readonly subject: Subject;
  readonly uses: readonly Use[];
  readonly hosts: readonly string[];
  readonly lifeMs: number;
}

/** PEM, both. */
export interface KeptCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** The part of a life that is left when the next one is made. */
const renewedAt = 1 / 3;

/** Why another is due; undefined: it does. */
export function whyDue(
  kept: Partial<KeptCertificate>,
  by: Authority,
  wanted: CertificateFor & { readonly nowMs: number },
): string | undefined {
  const { certificate, key } = kept;
  if (certificate === undefined || key === undefined) return "there is none";
  const read = readPair(certificate, key);
  if (read === undefined) return "it cannot be read, or the key is not its own";
  const authority = new X509Certificate(by.certificate);
  if (!read.checkIssued(authority) || !read.verify(authority.publicKey))
    return "it is by another authority";
  if (read.subject !== `CN=${wanted.subject.name}`) return "it is of another name";
  if ((read.subjectAltName ?? "") !== altNames(wanted.hosts)) return "it is for other hosts";
  const [from, until] = [read.validFromDate, read.validToDate].map((date) => date.getTime());
  if (from === undefined || until === undefined || wanted.nowMs < from)
    return "it is not valid yet";
  return until - wanted.nowMs < wanted.lifeMs * renewedAt ? "it ends soon" : undefined;
}

export function issueFor(
  by: Authority,
  { subject, uses, hosts, lifeMs, nowMs }: CertificateFor & { readonly nowMs: number },
): KeptCertificate {
  const validity = { fromMs: nowMs - skewMs, untilMs: nowMs + lifeMs };
  const { certificate, key } = issue(by, { subject, uses, hosts, validity });
  return { certificate, key: keyPem(key) };
}

/** Undefined: somebody has written something else there. */
function readPair(certificate: string, key: string): X509Certificate | undefined {
  try {
    const read = new X509Certificate(certificate);
    return read.checkPrivateKey(createPrivateKey(key)) ? read : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** As Node writes what a certificate says. */
function altNames(hosts: readonly string[]): string {
  return hosts.map((host) => `${isIP(host) === 0 ? "DNS" : "IP Address"}:${host}`).join(", ");
}
