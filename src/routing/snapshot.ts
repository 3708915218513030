/**
 * The routing snapshot: everything a call decision reads, frozen, built by `config/` (later also from
 * the store) and swapped as a whole. A call keeps the records it resolved. Plain data, maps as indexes.
 */
import type { TenantId } from "#base/ids.ts";
import type { DigestUser, PeerAccount, RegisterPolicy } from "./accounts.ts";
import type { LimitPolicy } from "./limits.ts";
import type { HeaderRule, PeerRules } from "./peer-rules.ts";

export type TransportName = "UDP" | "TCP" | "TLS" | "WS" | "WSS";

/** PEM files; one may hold both. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}
export interface ListenerTls {
  readonly port: number;
  /** The first for those who ask for nobody by name (SNI), or for somebody else. */
  readonly certificates: readonly CertificateFiles[];
  /** File of those who sign clients' certificates; undefined: nobody is asked for one. */
  readonly clientCa: string | undefined;
}
/** TLS towards a peer, and what it proves itself by. */
export interface PeerTls {
  /** False: whoever answers is believed. */
  readonly verify: boolean;
  readonly wildcards: boolean;
  /** File; undefined: the authorities that the system trusts. */
  readonly ca: string | undefined;
  /** What we show when it asks. */
  readonly own: CertificateFiles | undefined;
  /** Names, lower case, one of which its own client certificate has when it calls. */
  readonly clientNames: readonly string[];
}

export interface Listener {
  readonly name: string;
  /** Bound address. */
  readonly address: string;
  /** What Via, Contact and SDP say; equals `address` unless configured. */
  readonly advertised: string;
  readonly port: number;
  readonly transports: readonly TransportName[];
  /** Present where `transports` has TLS; calls out by TLS need none. */
  readonly tls?: ListenerTls;
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

/** How a peer is asked by OPTIONS whether it lives (RFC 3261 §11). */
export interface ProbePolicy {
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Successes in a row that bring a target back, and failures that take it out. */
  readonly upAfter: number;
  readonly downAfter: number;
  /** "200" or "4xx"; empty: any answer but 5xx. */
  readonly acceptedCodes: readonly string[];
}

/** A part of the week. */
export interface TimeWindow {
  /** 0 is Sunday; empty: every day. A window over midnight belongs to the day it begins on. */
  readonly days: readonly number[];
  /** Minutes since midnight; `to` is the first one outside. Equal: the whole day; `to` before `from`: over midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name, e.g. "Europe/Berlin". */
  readonly timezone: string;
}

/** When something applies; what is absent asks nothing. */
export interface Conditions {
  /** One of them must hold. */
  readonly when?: readonly TimeWindow[];
  /** Canonical numbers, prefixes with "*", or "anonymous". */
  readonly callers?: readonly string[];
}

export interface HeaderPolicy {
  /** Header names (lower case) of the far side that may pass to this peer, beyond the core's own. "x-*" is a prefix. */
  readonly pass: readonly string[];
  /** Headers added to INVITEs towards this peer. */
  readonly set: readonly (readonly [name: string, value: string])[];
  /** Names that don't pass although a pattern of `pass` has them. */
  readonly remove?: readonly string[];
  /** By message, in order, after the above. */
  readonly rules?: readonly HeaderRule[];
}

interface PeerCommon extends PeerRules {
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
  /** Absent: its challenges are refusals. */
  readonly account?: PeerAccount;
  /** As `uri`: what we send it goes there first, with a Route (RFC 3261 §8.1.2). */
  readonly outboundProxy?: string;
  /** Absent: digest doesn't prove it. */
  readonly digest?: DigestUser;
  /** Absent: verified by the system's authorities, no certificate of ours, and none proves it. */
  readonly tls?: PeerTls;
  /** 0–63, of SIP to it; absent: the listener's. */
  readonly dscp?: number;
  /** Of RTP to it; absent: the listener's. */
  readonly mediaDscp?: number;
  /** Undefined: not probed. */
  readonly probe?: ProbePolicy;
  /** What people call it. */
  readonly title?: string;
  /** The company behind it: what reports and metrics are grouped by. */
  readonly provider?: string;
  /** What a minute costs there, in whatever money the deployment counts. */
  readonly costPerMinute?: number;
  /** No new calls to it; those that run go on, and calls from it are taken. */
  readonly drain?: boolean;
  /** Drained, and calls from it are refused too. */
  readonly maintenance?: boolean;
  /** Canonical prefixes of numbers that calls from it may not go to. */
  readonly blockedPrefixes?: readonly string[];
}

export interface Trunk extends PeerCommon {
  readonly kind: "trunk";
  /** Absent: we don't register there. */
  readonly register?: RegisterPolicy;
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
/** Who of one priority is tried first; `groups.ts` says how. */
export const GROUP_ALGORITHMS = [
  "weighted",
  "round_robin",
  "hash_caller",
  "hash_call_id",
  "strict_priority",
  "least_calls",
  // All of one priority ring at once.
  "parallel",
] as const;
export type GroupAlgorithm = (typeof GROUP_ALGORITHMS)[number];

export interface GatewayGroup {
  readonly name: string;
  readonly tenant: TenantId;
  readonly members: readonly GroupMember[];
  /** Absent: weighted. */
  readonly algorithm?: GroupAlgorithm;
  /** Calls at its gateways together, whatever way they took; absent: no limit of its own. */
  readonly callsMax?: number;
}

/** Call progress tones (ITU-T E.180, E.182). */
export const REJECT_TONES = ["busy", "congestion", "special-information", "ringback"] as const;
export type RejectTone = (typeof REJECT_TONES)[number];

/** A target whose conditions don't hold is skipped. */
export type RouteTarget = (
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "gateway"; readonly gateway: string }
  | { readonly type: "trunk"; readonly trunk: string }
  /** `tone` is played before the refusal, to who can hear it. */
  | { readonly type: "reject"; readonly status: number; readonly reason: string; readonly tone?: RejectTone }
) &
  Conditions;

/** Where its conditions don't hold, a DID with a shorter prefix may take the call. */
export interface Did extends Conditions {
  /** Canonical number or name ("ai"); unique in the deployment. */
  readonly number: string;
  readonly tenant: TenantId;
  /** Only calls from these trunks; empty: any trunk of the tenant. */
  readonly trunks: readonly string[];
  /** As `callers`; these are refused. */
  readonly blockedCallers?: readonly string[];
  /** In order: all candidates of the first, then of the second … */
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

/** Calls from a gateway out to a carrier. Where its conditions don't hold, the next rule is asked. */
export interface OutboundRule extends Conditions {
  readonly name: string;
  readonly tenant: TenantId;
  /** Canonical prefix ("+49", "" = any); the longest wins. */
  readonly prefix: string;
  /** Gateways or groups whose calls it takes; empty: all of the tenant. */
  readonly from: readonly string[];
  /** Canonical prefixes within it that are refused. */
  readonly blockedPrefixes?: readonly string[];
  readonly targets: readonly RouteTarget[];
  readonly hunt: HuntTimes;
}

export interface Snapshot {
  /** Absent: none are configured; premium numbers are denied all the same. */
  readonly limits?: LimitPolicy;
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
