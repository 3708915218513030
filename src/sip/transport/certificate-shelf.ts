/**
 * The certificates of a deployment: files become what TLS needs, and become it again when they change. What is
 * broken when it is loaded again leaves the former in use, so that a half-written file ends no call. Reading files is
 * an argument; private keys are kept in nothing but OpenSSL's contexts and the texts that Node's server asks for.
 */
import { X509Certificate, createHash } from "node:crypto";
import type { SecureContext } from "node:tls";
import { type CertificateTexts, secureContext } from "#net/tls-context.ts";
import type { TlsServerTerms } from "#net/tls-server.ts";
import { isFor, namesOf } from "./certificate-names.ts";
import type { TlsClientTerms, TlsSource } from "./tls-terms.ts";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}
export interface ListenerTls {
  readonly listener: string;
  /** The first is for clients that name nobody or somebody else (SNI). */
  readonly certificates: readonly CertificateFiles[];
  readonly clientCa: string | undefined;
}
export interface PeerTls {
  readonly peer: string;
  /** "trunk carrier" */
  readonly title: string;
  readonly verify: boolean;
  readonly wildcards: boolean;
  readonly ca: string | undefined;
  readonly own: CertificateFiles | undefined;
  /** Hosts where it is called. */
  readonly serverNames: readonly string[];
}
export interface TlsWishes {
  readonly listeners: readonly ListenerTls[];
  readonly peers: readonly PeerTls[];
}

/** One certificate of ours, for those who watch over it. */
export interface CertificateReport {
  /** "listener public", "trunk carrier" */
  readonly of: string;
  readonly file: string;
  readonly names: readonly string[];
  /** Epoch ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

interface Loaded {
  readonly servers: ReadonlyMap<string, TlsServerTerms>;
  readonly clients: ReadonlyMap<string, TlsClientTerms>;
  readonly byServerName: ReadonlyMap<string, TlsClientTerms>;
  readonly reports: readonly CertificateReport[];
  /** Of listeners, by what they were made of: what stays as it was is not made again. */
  readonly made: ReadonlyMap<string, TlsServerTerms>;
}

export class CertificateShelf implements TlsSource {
  readonly #readFile: (path: string) => string;
  #wishes: TlsWishes = { listeners: [], peers: [] };
  #texts = new Map<string, string>();
  #loaded: Loaded;
  readonly #defaults: TlsClientTerms;

  constructor(readFile: (path: string) => string) {
    this.#readFile = readFile;
    this.#defaults = { context: secureContext({}), verify: true, wildcards: false, key: "", of: "" };
    this.#loaded = { servers: new Map(), clients: new Map(), byServerName: new Map(), reports: [], made: new Map() };
  }

  /** @returns what keeps the new wishes from being fulfilled: the former are in force then */
  use(wishes: TlsWishes): string | undefined {
    const texts = new Map<string, string>();
    try {
      this.#loaded = this.#load(wishes, texts);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    this.#wishes = wishes;
    this.#texts = texts;
    return undefined;
  }

  /** Looks at the files. @returns undefined when none has changed */
  refresh(): { readonly problem: string | undefined } | undefined {
    const changed = [...this.#texts].some(([path, text]) => {
      try {
        return this.#readFile(path) !== text;
      } catch {
        return true;
      }
    });
    return changed ? { problem: this.use(this.#wishes) } : undefined;
  }

  server(listener: string): TlsServerTerms | undefined {
    return this.#loaded.servers.get(listener);
  }

  client(terms: string, serverName: string): TlsClientTerms {
    return this.#loaded.clients.get(terms) ?? this.#loaded.byServerName.get(serverName) ?? this.#defaults;
  }

  reports(): readonly CertificateReport[] {
    return this.#loaded.reports;
  }

  #load({ listeners, peers }: TlsWishes, texts: Map<string, string>): Loaded {
    const read = (path: string, of: string): string => {
      try {
        const text = texts.get(path) ?? this.#readFile(path);
        texts.set(path, text);
        return text;
      } catch (error) {
        throw new Error(`${of}: ${path} can't be read: ${codeOf(error)}; a file that Tandem's user may read`, { cause: error });
      }
    };
    const reports: CertificateReport[] = [];
    const readOwn = (files: CertificateFiles, of: string): CertificateTexts => {
      const own = { certificate: read(files.certificate, of), key: read(files.key, of) };
      reports.push({ of, file: files.certificate, ...lifeOf(own.certificate, files.certificate, of) });
      return own;
    };
    const servers = new Map<string, TlsServerTerms>();
    const made = new Map<string, TlsServerTerms>();
    for (const { listener, certificates, clientCa } of listeners) {
      const of = `listener ${listener}`;
      const ca = clientCa === undefined ? undefined : read(clientCa, of);
      const owns = certificates.map((files) => ({ own: readOwn(files, of), files }));
      const key = hashOf([owns.map(({ own }) => own), ca]);
      const former = this.#loaded.made.get(key);
      if (former !== undefined) {
        servers.set(listener, former);
        made.set(key, former);
        continue;
      }
      const all = owns.map(({ own, files }) => {
        return { own, leaf: new X509Certificate(own.certificate), context: contextOf(own, ca, files.certificate, of) };
      });
      if (all[0] === undefined) continue;
      const terms = { own: all[0].own, clientCa: ca, contextFor: (name: string) => chosenBy(name, all) };
      servers.set(listener, terms);
      made.set(key, terms);
    }
    const clients = new Map<string, TlsClientTerms>();
    const contexts = new Map(Array.from(this.#loaded.clients.values(), ({ key, context }) => [key, context]));
    const byServerName = new Map<string, TlsClientTerms>();
    for (const peer of peers) {
      const of = peer.title;
      const ca = peer.ca === undefined ? undefined : read(peer.ca, of);
      const own = peer.own === undefined ? undefined : readOwn(peer.own, of);
      const { verify, wildcards } = peer;
      const plain = verify && !wildcards && ca === undefined && own === undefined;
      const key = plain ? "" : hashOf([verify, wildcards, ca, own]);
      const known = plain ? this.#defaults.context : contexts.get(key);
      const context = known ?? contextOf(own, ca, peer.own?.certificate ?? peer.ca ?? "", of);
      contexts.set(key, context);
      const terms = { context, verify, wildcards, key, of };
      clients.set(peer.peer, terms);
      for (const name of peer.serverNames) if (!byServerName.has(name)) byServerName.set(name, terms);
    }
    return { servers, clients, byServerName, reports, made };
  }
}

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, 22);

function chosenBy(name: string, all: readonly { readonly leaf: X509Certificate; readonly context: SecureContext }[]) {
  return all.find(({ leaf }) => isFor(leaf, name, true))?.context;
}

function contextOf(own: CertificateTexts | undefined, ca: string | undefined, file: string, of: string): SecureContext {
  try {
    return secureContext({ own, ca });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const what = /key values mismatch/i.test(said) ? "the key is not that of the certificate" : "it is no PEM that can be used";
    throw new Error(`${of}: ${file}: ${what} (${said.trim()})`, { cause: error });
  }
}

function lifeOf(certificate: string, file: string, of: string): Pick<CertificateReport, "names" | "notBeforeMs" | "notAfterMs"> {
  try {
    const leaf = new X509Certificate(certificate);
    return { names: namesOf(leaf), notBeforeMs: Date.parse(leaf.validFrom), notAfterMs: Date.parse(leaf.validTo) };
  } catch (error) {
    throw new Error(`${of}: ${file} holds no certificate in PEM`, { cause: error });
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : String(error));
