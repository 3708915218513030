/**
 * Whom a certificate is for, as SIP reads it (RFC 5922 §7.1): hosts of `sip:` URIs without user part and DNS names of
 * its subjectAltName; the common name only where there is no subjectAltName. Names are compared as a whole and
 * without case (§7.2); wildcards match nothing unless somebody allows them, then one label (RFC 6125 §6.4.3).
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** Lower case, without a final dot. */
const plain = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/** DNS names and hosts of SIP URIs; addresses are asked for with `isFor`. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const { subjectAltName } = certificate;
  if (subjectAltName === undefined) {
    const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
    return common === undefined ? [] : [plain(common)];
  }
  // Node writes a value with quotes where it has characters that could forge another entry: those are nobody's name.
  return subjectAltName.split(", ").flatMap((entry) => {
    const uri = /^URI:sip:([^@;?"]+)$/i.exec(entry)?.[1];
    const dns = /^DNS:([^"]+)$/.exec(entry)?.[1];
    const name = uri?.replace(/:[0-9]+$/, "") ?? dns;
    return name === undefined ? [] : [plain(name)];
  });
}

/** @param name domain or address of the URI that we are on the way to, never what SRV made of it */
export function isFor(certificate: X509Certificate, name: string, wildcards: boolean): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined || namesOf(certificate).includes(name);
  const wanted = plain(name);
  return namesOf(certificate).some((one) => one === wanted || (wildcards && coversLabel(one, wanted)));
}

function coversLabel(pattern: string, name: string): boolean {
  const rest = /^\*\.(.+\..+)$/.exec(pattern)?.[1];
  return rest !== undefined && name.endsWith(`.${rest}`) && !name.slice(0, -rest.length - 1).includes(".");
}
