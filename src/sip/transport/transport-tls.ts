/**
 * SIP over TLS (RFC 3261 §26.2.1): the connections of `transport-tcp.ts` with a handshake before them.
 *
 * A connection that we began is used for one server name and one peer's terms only, so that nobody is sent what
 * another one's certificate was checked for; connections that others began are never taken for new requests to
 * them, as an address and port prove no name (RFC 5923 §9). Without a certificate a listener only calls out.
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { SocketError } from "#net/socket-error.ts";
import { connectTls, TcpConnection } from "#net/tcp-connection.ts";
import { openTcpListener } from "#net/tcp-listener.ts";
import { TlsAcceptor } from "#net/tls-server.ts";
import { namesOf } from "./certificate-names.ts";
import { explainHandshake, judgeServer, shownOn, type TlsSource } from "./tls-terms.ts";
import { BACKLOG_BYTES_MAX, markAccepted, type TcpTransportOptions, TcpTransport } from "./transport-tcp.ts";

export interface TlsTransportOptions extends Omit<TcpTransportOptions, "kind"> {
  readonly source: TlsSource;
  /** False: it only calls out. */
  readonly listens: boolean;
  /** A handshake that others began came to nothing. */
  readonly onHandshakeFailed: (remote: string, failure: SocketError) => void;
}

export async function openTlsTransport(options: TlsTransportOptions): Promise<TcpTransport> {
  const { source, counters, listener, onHandshakeFailed } = options;
  let transport: TcpTransport | undefined;
  const rate = new HandshakeRate();
  const acceptor = new TlsAcceptor({
    onSecure(socket, certificate) {
      const { remoteAddress, remotePort } = socket;
      if (transport === undefined || remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
      transport.accept(remoteAddress, remotePort, (user) => new TcpConnection(socket, user, BACKLOG_BYTES_MAX), provenBy(certificate));
    },
    onFailed: (remote, error) => onHandshakeFailed(remote, explainHandshake(error, false)),
    onRefusedCertificate: (remote, subject, objection) =>
      onHandshakeFailed(remote, {
        code: "TLS_CLIENT_REFUSED",
        detail: `its certificate (${subject}) proves nobody: ${objection}; the listener's tls.ca must have signed it, for client authentication`,
      }),
  });
  if (options.listens && source.server(listener) === undefined)
    throw Object.assign(new Error(`listener ${listener} has no certificate that can be used`), { code: "NO_CERTIFICATE" });
  const opened = options.listens
    ? await openTcpListener(options, {
        onSocket(socket, address) {
          const terms = source.server(listener);
          // An error before Node's TLS has the socket must not end the process.
          socket.on("error", () => {});
          const admitted = transport?.admits(address, acceptor.pending) === true && rate.take(address, options.clock.nowMs());
          const taken = terms !== undefined && admitted && acceptor.accept(socket, address, terms);
          if (taken) return markAccepted(socket, options.dscpOf?.(address));
          counters.turnedAway++;
          socket.destroy();
        },
        onError: () => void counters.turnedAway++,
      })
    : undefined;
  transport = new TcpTransport(
    {
      ...options,
      kind: {
        transport: "TLS",
        connect(endpoints, aim, user) {
          const serverName = aim?.serverName ?? endpoints.remoteAddress;
          const terms = source.client(aim?.terms ?? "", serverName);
          return connectTls(
            endpoints,
            {
              context: terms.context,
              serverName: isIP(serverName) === 0 ? serverName : "",
              judge: (socket) => judgeServer(shownOn(socket), terms, serverName),
            },
            {
              ...user,
              onConnected: () => user.onConnected?.(),
              onBytes: (bytes) => user.onBytes(bytes),
              onClosed: (error) => user.onClosed(explainHandshake(error, true)),
            },
            BACKLOG_BYTES_MAX,
          );
        },
        placeOf(address, port, aim) {
          const serverName = aim?.serverName ?? address;
          return `${address} ${port} ${serverName} ${source.client(aim?.terms ?? "", serverName).key}`;
        },
        inboundPlaceOf: (address, port) => `from ${address} ${port}`,
      },
    },
    opened,
  );
  return transport;
}

/** A handshake costs half a millisecond of this thread: whoever begins many must not keep the others from calling. */
const HANDSHAKES_PER_SECOND_MAX = 400;
const HANDSHAKES_PER_SECOND_OF_SOURCE_MAX = 50;

class HandshakeRate {
  #second = -1;
  #all = 0;
  readonly #bySource = new Map<string, number>();

  take(source: string, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#all = 0;
      this.#bySource.clear();
    }
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#all >= HANDSHAKES_PER_SECOND_MAX || ofSource >= HANDSHAKES_PER_SECOND_OF_SOURCE_MAX) return false;
    this.#all++;
    this.#bySource.set(source, ofSource + 1);
    return true;
  }
}

function provenBy(certificate: X509Certificate | undefined): readonly string[] | undefined {
  const names = certificate === undefined ? [] : namesOf(certificate);
  return names.length === 0 ? undefined : names;
}
