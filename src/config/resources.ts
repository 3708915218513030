/**
 * The records of a snapshot as plain lists, and how the fields of a file become them: defaults that depend on
 * other fields are filled in here. The store will give the same lists.
 */
import type { TenantId } from "#base/ids.ts";
import { toCanonical } from "#routing/numbers.ts";
import type { Conditions, Did, Gateway, GatewayGroup, HuntTimes, Listener, NumberFormat, OutboundRule, Trunk } from "#routing/snapshot.ts";
import { type Secrets, toAccounts } from "./accounts.ts";
import { toHeaderPolicy } from "./header-fields.ts";
import { parsePeerUri } from "./peer-uri.ts";
import type { Placed } from "./reading.ts";
import { toBackups, toRules } from "./rule-fields.ts";
import { toListenerTls, toPeerTls } from "./tls-fields.ts";
import {
  type DidFields,
  type GatewayFields,
  type GroupFields,
  HUNT_DEFAULTS,
  type ListenerFields,
  type OutboundFields,
  type PeerFields,
  type TrunkFields,
} from "./schema.ts";

export interface Resources {
  readonly listeners: readonly Listener[];
  readonly trunks: readonly Trunk[];
  readonly gateways: readonly Gateway[];
  readonly groups: readonly GatewayGroup[];
  readonly dids: readonly Did[];
  readonly outbound: readonly OutboundRule[];
}

/** What a file's sections held, broken entries left out. */
export interface Sections {
  readonly listeners: readonly Placed<ListenerFields>[];
  readonly trunks: readonly Placed<TrunkFields>[];
  readonly gateways: readonly Placed<GatewayFields>[];
  readonly groups: readonly Placed<GroupFields>[];
  readonly dids: readonly Placed<DidFields>[];
  readonly outbound: readonly Placed<OutboundFields>[];
}

/** @param callsMax of the node: what a peer may use that names no limit
 *  @param secrets passwords of the sections' records
 *  @returns resources in the order of the sections; a DID entry with several numbers becomes several DIDs */
export function toResources(sections: Sections, callsMax: number, secrets: Secrets = new Map()): Resources {
  const listeners = sections.listeners.map(({ value }) => toListener(value));
  // With one listener there is nothing to choose; with several the check asks for a name.
  const onlyListener = listeners.length === 1 ? listeners[0]!.name : "";
  const hunts = new Map<string, HuntTimes>();
  const shared = (fields: DidFields["hunt"]): HuntTimes => {
    const key = Object.values(fields).join();
    const times = hunts.get(key) ?? toHunt(fields);
    hunts.set(key, times);
    return times;
  };
  return {
    listeners,
    trunks: sections.trunks.map(({ value }) => ({ kind: "trunk", ...toPeer(value, onlyListener, callsMax, secrets), ...toBackups(value) })),
    gateways: sections.gateways.map(({ value }) => ({
      kind: "gateway",
      ...toPeer(value, onlyListener, callsMax, secrets),
      nextOn: value.next_on,
    })),
    groups: sections.groups.map(({ value }) => ({
      name: value.name,
      tenant: value.tenant as TenantId,
      members: value.gateways,
      ...(value.algorithm === "weighted" ? {} : { algorithm: value.algorithm }),
      ...(value.calls_max === undefined ? {} : { callsMax: value.calls_max }),
    })),
    dids: sections.dids.flatMap(({ value }) =>
      value.number.map((number) => ({
        number,
        tenant: value.tenant as TenantId,
        trunks: value.trunks,
        ...toConditions(value),
        ...(value.blocked_callers.length > 0 ? { blockedCallers: value.blocked_callers } : {}),
        targets: value.to,
        hunt: shared(value.hunt),
      })),
    ),
    outbound: sections.outbound.map(({ value }) => ({
      name: value.name,
      tenant: value.tenant as TenantId,
      prefix: value.prefix,
      from: value.from,
      ...toConditions(value),
      ...(value.blocked_prefixes.length > 0 ? { blockedPrefixes: value.blocked_prefixes } : {}),
      targets: value.to,
      hunt: shared(value.hunt),
    })),
  };
}

