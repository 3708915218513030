/**
 * What the transaction layer and everything above know of transport (RFC 3261 §18).
 * Framing, connection reuse, rport and listeners stand behind this; nothing here knows a transaction.
 */
import type { ReceivedMessage } from "#sip/message/message.ts";

export type TransportName = "UDP" | "TCP" | "TLS" | "WS" | "WSS";

/** Where a message came in and where an answer to it leaves. */
export interface Flow {
  readonly transport: TransportName;
  /** Name of the listener in the configuration, e.g. "carrier". */
  readonly listener: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Id of the TCP/TLS/WS connection; 0 for UDP. Gone connections are not found again. */
  readonly connection: number;
  /** Names of the certificate by which the other side proved itself (RFC 5922 §7.1); absent: it showed none that counts. */
  readonly certificateNames?: readonly string[];
  /** Of a TLS connection that we began. */
  readonly tls?: TlsAim;
}

/** Whom a TLS connection that we begin must reach. */
export interface TlsAim {
  /** Domain or address of the URI, which its certificate must name; not what DNS made of it. */
  readonly serverName: string;
  /** Name of the peer whose terms count: trust, our own certificate; "": the defaults. */
  readonly terms: string;
}

/** One resolved next hop (RFC 3263): an address, never a name. */
export interface Target {
  readonly transport: TransportName;
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  /** Use this connection if it still lives (connection reuse, RFC 5923 in spirit). */
  readonly connection?: number;
  /** Absent over TLS: the address itself is what the certificate must name. */
  readonly tls?: TlsAim;
}

export interface TransportFailure {
  /** Stable: ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT, EMSGSIZE, CLOSED, NO_LISTENER, OVERLOADED … */
  readonly code: string;
  readonly detail: string;
}

/** What a listener tells the world: Via sent-by and Contact host. */
export interface ListenerFace {
  readonly name: string;
  readonly address: string;
  /** The advertised host where it differs from the bound address. */
  readonly advertised: string;
  /** Where it listens; undefined: it doesn't, by that transport. */
  portOf(transport: TransportName): number | undefined;
  /** Whether requests may leave by that transport; absent: by those that it listens on. */
  reaches?(transport: TransportName): boolean;
}

export interface TransportLayer {
  listener(name: string): ListenerFace | undefined;
  listeners(): readonly ListenerFace[];
  /**
   * Sends a request. UDP requests above 1,300 bytes go by TCP where the listener has it (§18.1.1).
   * @param wire serialized message, one char per byte
   * @param onFailure called at most once, later than this call returns; for UDP also when ICMP refused
   */
  send(target: Target, wire: string, onFailure: (failure: TransportFailure) => void): void;
  /** Sends a response where §18.2.2 and RFC 3581 §4 say; opens a new connection if the old one is gone. */
  respond(flow: Flow, wire: string, onFailure: (failure: TransportFailure) => void): void;
  /** True where the transport retransmits by itself. */
  isReliable(transport: TransportName): boolean;
}

/** Given to the transport layer at construction; climbs upward without an import. */
export interface TransportUser {
  /** Requests have `received` and `rport` filled into `flow`, not into the message. */
  onMessage(message: ReceivedMessage, flow: Flow): void;
  /** Bytes that are no SIP message. Whether they deserve an answer is not transport's question. */
  onGarbage(reason: string, bytes: string, flow: Flow): void;
}
