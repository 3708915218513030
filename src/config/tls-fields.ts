/**
 * TLS in tandem.yaml: a listener's certificates, and what a trunk or gateway trusts, shows and is known by. Files are
 * looked at when a configuration is checked, so that a wrong one is found before a call is.
 *
 * Deliberately no key in the file itself, and nothing about RTP: SRTP is not built, TLS protects signalling alone.
 */
import { X509Certificate, createPrivateKey } from "node:crypto";
import type { Listener, ListenerTls, Peer, PeerTls } from "#routing/snapshot.ts";
import type { Note } from "./check-listeners.ts";
import { type Fields, type Of, integer, listOf, maybe, object, optional, required, textLike, yesNo } from "./reading.ts";
import type { Path } from "./reading.ts";

const DAY_MS = 86_400_000;
/** Certificates that are renewed by machines have a third of 90 days left when they are. */
const EXPIRES_SOON_MS = 21 * DAY_MS;
export const TLS_PORT = 5061;

const file = textLike(/^\/[^\0\r\n]{1,4095}$/, "an absolute path", "a PEM file, e.g. /etc/tandem/sip.pem");
const certificateName = textLike(
  /^[A-Za-z0-9*]([A-Za-z0-9.*-]{0,252})$/,
  "a name in a certificate",
  "as its subjectAltName has it, e.g. pbx.example.com",
);

const pair = { certificate: required(file, "certificate: /etc/tandem/sip.pem"), key: maybe(file) } satisfies Fields;
const listenerTls = {
  ...pair,
  port: optional(integer(0, 65_535, "port; 0 lets the kernel choose"), TLS_PORT),
  ca: maybe(file),
  others: optional(listOf(object(pair)), []),
} satisfies Fields;
export const readListenerTls = object(listenerTls, {
  client_ca: "ca: who signs the certificates of those who call",
  names: "the names stand in the certificate; others: has further certificates",
});

/** What trunks and gateways have alike. */
export const peerTlsFields = {
  tls_verify: optional(yesNo, true),
  tls_wildcards: optional(yesNo, false),
  tls_ca: maybe(file),
  tls_certificate: maybe(file),
  tls_key: maybe(file),
  tls_client_names: optional(listOf(certificateName), []),
} satisfies Fields;
type PeerTlsFields = Of<typeof peerTlsFields>;

export function toListenerTls(fields: Of<typeof listenerTls> | undefined): { readonly tls?: ListenerTls } {
  if (fields === undefined) return {};
  const certificates = [fields, ...fields.others].map(({ certificate, key }) => ({ certificate, key: key ?? certificate }));
  return { tls: { port: fields.port, certificates, clientCa: fields.ca } };
}

export function toPeerTls(fields: PeerTlsFields): { readonly tls?: PeerTls } {
  const { tls_verify: verify, tls_wildcards: wildcards, tls_ca: ca, tls_certificate: certificate, tls_key: key } = fields;
  const clientNames = fields.tls_client_names.map((name) => name.toLowerCase().replace(/\.$/, ""));
  if (verify && !wildcards && ca === undefined && certificate === undefined && key === undefined && clientNames.length === 0) return {};
  const own = certificate === undefined ? undefined : { certificate, key: key ?? certificate };
  return { tls: { verify, wildcards, ca, own, clientNames } };
}

/** What fields say about each other. */
export function checkListenerTls({ name, transports, tls }: Listener, path: Path, error: Note): void {
  const speaks = transports.includes("TLS");
  if (speaks && tls === undefined)
    error(
      [...path, "tls"],
      `listener ${name} takes TLS and has no certificate`,
      "tls: { certificate: /etc/tandem/sip.pem, key: /etc/tandem/sip.key }; calls out by TLS need neither this nor tls in transports",
    );
  if (!speaks && tls !== undefined)
    error([...path, "transports"], `listener ${name} has a certificate, but no tls among its transports`, "transports: [udp, tcp, tls]");
}

