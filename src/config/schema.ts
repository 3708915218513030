/**
 * tandem.yaml as tables of fields: what may be written, what is assumed when it isn't, what would be right.
 *
 * Only one entry at a time is judged here; what entries say about each other is check-resources.ts.
 */
import { bareNumber, isE164 } from "#routing/numbers.ts";
import { parseAddress, parseNetwork } from "#routing/addresses.ts";
import { type Conditions, GROUP_ALGORITHMS, REJECT_TONES, type RouteTarget } from "#routing/snapshot.ts";
import { OUTBOUND_PREFIX_MAX, didKey } from "#routing/snapshot-index.ts";
import { caller, conditions } from "./condition-fields.ts";
import { accountFields, registerField } from "./account-schema.ts";
import { HEADERS_AS_THEY_ARE, readHeaders } from "./header-fields.ts";
import { readLimits } from "./limit-fields.ts";
import { backupFields, ruleFields } from "./rule-fields.ts";
import { readPeerUri } from "./peer-uri.ts";
import { PRESETS, PRESET_NAMES, withPreset } from "./presets.ts";
import { MEDIA_DEFAULTS, readMedia } from "./schema-media.ts";
import { probe } from "./probe-fields.ts";
import { peerTlsFields, readListenerTls } from "./tls-fields.ts";
import { shapeOf, shaped, shapedAs } from "./shape.ts";
import {
  type Fields,
  type Of,
  type Reader,
  type Reading,
  describe,
  integer,
  isMapping,
  listOf,
  maybe,
  object,
  oneOf,
  optional,
  placedList,
  required,
  text,
  textLike,
  yesNo,
} from "./reading.ts";

const name = textLike(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name", "1 to 64 letters, digits, . _ or -, e.g. vodafone-1");
const hostName = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$/;

const address: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined || parseAddress(given) !== undefined) return given;
  return reading.note(`${describe(given)} is not an IP address`, "an address of this machine, e.g. 192.0.2.1 or 2001:db8::1");
};
const network: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined || parseNetwork(given) !== undefined) return given;
  return reading.note(`${describe(given)} is not an address or network`, "e.g. 192.0.2.1, 192.0.2.0/28 or 2001:db8::/64");
};
const addressOrHost: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  // Digits and dots that are no address are a mistyped one, not a name.
  if (given === undefined || parseAddress(given) !== undefined || (hostName.test(given) && !/^[0-9.]+$/.test(given))) return given;
  return reading.note(`${describe(given)} is neither an IP address nor a host name`, "what the other side can reach, e.g. 203.0.113.10");
};
const domain: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined || hostName.test(given)) return given?.toLowerCase();
  return reading.note(`${describe(given)} is not a domain`, "e.g. sip.example.com");
};

const portRange: Reader<readonly [min: number, max: number]> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  const ends = /^([0-9]{1,5})\s*-\s*([0-9]{1,5})$/.exec(given);
  if (ends === null) return reading.note(`${describe(given)} is not a range of ports`, "e.g. 10000-19999");
  const [min, max] = [Number(ends[1]), Number(ends[2])];
  if (min > max) return reading.note(`ports ${given} run backwards`, "the first, then the last, e.g. 10000-19999");
  if (min < 1024 || max > 65535) return reading.note(`ports ${given} are out of range`, "1024 to 65535");
  // RTP takes the even port and RTCP the odd one above it (RFC 3550 §11).
  if (min % 2 !== 0 || max % 2 !== 1) {
    return reading.note(
      `ports ${given} cut a pair in two`,
      `an even first and an odd last port, e.g. ${min + (min % 2)}-${max - ((max + 1) % 2)}`,
    );
  }
  return max - min < 3
    ? reading.note(`ports ${given} are too few for one call`, "at least 4 ports; each call takes 2 on each listener it touches")
    : [min, max];
};

/** DSCP by number or by its usual names (RFC 2474, RFC 3246, RFC 4594). */
const DSCP_NAMES: Readonly<Record<string, number>> = { ef: 46, cs3: 24, cs5: 40, af31: 26, af41: 34, "best-effort": 0 };
const dscp: Reader<number> = (value, reading) => {
  const named = DSCP_NAMES[String(value).toLowerCase()];
  if (named !== undefined || /^-?[0-9]+$/.test(String(value))) return named ?? integer(0, 63, "DSCP")(value, reading);
  return reading.note(`${describe(value)} is not a DSCP`, `0 to 63, or ${Object.keys(DSCP_NAMES).join(", ")}`);
};

