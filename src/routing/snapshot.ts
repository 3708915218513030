/**
 * The routing snapshot: everything a call decision reads, frozen, built by `config/` (later also from
 * the store) and swapped as a whole. A call keeps the records it resolved. Plain data, maps as indexes.
 */
import type { TenantId } from "#base/ids.ts";

export type TransportName = "UDP" | "TCP" | "TLS" | "WS" | "WSS";

export interface Listener {
  readonly name: string;
  /** Bound address. */
  readonly address: string;
  /** What Via, Contact and SDP say; equals `address` unless configured. */
  readonly advertised: string;
  readonly port: number;
  readonly transports: readonly TransportName[];
  readonly device: string | undefined;
  readonly dscp: number | undefined;
  /** Ports for RTP, first and last. */
  readonly mediaPortMin: number;
  readonly mediaPortMax: number;
  readonly mediaDscp: number | undefined;
  readonly mediaAddress: string;
  readonly mediaAdvertised: string;
  readonly domains: readonly string[];
}

/** How numbers come in and go out on a trunk or gateway. Canonical is "+" E.164 or a name. */
export interface NumberFormat {
  /** Country code that national numbers get, without +; "" leaves them as they are. */
  readonly countryCode: string;
  /** Prefix of national numbers to strip before the country code, e.g. "0" or "8". */
  readonly nationalPrefix: string;
  /** Prefix of international numbers to strip, e.g. "00". */
  readonly internationalPrefix: string;
  /** How we write numbers towards the peer. */
  readonly write: "+e164" | "e164" | "national" | "00e164" | "as-received";
}

export type EarlyMediaPolicy = "relay" | "suppress" | "new-tag";

export interface HuntTimes {
  readonly tryTimeoutMs: number;
  readonly progressTimeoutMs: number;
  readonly ringTimeoutMs: number;
  readonly setupBudgetMs: number;
}

export interface HeaderPolicy {
  /** Header names (lower case) of the far side that may pass to this peer, beyond the core's own. "x-*" is a prefix. */
  readonly pass: readonly string[];
  /** Headers added to INVITEs towards this peer. */
  readonly set: readonly (readonly [name: string, value: string])[];
}

interface PeerCommon {
  readonly name: string;
  readonly tenant: TenantId;
  /** Listener that its calls come in by and leave by. */
  readonly listener: string;
  /** "10.0.0.1" or "10.0.0.0/24" (also IPv6): proof of identity. */
  readonly addresses: readonly string[];
  /** R-URI or To domains, lower case, that narrow several peers of one address to this one; never proof. */
  readonly domains?: readonly string[];
  /** RFC 4904 trunk-group label that narrows likewise. */
  readonly trunkGroup?: string;
  /** "sip:host:port;transport=tcp": where calls to it go; undefined: inbound only. */
  readonly uri: string | undefined;
  readonly numbers: NumberFormat;
  readonly headers: HeaderPolicy;
  readonly nat: boolean;
  readonly codecs: readonly string[];
  readonly callsMax: number;
  readonly callDurationMaxMs: number;
  readonly mediaTimeoutMs: number;
  readonly earlyMedia: EarlyMediaPolicy;
  readonly followRedirects: boolean;
  readonly privacy: "pass" | "hide";
  /** Caller identity towards this peer: number or "" to keep the caller's. */
  readonly callerNumber: string;
  /** host part of From and To towards this peer; "" = peer's or our address. */
  readonly fromDomain: string;
}

export interface Trunk extends PeerCommon {
  readonly kind: "trunk";
}
export interface Gateway extends PeerCommon {
  readonly kind: "gateway";
  /** Statuses after which the next candidate is tried, beyond the table. */
  readonly nextOn: readonly number[];
}
export type Peer = Trunk | Gateway;

export interface GroupMember {
  readonly gateway: string;
  /** Lower is tried first. */
  readonly priority: number;
  readonly weight: number;
}
export interface GatewayGroup {
  readonly name: string;
  readonly tenant: TenantId;
  readonly members: readonly GroupMember[];
}

export type RouteTarget =
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "gateway"; readonly gateway: string }
  | { readonly type: "trunk"; readonly trunk: string }
  | { readonly type: "reject"; readonly status: number; readonly reason: string };

export interface Did {
  /** Canonical number or name ("ai"); unique in the deployment. */
  readonly number: string;
  readonly tenant: TenantId;
  /** Only calls from these trunks; empty: any trunk of the tenant. */
  readonly trunks: readonly string[];
  /** In order: all candidates of the first, then of the second … */
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

/** Calls from a gateway out to a carrier. */
export interface OutboundRule {
  readonly name: string;
  readonly tenant: TenantId;
  /** Canonical prefix ("+49", "" = any); the longest wins. */
  readonly prefix: string;
  /** Gateways or groups whose calls it takes; empty: all of the tenant. */
  readonly from: readonly string[];
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

export interface Snapshot {
  readonly generation: number;
  /** SHA-256 of the configuration text. */
  readonly hash: string;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly trunks: ReadonlyMap<string, Trunk>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly groups: ReadonlyMap<string, GatewayGroup>;
  /** By canonical number or lower-case name. */
  readonly dids: ReadonlyMap<string, Did>;
  readonly outbound: readonly OutboundRule[];
}