export function checkPeerTls(peer: Peer, listener: Listener | undefined, path: Path, error: Note, warn: Note): void {
  const { tls, name } = peer;
  if (tls === undefined) return;
  if (!tls.verify)
    warn(
      [...path, "tls_verify"],
      `WHOEVER STANDS BETWEEN us and ${name} can read and change its calls: its certificate is not verified`,
      "tls_ca: with the authority that signed it; for a self-signed one, the certificate itself",
    );
  if (tls.clientNames.length > 0 && listener !== undefined && listener.tls?.clientCa === undefined)
    error(
      [...path, "tls_client_names"],
      `listener ${listener.name} asks nobody for a certificate, so ${name} can't prove itself by one`,
      `tls: { ca: … } at listener ${listener.name}: who signs the certificates of those who call`,
    );
}

/** The files themselves. @param nowMs epoch */
export function checkTlsFiles(
  listeners: Iterable<readonly [Listener, Path]>,
  peers: Iterable<readonly [Peer, Path]>,
  tools: { readonly readFile: (path: string) => string; readonly nowMs: number; readonly error: Note; readonly warn: Note },
): void {
  const files = new FileCheck(tools);
  for (const [{ name, tls }, path] of listeners) {
    if (tls === undefined) continue;
    for (const [i, { certificate, key }] of tls.certificates.entries())
      files.pair(
        certificate,
        key,
        i === 0 ? [...path, "tls"] : [...path, "tls", "others", i - 1],
        ["certificate", "key"],
        `listener ${name}`,
      );
    if (tls.clientCa !== undefined) files.authority(tls.clientCa, [...path, "tls", "ca"]);
  }
  for (const [{ name, kind, tls }, path] of peers) {
    if (tls?.own !== undefined) files.pair(tls.own.certificate, tls.own.key, path, ["tls_certificate", "tls_key"], `${kind} ${name}`);
    if (tls?.ca !== undefined) files.authority(tls.ca, [...path, "tls_ca"]);
  }
}

class FileCheck {
  readonly #tools: Parameters<typeof checkTlsFiles>[2];
  /** Many trunks may name one file. */
  readonly #texts = new Map<string, string | undefined>();
  constructor(tools: Parameters<typeof checkTlsFiles>[2]) {
    this.#tools = tools;
  }

  pair(certificate: string, key: string, path: Path, [field, keyField]: readonly [string, string], of: string): void {
    const { error } = this.#tools;
    const leaf = this.authority(certificate, [...path, field]);
    const text = this.#read(key, [...path, key === certificate ? field : keyField]);
    if (leaf === undefined || text === undefined) return;
    try {
      if (leaf.checkPrivateKey(createPrivateKey(text))) this.#life(leaf, certificate, [...path, field], of);
      else error([...path, keyField], `${key} is not the key of ${certificate}`, "the key that the certificate was requested with");
    } catch {
      error(
        [...path, keyField],
        `${key} holds no private key that can be used`,
        "PEM, without a pass phrase, in the certificate's file or in one of its own",
      );
    }
  }

  authority(file: string, path: Path): X509Certificate | undefined {
    const text = this.#read(file, path);
    if (text === undefined) return undefined;
    try {
      return new X509Certificate(text);
    } catch {
      this.#tools.error(path, `${file} holds no certificate`, "PEM, beginning with -----BEGIN CERTIFICATE-----");
      return undefined;
    }
  }

  #life(leaf: X509Certificate, file: string, path: Path, of: string): void {
    const { nowMs, warn } = this.#tools;
    const leftMs = Date.parse(leaf.validTo) - nowMs;
    if (leftMs < 0) warn(path, `${file} EXPIRED on ${leaf.validTo}: others refuse ${of}`, "renew it; tandem takes the new file by itself");
    else if (leftMs < EXPIRES_SOON_MS)
      warn(
        path,
        `${file} of ${of} expires in ${Math.floor(leftMs / DAY_MS)} days, on ${leaf.validTo}`,
        "renew it; tandem takes the new file by itself",
      );
    else if (Date.parse(leaf.validFrom) > nowMs)
      warn(path, `${file} is valid from ${leaf.validFrom} only`, "is this machine's clock right");
  }

  #read(file: string, path: Path): string | undefined {
    if (this.#texts.has(file)) return this.#texts.get(file);
    let text: string | undefined;
    try {
      text = this.#tools.readFile(file);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      this.#tools.error(path, `${file} can't be read: ${code}`, "a file that Tandem's user may read");
    }
    this.#texts.set(file, text);
    return text;
  }
}
