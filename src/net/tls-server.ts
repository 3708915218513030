/**
 * The server's side of TLS on sockets that a listener accepted: handshakes, bounded in time and number, so that
 * strangers who begin many or finish none cost little. What is said over them is its user's business.
 */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, type Server, type TLSSocket, createServer } from "node:tls";
import { type SocketError, socketError } from "./socket-error.ts";
import { type CertificateTexts, TLS_VERSION_MIN } from "./tls-context.ts";

const HANDSHAKE_MS = 5_000;
const HANDSHAKES_AT_ONCE_MAX = 512;
const HANDSHAKES_PER_SOURCE_MAX = 128;

export interface TlsServerTerms {
  /** For clients that name nobody whom `contextFor` knows. */
  readonly own: CertificateTexts;
  /** Whose signatures on clients' certificates count; undefined: clients are not asked for any. */
  readonly clientCa: string | undefined;
  /** By the name that the client asked for (SNI, RFC 6066 §3). */
  contextFor(serverName: string): SecureContext | undefined;
}

export interface TlsAcceptorUser {
  /** @param certificate the client's, if it showed one that `clientCa` signed */
  onSecure(socket: TLSSocket, certificate: X509Certificate | undefined): void;
  /** @param remote "192.0.2.1:40000"; "" when it was gone already */
  onFailed(remote: string, error: SocketError): void;
  /** The connection stands, and the certificate that came with it counts for nothing. */
  onRefusedCertificate(remote: string, subject: string, objection: string): void;
}

export class TlsAcceptor {
  readonly #user: TlsAcceptorUser;
  readonly #bySource = new Map<string, number>();
  /** What is to be counted down when a handshake is over, by `placeOf`. */
  readonly #pending = new Map<string, () => void>();
  #terms: TlsServerTerms | undefined;
  #server: Server | undefined;

  constructor(user: TlsAcceptorUser) {
    this.#user = user;
  }

  /** Connections that have not finished their handshake. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Takes the socket or, at a limit, destroys it. @returns whether it was taken */
  accept(socket: Socket, source: string, terms: TlsServerTerms): boolean {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#pending.size >= HANDSHAKES_AT_ONCE_MAX || ofSource >= HANDSHAKES_PER_SOURCE_MAX) {
      socket.destroy();
      return false;
    }
    const place = placeOf(socket);
    this.#bySource.set(source, ofSource + 1);
    this.#pending.set(place, () => {
      this.#pending.delete(place);
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left === 0) this.#bySource.delete(source);
      else this.#bySource.set(source, left);
    });
    socket.once("close", () => this.#pending.get(place)?.());
    this.#serverFor(terms).emit("connection", socket);
    return true;
  }

  /** It never listens: Node's server object is where handshakes report to. A new one for new certificates. */
  #serverFor(terms: TlsServerTerms): Server {
    if (this.#server !== undefined && this.#terms === terms) return this.#server;
    const { own, clientCa } = terms;
    const server = createServer({
      cert: own.certificate,
      key: own.key,
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true }),
      minVersion: TLS_VERSION_MIN,
      handshakeTimeout: HANDSHAKE_MS,
      // Who shows none, or a strange one, may still prove himself by digest or address.
      rejectUnauthorized: false,
      SNICallback: (name, take) => take(null, terms.contextFor(name)),
    });
    server.on("secureConnection", (socket) => {
      this.#pending.get(placeOf(socket))?.();
      const shown = terms.clientCa === undefined ? undefined : socket.getPeerX509Certificate();
      if (shown !== undefined && !socket.authorized)
        this.#user.onRefusedCertificate(
          `${socket.remoteAddress}:${socket.remotePort}`,
          shown.subject.replaceAll("\n", ", "),
          String(socket.authorizationError),
        );
      this.#user.onSecure(socket, socket.authorized ? shown : undefined);
    });
    server.on("tlsClientError", (error, socket) => {
      const { remoteAddress, remotePort } = socket;
      this.#user.onFailed(remoteAddress === undefined ? "" : `${remoteAddress}:${remotePort}`, socketError(error));
      socket.destroy();
    });
    this.#terms = terms;
    this.#server = server;
    return server;
  }
}

const placeOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