function toListener(fields: ListenerFields): Listener {
  const { media } = fields;
  const advertised = fields.advertise ?? fields.address;
  const mediaAddress = media.address ?? fields.address;
  return {
    name: fields.name,
    address: fields.address,
    advertised,
    port: fields.port,
    transports: [...new Set(fields.transports)],
    ...toListenerTls(fields.tls),
    device: fields.device,
    dscp: fields.dscp,
    mediaPortMin: media.ports[0],
    mediaPortMax: media.ports[1],
    mediaDscp: media.dscp ?? fields.dscp,
    mediaAddress,
    mediaAdvertised: media.advertise ?? (mediaAddress === fields.address ? advertised : mediaAddress),
    domains: fields.domains,
  };
}

function toPeer(fields: PeerFields | TrunkFields, onlyListener: string, callsMax: number, secrets: Secrets) {
  const numbers: NumberFormat = {
    countryCode: fields.numbers.country_code,
    nationalPrefix: fields.numbers.national_prefix,
    internationalPrefix: fields.numbers.international_prefix,
    write: fields.numbers.write,
  };
  const uri = fields.uri === undefined ? undefined : parsePeerUri(fields.uri);
  return {
    name: fields.name,
    tenant: fields.tenant as TenantId,
    listener: fields.listener ?? onlyListener,
    // Who proves himself by digest or certificate does so instead of by his address, unless both are said.
    addresses: fields.addresses ?? (uri?.numeric && fields.digest === undefined && fields.tls_client_names.length === 0 ? [uri.host] : []),
    ...(fields.domains.length > 0 ? { domains: fields.domains } : {}),
    ...(fields.trunk_group === undefined ? {} : { trunkGroup: fields.trunk_group }),
    uri: fields.uri,
    numbers,
    headers: toHeaderPolicy(fields.headers),
    nat: fields.nat,
    codecs: fields.codecs,
    callsMax: fields.calls_max ?? callsMax,
    callDurationMaxMs: fields.call_duration_max_s * 1000,
    mediaTimeoutMs: fields.media_timeout_s * 1000,
    earlyMedia: fields.early_media,
    followRedirects: fields.follow_redirects,
    privacy: fields.privacy,
    callerNumber: toCanonical(fields.caller_number, numbers),
    fromDomain: fields.from_domain,
    ...toAccounts(fields, fields.uri, fields.listener ?? onlyListener, secrets),
    ...(fields.probe === undefined ? {} : { probe: fields.probe }),
    ...(fields.title === undefined ? {} : { title: fields.title }),
    ...(fields.provider === undefined ? {} : { provider: fields.provider }),
    ...(fields.cost_per_minute === undefined ? {} : { costPerMinute: Number(fields.cost_per_minute) }),
    ...(fields.drain ? { drain: true } : {}),
    ...(fields.maintenance ? { maintenance: true } : {}),
    ...(fields.blocked_prefixes.length > 0 ? { blockedPrefixes: fields.blocked_prefixes } : {}),
    ...toRules(fields),
    ...toPeerTls(fields),
    ...(fields.dscp === undefined ? {} : { dscp: fields.dscp }),
    ...(fields.media_dscp === undefined ? {} : { mediaDscp: fields.media_dscp }),
  };
}

/** Absent where nothing is asked: 100,000 DIDs have no room for empty lists. */
const toConditions = ({ when, callers }: Pick<DidFields, "when" | "callers">): Conditions => ({
  ...(when.length > 0 ? { when } : {}),
  ...(callers.length > 0 ? { callers } : {}),
});

function toHunt(fields: typeof HUNT_DEFAULTS): HuntTimes {
  return {
    tryTimeoutMs: fields.try_timeout_ms,
    progressTimeoutMs: fields.progress_timeout_ms,
    ringTimeoutMs: fields.ring_timeout_ms,
    setupBudgetMs: fields.setup_budget_ms,
  };
}