const TRANSPORT_NAMES = { udp: "UDP", tcp: "TCP", tls: "TLS" } as const;
const NOT_YET = ["ws", "wss"];
const transport: Reader<"UDP" | "TCP" | "TLS"> = (value, reading) => {
  const given = String(value).toLowerCase();
  if (NOT_YET.includes(given)) return reading.note(`transport ${given} is not built in this version`, "udp, tcp or tls");
  const known = oneOf(["udp", "tcp", "tls"])(given, reading);
  return known === undefined ? undefined : TRANSPORT_NAMES[known];
};

/** As Node's resolver takes it. */
const dnsServer: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined || parseAddress(given) !== undefined) return given;
  const parts = /^(?:\[([^\]]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(given);
  const port = Number(parts?.[3]);
  if (parts !== null && parseAddress(parts[1] ?? parts[2]!) !== undefined && port > 0 && port < 65_536) return given;
  return reading.note(
    `${describe(given)} is not a DNS server`,
    "an address, with or without a port: 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353",
  );
};

/** `no`, or where it listens; what isn't said is as without it. */
const readApi: Reader<ApiFields> = (value, reading) => {
  if (isMapping(value)) {
    const read = apiFields(value, reading);
    return read && { enabled: true, ...read };
  }
  const enabled = yesNo(value, reading);
  return enabled === undefined ? undefined : { enabled, address: undefined, port: undefined, requests_per_second: undefined };
};
const apiFields = object({
  address: maybe(address),
  port: maybe(integer(0, 65_535, "port; 0 lets the kernel choose")),
  requests_per_second: maybe(integer(1, 1_000_000, "requests of each user or key")),
});
export interface ApiFields {
  readonly enabled: boolean;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly requests_per_second: number | undefined;
}

const node = {
  name: maybe(textLike(hostName, "a name", "e.g. sbc-1")),
  id: optional(textLike(/^[0-9a-z]{2}$/, "a node id", "two characters of 0-9 and a-z, different on each node, e.g. a1"), "00"),
  home: maybe(textLike(/^[/~]/, "an absolute path", "e.g. /var/lib/tandem")),
  log_level: optional(oneOf(["debug", "info", "warn", "error"]), "info"),
  log_numbers: maybe(oneOf(["masked", "whole"])),
  calls_max: optional(integer(1, 1_000_000, "calls of the whole node"), 5_000),
  invites_per_second_per_source: optional(integer(1, 1_000_000, "INVITEs"), 2_000),
  trace_mb: optional(integer(1, 65_536, "megabytes of ladders"), 256),
  api: maybe(readApi),
  otlp: maybe(
    object({
      endpoint: required(
        textLike(/^https?:\/\/[^\s@]+$/, "a URL", "of the collector, without /v1/traces, e.g. http://127.0.0.1:4318"),
        "e.g. endpoint: http://127.0.0.1:4318",
      ),
      headers: optional(listOf(textLike(/^[A-Za-z0-9-]+:[^\r\n]+$/, "a header", 'in quotes, e.g. "Authorization: Bearer …"')), []),
    }),
  ),
  webhooks: optional(object({ allow_private: optional(yesNo, false) }), { allow_private: false }),
  dns_servers: optional(listOf(dnsServer), []),
  media: optional(readMedia, MEDIA_DEFAULTS),
} satisfies Fields;

const listenerMedia = {
  ports: optional(portRange, [10_000, 19_999] as const),
  address: maybe(address),
  advertise: maybe(address),
  dscp: maybe(dscp),
} satisfies Fields;

const listener = {
  name: required(name, "e.g. name: public"),
  address: required(address, "the address to bind, e.g. address: 192.0.2.1"),
  port: optional(integer(0, 65_535, "port; 0 lets the kernel choose"), 5060),
  transports: optional(listOf(transport), ["UDP", "TCP"] as const),
  tls: maybe(readListenerTls),
  advertise: maybe(addressOrHost),
  device: maybe(textLike(/^[^\s/]{1,15}$/, "a network device", "e.g. eth1 or vrf-carrier")),
  dscp: maybe(dscp),
  media: optional(object(listenerMedia), { ports: [10_000, 19_999], address: undefined, advertise: undefined, dscp: undefined }),
  domains: optional(listOf(domain), []),
} satisfies Fields;

const countryCode: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.replace(/^\+/, "");
  if (given === undefined || /^([1-9][0-9]{0,2})?$/.test(given)) return given;
  return reading.note(`${describe(value)} is not a country code`, "1 to 3 digits, e.g. 49");
};
const digits = textLike(/^[0-9*#]{0,6}$/, "a prefix", 'digits in quotes, e.g. "0" or "00"');
const numbers = {
  country_code: optional(countryCode, ""),
  national_prefix: optional(digits, ""),
  international_prefix: optional(digits, ""),
  write: optional(oneOf(["+e164", "e164", "national", "00e164", "as-received"]), "+e164"),
} satisfies Fields;
const NUMBERS_AS_THEY_ARE: Of<typeof numbers> = { country_code: "", national_prefix: "", international_prefix: "", write: "+e164" };

const statusCode = (min: number, max: number): Reader<number> => integer(min, max, "SIP status");

const prefix: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  const bare = bareNumber(given.replace(/\*$/, ""));
  if (bare.length > OUTBOUND_PREFIX_MAX)
    return reading.note(`prefix ${describe(given)} is too long`, `at most ${OUTBOUND_PREFIX_MAX} characters`);
  if (/^[1-9][0-9]*$/.test(bare) && isE164(`+${bare}`) && bare.length > 3)
    return reading.note(`prefix ${bare} has no plus`, `numbers are compared in their canonical form: "+${bare}"`);
  return bare;
};
const peer = {
  name: required(name, "e.g. name: vodafone"),
  tenant: optional(name, "default"),
  listener: maybe(name),
  addresses: maybe(listOf(network)),
  domains: optional(listOf(domain), []),
  trunk_group: maybe(textLike(/^[^\s;=@]{1,128}$/, "a trunk group", "the carrier's label, e.g. tg55")),
  uri: maybe(readPeerUri),
  numbers: optional(object(numbers), NUMBERS_AS_THEY_ARE),
  headers: optional(readHeaders, HEADERS_AS_THEY_ARE),
  nat: optional(yesNo, false),
  dscp: maybe(dscp),
  media_dscp: maybe(dscp),
  codecs: optional(listOf(textLike(/^[A-Za-z0-9._-]{1,32}$/, "a codec", "e.g. PCMA, PCMU, G722, opus")), []),
  calls_max: maybe(integer(1, 1_000_000, "calls at a time")),
  call_duration_max_s: optional(integer(1, 604_800, "seconds"), 14_400),
  media_timeout_s: optional(integer(1, 86_400, "seconds without a packet"), 60),
  early_media: optional(oneOf(["suppress", "relay", "new-tag"]), "suppress"),
  follow_redirects: optional(yesNo, false),
  privacy: optional(oneOf(["pass", "hide"]), "pass"),
  caller_number: optional(text, ""),
  from_domain: optional(addressOrHost, ""),
  probe: maybe(probe),
  title: maybe(textLike(/^[^\p{Cc}]{1,200}$/u, "a title", "what people call it, in one line")),
  provider: maybe(name),
  cost_per_minute: maybe(textLike(/^\d{1,4}(\.\d{1,6})?$/, "a price", "of a minute, with a point, e.g. 0.002")),
  drain: optional(yesNo, false),
  maintenance: optional(yesNo, false),
  blocked_prefixes: optional(listOf(prefix), []),
  ...ruleFields(name),
  ...accountFields,
  ...peerTlsFields,
} satisfies Fields;
const trunk = { ...peer, ...backupFields(name), register: registerField(name, addressOrHost) } satisfies Fields;
const gateway = { ...peer, next_on: optional(listOf(statusCode(300, 699)), []) } satisfies Fields;

const member = {
  gateway: required(name, "e.g. gateway: livekit-1"),
  priority: optional(integer(0, 1_000, "priority; lower is tried first"), 1),
  weight: optional(integer(1, 10_000, "weight"), 1),
} satisfies Fields;
const memberFields = object(member);
const memberOrName: Reader<Of<typeof member>> = (value, reading) =>
  memberFields(typeof value === "string" ? { gateway: value } : value, reading);
shaped(memberOrName, () => ({ type: "either", shapes: [{ type: "text", about: "a gateway" }, shapeOf(memberFields)] }));
const group = {
  name: required(name, "e.g. name: ai"),
  tenant: optional(name, "default"),
  gateways: required(listOf(memberOrName), "gateways: [livekit-1, livekit-2]"),
  algorithm: optional(oneOf(GROUP_ALGORITHMS), "weighted"),
  calls_max: maybe(integer(1, 1_000_000, "calls at a time of its gateways together")),
} satisfies Fields;

const TARGET_REMEDY = "group <name>, gateway <name>, trunk <name> or reject <status> [reason]";
const conditionFields = object(conditions);
/** What a target or rule asks of time and caller; nothing where nothing is written. */
function readConditions(value: { readonly when: unknown; readonly callers: unknown }, reading: Reading): Conditions | undefined {
  if (value.when === undefined && value.callers === undefined) return {};
  const read = conditionFields(value, reading);
  return read && { ...(read.when.length > 0 && { when: read.when }), ...(read.callers.length > 0 && { callers: read.callers }) };
}
const rejectFields = object({
  reject: required(statusCode(400, 699), "reject: 486"),
  reason: optional(textLike(/^[ -~]*$/, "a reason phrase", "ASCII text"), ""),
  tone: maybe(oneOf(REJECT_TONES)),
});
const target: Reader<RouteTarget> = (value, reading) => {
  if (isMapping(value)) {
    const { when, callers, ...rest } = value;
    const applies = readConditions({ when, callers }, reading);
    if (applies === undefined) return undefined;
    if ("reject" in rest) {
      const reject = rejectFields(rest, reading);
      if (reject === undefined) return undefined;
      const { reject: status, reason, tone } = reject;
      return { type: "reject", status, reason: reason || "Rejected", ...(tone !== undefined && { tone }), ...applies };
    }
    const [only, ...more] = Object.entries(rest);
    if (only !== undefined && more.length === 0) {
      const named = namedTarget(only[0], only[1]);
      return named === undefined ? reading.note(`${only[0]} is not a target`, TARGET_REMEDY) : { ...named, ...applies };
    }
  } else if (typeof value === "string") {
    const reject = /^reject\s+([4-6][0-9]{2})(?:\s+([ -~]+))?$/.exec(value);
    if (reject !== null) return { type: "reject", status: Number(reject[1]), reason: reject[2] ?? "Rejected" };
    if (/^reject\s+[0-9]+\b/.test(value))
      return reading.note(`${describe(value)} is no refusal`, "a status of 400 to 699, and ASCII words, e.g. reject 486 Busy Here");
    const [kind, referred, ...more] = value.trim().split(/\s+/);
    const found = more.length === 0 ? namedTarget(kind ?? "", referred) : undefined;
    if (found !== undefined) return found;
  }
  return reading.note(`${describe(value)} is not a target`, TARGET_REMEDY);
};
const targetFields = object({
  group: maybe(name),
  gateway: maybe(name),
  trunk: maybe(name),
  reject: maybe(statusCode(400, 699)),
  reason: maybe(text),
  tone: maybe(oneOf(REJECT_TONES)),
  ...conditions,
});
shaped(target, () => ({ type: "either", shapes: [{ type: "text", about: TARGET_REMEDY }, shapeOf(targetFields)] }));
function namedTarget(kind: string, referred: unknown): RouteTarget | undefined {
  if (typeof referred !== "string" || referred === "") return undefined;
  switch (kind) {
    case "group":
      return { type: "group", group: referred };
    case "gateway":
      return { type: "gateway", gateway: referred };
    case "trunk":
      return { type: "trunk", trunk: referred };
    default:
      return undefined;
  }
}

const milliseconds = integer(1, 600_000, "milliseconds");
const hunt = {
  try_timeout_ms: optional(milliseconds, 2_000),
  progress_timeout_ms: optional(milliseconds, 5_000),
  ring_timeout_ms: optional(milliseconds, 20_000),
  setup_budget_ms: optional(milliseconds, 55_000),
} satisfies Fields;
export const HUNT_DEFAULTS: Of<typeof hunt> = {
  try_timeout_ms: 2_000,
  progress_timeout_ms: 5_000,
  ring_timeout_ms: 20_000,
  setup_budget_ms: 55_000,
};

const didNumber: Reader<string> = (value, reading) => {
  const given = text(value, reading);
  if (given === undefined) return undefined;
  const key = didKey(given);
  if (/^\+[0-9]*[*#]./.test(key))
    return reading.note(`${describe(value)} has a star within it`, 'at its end, for all that begin so: "+4930*"');
  if (/^(\+?[0-9*#]{1,32}|[a-z0-9][a-z0-9._-]{0,63}|[a-z0-9][a-z0-9._-]*\*)$/.test(key)) return key;
  return reading.note(
    `${describe(value)} is neither a number nor a name`,
    '"+15551234567", "+4930*" for all that begin so, or a name such as ai',
  );
};
const did = {
  number: required(listOf(didNumber), 'e.g. number: "+15551234567"'),
  tenant: optional(name, "default"),
  trunks: optional(listOf(name), []),
  ...conditions,
  blocked_callers: optional(listOf(caller), []),
  to: required(listOf(target), "e.g. to: group ai"),
  hunt: optional(object(hunt), HUNT_DEFAULTS),
} satisfies Fields;

const outbound = {
  name: required(name, "e.g. name: germany"),
  tenant: optional(name, "default"),
  prefix: optional(prefix, ""),
  from: optional(listOf(name), []),
  ...conditions,
  blocked_prefixes: optional(listOf(prefix), []),
  to: required(listOf(target), "e.g. to: trunk vodafone"),
  hunt: optional(object(hunt), HUNT_DEFAULTS),
} satisfies Fields;

/** An entry that names a preset is read as if it had the preset's fields, too. */
function presetOr<T>(read: Reader<T>): Reader<T> {
  const readPreset: Reader<T> = (value, reading) => {
    if (!isMapping(value) || value["preset"] === undefined) return read(value, reading);
    const named = reading.at("preset", value["preset"], oneOf(PRESET_NAMES));
    return read(named === undefined ? { ...value, preset: "generic" } : withPreset(PRESETS[named]!, value), reading);
  };
  return shapedAs(readPreset, read);
}

const LISTENER_ELSEWHERE = { ports: "media: { ports: 10000-19999 }", certificate: "tls: { certificate: …, key: … }" };
const TRUNK_ELSEWHERE = {
  next_on: "a gateway's field; for trunks, backup_trunks with backup_on",
  registrar: "register: { registrar: sip.example.com }",
  expires_s: "register: { expires_s: 600 }",
};
const ONLY_TRUNKS_BACK_UP = "a trunk's field; a group holds several gateways, by priority";
const GATEWAY_ELSEWHERE = {
  register: "only trunks register; a gateway that registers with us proves itself by digest:",
  backup_trunks: ONLY_TRUNKS_BACK_UP,
  backup_on: ONLY_TRUNKS_BACK_UP,
  priority: "groups: [{ name: ai, gateways: [{ gateway: …, priority: 1 }] }]",
  weight: "groups: [{ name: ai, gateways: [{ gateway: …, weight: 1 }] }]",
};
const file = {
  node: optional(object(node), undefined),
  listeners: optional(placedList(object(listener, LISTENER_ELSEWHERE)), []),
  trunks: optional(placedList(presetOr(object(trunk, TRUNK_ELSEWHERE))), []),
  gateways: optional(placedList(presetOr(object(gateway, GATEWAY_ELSEWHERE))), []),
  groups: optional(placedList(object(group)), []),
  dids: optional(placedList(object(did)), []),
  outbound: optional(placedList(object(outbound)), []),
  limits: maybe(readLimits),
} satisfies Fields;

export type NodeFields = Of<typeof node>;
export type ListenerFields = Of<typeof listener>;
export type PeerFields = Of<typeof peer>;
export type TrunkFields = Of<typeof trunk>;
export type GatewayFields = Of<typeof gateway>;
export type GroupFields = Of<typeof group>;
export type DidFields = Of<typeof did>;
export type OutboundFields = Of<typeof outbound>;

export const SECTIONS = Object.keys(file);
/** Every section on its own, so that a problem in one leaves the others readable. */
export const SECTION_READERS = file;
export const readNode = object(node);
