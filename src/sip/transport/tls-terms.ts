/**
 * What TLS of a listener or towards a peer needs, and what went wrong in words that name the remedy (RFC 3261 §26.3,
 * RFC 5922). Where certificates come from is the matter of `TlsSource`.
 */
import type { X509Certificate } from "node:crypto";
import type { SecureContext, TLSSocket } from "node:tls";
import type { SocketError } from "#net/socket-error.ts";
import type { TlsServerTerms } from "#net/tls-server.ts";
import { isFor, namesOf } from "./certificate-names.ts";

export interface TlsClientTerms {
  readonly context: SecureContext;
  /** False: whoever answers is believed. */
  readonly verify: boolean;
  /** RFC 5922 §7.2 forbids them, some providers have nothing else. */
  readonly wildcards: boolean;
  /** Connections of one key may be shared; another one for other certificates. */
  readonly key: string;
  /** Whose they are, for messages: "trunk carrier"; "" for the defaults. */
  readonly of: string;
}

export interface TlsSource {
  /** The same object until it changes; undefined: the listener has no certificate and takes no connections. */
  server(listener: string): TlsServerTerms | undefined;
  /** @param terms name of a peer; "" or one that is gone: of the peer that is called at that name, else the defaults */
  client(terms: string, serverName: string): TlsClientTerms;
}

/** What a server showed. */
export interface Shown {
  readonly certificate: X509Certificate | undefined;
  /** What OpenSSL has against its chain; undefined: nothing. */
  readonly objection: string | undefined;
}

/** To be asked once a connection: Node gives the certificate away with the first answer. */
export const shownOn = (socket: TLSSocket): Shown => ({
  certificate: socket.getPeerX509Certificate(),
  objection: socket.authorized ? undefined : String(socket.authorizationError),
});

/** Judges a server after the handshake (RFC 5922 §7.3). @param serverName of the URI: domain or address */
export function judgeServer({ certificate, objection }: Shown, terms: TlsClientTerms, serverName: string): SocketError | undefined {
  if (!terms.verify) return undefined;
  if (certificate === undefined) return { code: "TLS_NO_CERTIFICATE", detail: `${serverName} shows no certificate` };
  const whose = terms.of === "" ? "" : ` of ${terms.of}`;
  if (objection !== undefined) return untrusted(objection, certificate, serverName, whose);
  if (isFor(certificate, serverName, terms.wildcards)) return undefined;
  const names = namesOf(certificate);
  const wildcard = isFor(certificate, serverName, true) ? "tls_wildcards: yes would take it, or " : "";
  return {
    code: "TLS_NAME",
    detail: `the certificate is for ${names.slice(0, 8).join(", ") || "nobody"}, not for ${serverName}; ${wildcard}the name that the provider wrote in the uri${whose}`,
  };
}

function untrusted(said: string, certificate: X509Certificate, serverName: string, whose: string): SocketError {
  const code = /[A-Z][A-Z_]{3,}/.exec(said)?.[0] ?? said;
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return { code: "TLS_EXPIRED", detail: `the certificate of ${serverName} expired on ${certificate.validTo}; its owner must renew it` };
    case "CERT_NOT_YET_VALID":
      return {
        code: "TLS_NOT_YET_VALID",
        detail: `the certificate of ${serverName} is valid from ${certificate.validFrom}; is this machine's clock right`,
      };
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return {
        code: "TLS_SELF_SIGNED",
        detail: `the certificate of ${serverName} is self-signed; put it into a file and name that as tls_ca${whose}`,
      };
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE": {
      const issuer = certificate.issuer.replaceAll("\n", ", ");
      return {
        code: "TLS_UNKNOWN_AUTHORITY",
        detail: `the certificate of ${serverName} was issued by ${issuer}, which nobody here trusts; name that authority's file as tls_ca${whose}`,
      };
    }
    default:
      return { code: "TLS_UNTRUSTED", detail: `the certificate of ${serverName} is not accepted: ${said}` };
  }
}

/** What a handshake that failed below us means. @param ours the connection was begun by us */
export function explainHandshake({ code, detail }: SocketError, ours: boolean): SocketError {
  const plainRemedy = ours
    ? "no TLS is spoken there: another port, or ;transport=tcp"
    : "plain SIP came to the TLS port: the sender must use the listener's tcp port, or TLS";
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_HTTP_REQUEST" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG")
    return { code: "TLS_PLAIN", detail: plainRemedy };
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return { code: "TLS_SLOW", detail: "the handshake was not finished in time" };
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE/.test(code) && ours)
    return { code: "TLS_CLIENT_CERTIFICATE", detail: `it wants another certificate from us (${code}): tls_certificate and tls_key` };
  if (/UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(EXPIRED|UNKNOWN|REVOKED)/.test(code))
    return { code: "TLS_NOT_BELIEVED", detail: `the other side does not trust our certificate (${code}): its chain, its name, its date` };
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER/.test(code))
    return { code: "TLS_VERSION", detail: `no common version or cipher (${code}); TLS 1.2 or 1.3 is wanted` };
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return { code: "TLS_FAILED", detail: `handshake failed: ${code}` };
  if (ours && code === "ECONNRESET" && detail.includes("before secure TLS"))
    return { code: "TLS_CLOSED", detail: "it closed during the handshake: no TLS on that port, or it wants a certificate from us" };
  return { code, detail };
}
