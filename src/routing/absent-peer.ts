/** A peer that no configuration has: of a running call whose peer was taken out, or where Tandem itself places the call. */
import type { TenantId } from "#base/ids.ts";
import type { Peer } from "./snapshot.ts";

/** Everything as it comes, without limits, and no way to it. */
export function absentPeer(kind: Peer["kind"], name: string, tenant: TenantId): Peer {
  const common = {
    name,
    tenant,
    listener: "",
    addresses: [],
    uri: undefined,
    nat: false,
    codecs: [],
    callsMax: 0,
    callDurationMaxMs: 0,
    mediaTimeoutMs: 0,
    numbers: { countryCode: "", nationalPrefix: "", internationalPrefix: "", write: "as-received" },
    headers: { pass: [], set: [] },
    earlyMedia: "suppress",
    followRedirects: false,
    privacy: "pass",
    callerNumber: "",
    fromDomain: "",
  } as const;
  return kind === "trunk" ? { ...common, kind } : { ...common, kind, nextOn: [] };
}
