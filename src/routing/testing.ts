/** Snapshots for tests: records with everything that a test doesn't care about filled in. */
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import type { Did, Gateway, GatewayGroup, HuntTimes, Listener, NumberFormat, OutboundRule, Snapshot, Trunk } from "./snapshot.ts";

export const AS_IT_IS: NumberFormat = { countryCode: "", nationalPrefix: "", internationalPrefix: "", write: "+e164" };
export const HUNT: HuntTimes = { tryTimeoutMs: 2_000, progressTimeoutMs: 5_000, ringTimeoutMs: 20_000, setupBudgetMs: 55_000 };

export const tenant = (name: string): TenantId => name as TenantId;

export function makeListener(name: string, fields: Partial<Listener> = {}): Listener {
  const address = fields.address ?? "192.0.2.1";
  return {
    name,
    address,
    advertised: address,
    port: 5060,
    transports: ["UDP", "TCP"],
    device: undefined,
    dscp: undefined,
    mediaPortMin: 10_000,
    mediaPortMax: 19_999,
    mediaDscp: undefined,
    mediaAddress: address,
    mediaAdvertised: address,
    domains: [],
    ...fields,
  };
}

function peerOf(name: string) {
  return {
    name,
    tenant: DEFAULT_TENANT,
    listener: "main",
    addresses: [],
    uri: `sip:${name}.example.com`,
    numbers: AS_IT_IS,
    headers: { pass: [], set: [] },
    nat: false,
    codecs: [],
    callsMax: 1_000,
    callDurationMaxMs: 14_400_000,
    mediaTimeoutMs: 60_000,
    earlyMedia: "suppress",
    followRedirects: false,
    privacy: "pass",
    callerNumber: "",
    fromDomain: "",
  } as const;
}

export const makeTrunk = (name: string, fields: Partial<Trunk> = {}): Trunk => ({ ...peerOf(name), kind: "trunk", ...fields });
export const makeGateway = (name: string, fields: Partial<Gateway> = {}): Gateway => ({
  ...peerOf(name),
  kind: "gateway",
  nextOn: [],
  ...fields,
});
export const makeDid = (number: string, fields: Partial<Did> = {}): Did => ({
  number,
  tenant: DEFAULT_TENANT,
  trunks: [],
  targets: [],
  hunt: HUNT,
  ...fields,
});
export const makeRule = (name: string, fields: Partial<OutboundRule> = {}): OutboundRule => ({
  name,
  tenant: DEFAULT_TENANT,
  prefix: "",
  from: [],
  targets: [],
  hunt: HUNT,
  ...fields,
});

export interface Records {
  readonly listeners?: readonly Listener[];
  readonly trunks?: readonly Trunk[];
  readonly gateways?: readonly Gateway[];
  readonly groups?: readonly GatewayGroup[];
  readonly dids?: readonly Did[];
  readonly outbound?: readonly OutboundRule[];
}

export function makeSnapshot({
  listeners = [makeListener("main")],
  trunks = [],
  gateways = [],
  groups = [],
  dids = [],
  outbound = [],
}: Records): Snapshot {
  const byName = <T extends { readonly name: string }>(records: readonly T[]): Map<string, T> =>
    new Map(records.map((record) => [record.name, record]));
  return {
    generation: 1,
    hash: "",
    listeners: byName(listeners),
    trunks: byName(trunks),
    gateways: byName(gateways),
    groups: byName(groups),
    dids: new Map(dids.map((did) => [did.number, did])),
    outbound,
  };
}
