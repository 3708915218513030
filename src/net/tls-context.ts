/**
 * TLS by PEM texts: what a server shows and whom it asks, what a client trusts and shows. Node's OpenSSL does the rest.
 * 1.2 and 1.3 only (RFC 8996). Files, names of peers and when to load again are its users' business.
 */
import { type SecureContext, createSecureContext } from "node:tls";

export interface CertificateTexts {
  /** PEM, ours first, then its chain. */
  readonly certificate: string;
  readonly key: string;
}

export interface ContextTexts {
  readonly own?: CertificateTexts | undefined;
  /** PEM of those whose signatures count; undefined: those that the system trusts. */
  readonly ca?: string | undefined;
}

export const TLS_VERSION_MIN = "TLSv1.2";

/** Throws what OpenSSL says where a text is no PEM, or a key is not the certificate's. */
export function secureContext({ own, ca }: ContextTexts): SecureContext {
  return createSecureContext({
    minVersion: TLS_VERSION_MIN,
    ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
    ...(ca === undefined ? {} : { ca }),
  });
}
