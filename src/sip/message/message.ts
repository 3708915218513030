/**
 * The shape of SIP messages (RFC 3261 §7) as every room above sees them.
 *
 * All text is wire strings (one char per byte, see base/bytes.ts). A received message is an index over
 * the bytes and parses a header only when asked (`received-message.ts`); a message to send is plain data.
 * Unknown headers and parameters are kept in order: dropping is policy, never parsing.
 */
import type { Parsed } from "#base/bytes.ts";

/** One header field line: the name as written, the value unfolded and trimmed. */
export type HeaderField = readonly [name: string, value: string];

export interface OutgoingRequest {
  readonly method: string;
  readonly requestUri: string;
  readonly headers: readonly HeaderField[];
  /** Wire string; "" for none. Content-Length is the serializer's, Content-Type the caller's. */
  readonly body: string;
}

export interface OutgoingResponse {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly headers: readonly HeaderField[];
  readonly body: string;
}

/** Parameters in wire order, names in lower case; a flag parameter has the value undefined. */
export type Parameters = ReadonlyMap<string, string | undefined>;

/** RFC 3261 §19.1, RFC 3966 for tel:. Any other scheme keeps its text in `opaque`. */
export interface Uri {
  readonly scheme: "sip" | "sips" | "tel" | (string & {});
  /** Unescaped user part or the tel: number; undefined when absent. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** IPv6 without brackets; "" for tel: and opaque URIs. */
  readonly host: string;
  /** Absent is not 5060: RFC 3263 decides. */
  readonly port: number | undefined;
  readonly parameters: Parameters;
  /** The raw text after "?", without it; undefined when absent. */
  readonly headers: string | undefined;
  /** Scheme-specific part of a URI that is neither sip, sips nor tel. */
  readonly opaque: string | undefined;
}

/** From, To, Contact, Route, P-Asserted-Identity …: name-addr or addr-spec with parameters. */
export interface NameAddr {
  /** Unquoted; undefined when absent. */
  readonly displayName: string | undefined;
  readonly uri: Uri;
  /** The URI exactly as written. */
  readonly uriText: string;
  readonly parameters: Parameters;
}

export type ViaTransport = "UDP" | "TCP" | "TLS" | "WS" | "WSS" | (string & {});

/** One Via value (§20.42). */
export interface Via {
  readonly transport: ViaTransport;
  /** sent-by host; IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** "" when absent (RFC 2543 senders). */
  readonly branch: string;
  /** RFC 3581 §3: requested without a value, filled in by the server. */
  readonly rport: "absent" | "requested" | number;
  readonly received: string | undefined;
  /** Everything, the named ones included, in wire order. */
  readonly parameters: Parameters;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** What every received message offers. Accessors parse on first use and remember. */
export interface ReceivedCommon {
  /** The first field of that name (any case, compact form too), unfolded and trimmed; undefined if absent. */
  header(name: string): string | undefined;
  /** All fields of that name, in order, one entry a line, not split at commas. */
  headerLines(name: string): readonly string[];
  /** How many fields of that name there are. */
  headerCount(name: string): number;
  /** Bits (`headerBit` in header-names.ts) of the headers of which there may be several: one look in place of many counts. */
  readonly repeatedHeaders: number;
  /** All values of a comma-separated header over all its lines, each trimmed. Quotes, <> and comments respected. */
  headerValues(name: string): readonly string[];
  /** Every field in wire order. */
  fields(): readonly HeaderField[];
  vias(): Parsed<readonly Via[]>;
  topVia(): Parsed<Via>;
  from(): Parsed<NameAddr>;
  to(): Parsed<NameAddr>;
  /** "" when absent or malformed. */
  fromTag(): string;
  toTag(): string;
  callId(): string;
  cseq(): Parsed<CSeq>;
  /** First Contact; `star` for "Contact: *". */
  contact(): Parsed<NameAddr | "star" | undefined>;
  contacts(): Parsed<readonly NameAddr[]>;
  routes(): Parsed<readonly NameAddr[]>;
  recordRoutes(): Parsed<readonly NameAddr[]>;
  /** undefined when absent; malformed when not 0–255. */
  maxForwards(): Parsed<number | undefined>;
  /** undefined when absent; malformed when no number or when two of them differ. */
  contentLength(): Parsed<number | undefined>;
  /** Cut at Content-Length where there is one (UDP: excess bytes are dropped, §18.3). */
  readonly body: string;
  /** Lower-case media type without parameters ("application/sdp"); "" when absent. */
  contentType(): string;
  /** The whole message as it came. */
  readonly wire: string;
}

export interface ReceivedRequest extends ReceivedCommon {
  readonly kind: "request";
  readonly method: string;
  /** As written. */
  readonly requestUri: string;
  /** As written: "SIP/2.0", or what else stood there (505, 400). */
  readonly version: string;
  uri(): Parsed<Uri>;
}

export interface ReceivedResponse extends ReceivedCommon {
  readonly kind: "response";
  readonly status: number;
  readonly reasonPhrase: string;
}

export type ReceivedMessage = ReceivedRequest | ReceivedResponse;
