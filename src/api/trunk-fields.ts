/**
 * Trunks as the users' guides write them, and how that becomes an entry of the configuration and back. An entry that
 * somebody declared by file keeps what the API has no field for.
 *
 * `auth_method` is about calls to the carrier: digest answers its challenges with user name and password, ip sends
 * none. Calls from it are known by `allowed_ips` either way.
 */
import { z } from "zod";
import { type PeerUri, parsePeerUri } from "#config/peer-uri.ts";
import type { Entry, StoredRecord } from "#config/stored-resources.ts";
import type { FieldError } from "./problem.ts";

/** Paths of their own. */
const RESERVED = ["status", "stats"];
export const TrunkId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, . _ or -")
  .refine((id) => !RESERVED.includes(id), "status and stats are reserved");

const fields = {
  name: z.string().min(1).max(200).describe("What people call it. Default: the trunk_id."),
  provider: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, . _ or -")
    .describe("The company behind it: CDRs, statistics and metrics go by it. Default: the trunk_id."),
  cost_per_minute: z.number().min(0).max(9_999).nullable().describe("What a minute costs, for metrics. null: nobody said."),
  proxy_address: z.string().min(1).max(253).describe("Domain or address. A domain is resolved by RFC 3263."),
  proxy_port: z.int().min(1).max(65_535).nullable().describe("null: what DNS says, else 5060."),
  username: z.string().min(1).max(255).nullable(),
  password: z.string().min(1).max(255).nullable().meta({ writeOnly: true }).describe("Never returned."),
  realm: z.string().min(1).max(255).nullable().describe("null: the one that the carrier asks with."),
  supports_outbound: z.boolean(),
  supports_inbound: z.boolean(),
  transport: z
    .enum(["UDP", "TCP", "TLS"])
    .describe("TLS is of signalling alone; its certificate must name proxy_address. Audio is not encrypted."),
  preferred_codecs: z.array(z.string().min(1).max(32)).max(20).describe("Only these, in this order; empty: all."),
  max_concurrent_calls: z.int().min(1).max(1_000_000).describe("Both ways together. Beyond it calls from it get 503."),
  calls_per_second_limit: z.int().min(1).max(10_000).nullable().describe("Each way. null: none."),
  allowed_ips: z
    .array(z.string().min(1).max(64))
    .max(1_000)
    .describe("Addresses and networks that its calls come from. Empty: the proxy's, where that is an address."),
  auth_method: z
    .enum(["digest", "ip"])
    .describe("How we prove ourselves to it. Default: digest where there is a username. ip forgets username and password."),
  backup_trunks: z.array(z.string().min(1).max(64)).max(20).describe("Tried in order when this one fails."),
  register: z.boolean().describe("Whether to register there."),
  listener: z
    .string()
    .min(1)
    .max(64)
    .nullable()
    .describe("Where its calls come in and leave. Default: the listener called public, else the first."),
};

/** All but the first and the address have defaults. */
export const NewTrunk = z
  .strictObject({
    trunk_id: TrunkId,
    proxy_address: fields.proxy_address,
    name: fields.name.optional(),
    provider: fields.provider.optional(),
    cost_per_minute: fields.cost_per_minute.default(null),
    proxy_port: fields.proxy_port.default(null),
    username: fields.username.default(null),
    password: fields.password.default(null),
    realm: fields.realm.default(null),
    supports_outbound: fields.supports_outbound.default(true),
    supports_inbound: fields.supports_inbound.default(true),
    transport: fields.transport.default("UDP"),
    preferred_codecs: fields.preferred_codecs.default([]),
    max_concurrent_calls: fields.max_concurrent_calls.default(100),
    calls_per_second_limit: fields.calls_per_second_limit.default(null),
    allowed_ips: fields.allowed_ips.default([]),
    auth_method: fields.auth_method.optional(),
    backup_trunks: fields.backup_trunks.default([]),
    register: fields.register.default(false),
    listener: fields.listener.optional(),
    tenant: z.string().min(1).max(64).optional().describe("Only for who reaches several."),
  })
  .meta({ id: "NewTrunk" });
/** What isn't said stays. */
export const TrunkChange = z.strictObject(fields).partial().extend({ trunk_id: TrunkId.optional() }).meta({ id: "TrunkChange" });
export type TrunkChange = z.infer<typeof TrunkChange>;

export const TrunkView = z
  .object({
    trunk_id: z.string(),
    tenant: z.string(),
    ...fields,
    proxy_address: z.string().nullable(),
    proxy_port: z.int().nullable(),
    username: z.string().nullable(),
    realm: z.string().nullable(),
    max_concurrent_calls: z.int().nullable().describe("null: as many as the node takes."),
    calls_per_second_limit: z.int().nullable(),
    listener: z.string().nullable(),
    has_password: z.boolean(),
    is_active: z.boolean(),
    managed_by: z.enum(["api", "apply", "file"]).describe("file: it stands in tandem.yaml and is changed there."),
  })
  .omit({ password: true })
  .meta({ id: "Trunk" });
export type TrunkView = z.infer<typeof TrunkView>;

const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
const uriOf = (host: string, port: number | null, transport: string): string =>
  `sip:${bracketed(host)}${port === null ? "" : `:${port}`};transport=${transport.toLowerCase()}`;

const scalar = (value: unknown): string | null =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;
const number = (value: unknown): number | null => (scalar(value) === null ? null : Number(value));
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : scalar(value) === null ? [] : [String(value)]);
const isYes = (value: unknown): boolean => /^(yes|true|on)$/i.test(scalar(value) ?? "");

/** Six places, as the configuration takes it, and no exponent. */
const priceText = (price: number): string => price.toFixed(6).replace(/\.?0+$/, "");

/** A port that was the former transport's own doesn't follow to another: 5060 is no TLS. */
function portAfter(former: PeerUri | undefined, transport: TrunkChange["transport"]): number | null {
  const [was, becomes] = [former?.transport === "tls", transport === undefined ? former?.transport === "tls" : transport === "TLS"];
  return was !== becomes && former?.port === (was ? 5061 : 5060) ? null : (former?.port ?? null);
}
const transportOf = (uri: PeerUri | undefined): "UDP" | "TCP" | "TLS" =>
  uri?.transport === "tls" ? "TLS" : uri?.transport === "tcp" ? "TCP" : "UDP";

/** The entry with a change in it; a field that becomes null goes. */
export function changedEntry(entry: Entry, change: TrunkChange): Entry {
  const { proxy_address, proxy_port, transport } = change;
  const next: Record<string, unknown> = { ...entry };
  const set = (field: string, value: unknown): void => {
    if (value === undefined) return;
    if (value === null || (Array.isArray(value) && value.length === 0)) delete next[field];
    else next[field] = value;
  };
  const former = parsePeerUri(scalar(entry["uri"]) ?? "");
  if (proxy_address !== undefined || proxy_port !== undefined || transport !== undefined)
    set(
      "uri",
      uriOf(
        proxy_address ?? former?.host ?? "",
        proxy_port === undefined ? portAfter(former, transport) : proxy_port,
        transport ?? (former?.transport || "udp"),
      ),
    );
  set("title", change.name);
  set("provider", change.provider);
  set("cost_per_minute", typeof change.cost_per_minute === "number" ? priceText(change.cost_per_minute) : change.cost_per_minute);
  set("username", change.username);
  set("password", change.password);
  set("realm", change.realm);
  set("codecs", change.preferred_codecs);
  set("calls_max", change.max_concurrent_calls);
  set("calls_per_second_inbound", change.calls_per_second_limit);
  set("calls_per_second_outbound", change.calls_per_second_limit);
  set("addresses", change.allowed_ips);
  set("backup_trunks", change.backup_trunks);
  set("listener", change.listener);
  if (change.supports_inbound !== undefined) set("calls_max_inbound", change.supports_inbound ? null : 0);
  if (change.supports_outbound !== undefined) set("calls_max_outbound", change.supports_outbound ? null : 0);
  if (change.register !== undefined)
    set("register", change.register ? (isYes(entry["register"]) || entry["register"] === undefined ? "yes" : entry["register"]) : null);
  if (change.auth_method === "ip") for (const field of ["username", "password", "realm", "register"]) delete next[field];
  return next;
}

/** What the fields say about each other. */
export function trunkErrors(change: TrunkChange, entry: Entry): readonly FieldError[] {
  const errors: FieldError[] = [];
  const known =
    ["username", "password"].every((field) => entry[field] !== undefined) ||
    entry["password_env"] !== undefined ||
    entry["password_file"] !== undefined;
  if (change.auth_method === "digest" && !known) errors.push({ field: "auth_method", message: "digest needs username and password" });
  return errors;
}

export function viewOfRecord({ name, tenant, body, managedBy }: StoredRecord): TrunkView {
  const entry = JSON.parse(body) as Entry;
  const uri = parsePeerUri(scalar(entry["uri"]) ?? "");
  return {
    trunk_id: name,
    tenant,
    name: scalar(entry["title"]) ?? name,
    provider: scalar(entry["provider"]) ?? name,
    cost_per_minute: number(entry["cost_per_minute"]),
    proxy_address: uri?.host ?? null,
    proxy_port: uri?.port ?? null,
    username: scalar(entry["username"]),
    realm: scalar(entry["realm"]),
    supports_outbound: number(entry["calls_max_outbound"]) !== 0,
    supports_inbound: number(entry["calls_max_inbound"]) !== 0,
    transport: transportOf(uri),
    preferred_codecs: list(entry["codecs"]),
    max_concurrent_calls: number(entry["calls_max"]),
    calls_per_second_limit: number(entry["calls_per_second_outbound"]) ?? number(entry["calls_per_second_inbound"]),
    allowed_ips: list(entry["addresses"]),
    auth_method: entry["username"] === undefined ? "ip" : "digest",
    backup_trunks: list(entry["backup_trunks"]),
    register: entry["register"] !== undefined && !/^(no|false|off)$/i.test(scalar(entry["register"]) ?? ""),
    listener: scalar(entry["listener"]),
    has_password: ["password", "passwords", "password_env", "password_file"].some((field) => entry[field] !== undefined),
    is_active: !isYes(entry["maintenance"]),
    managed_by: managedBy === "api" || managedBy === "file" ? managedBy : "apply",
  };
}

const API_FIELD: Readonly<Record<string, string>> = {
  uri: "proxy_address",
  title: "name",
  name: "trunk_id",
  codecs: "preferred_codecs",
  calls_max: "max_concurrent_calls",
  calls_per_second_inbound: "calls_per_second_limit",
  calls_per_second_outbound: "calls_per_second_limit",
  addresses: "allowed_ips",
};

/** "addresses[1]" of an entry → "allowed_ips[1]". */
export const apiField = (field: string): string => field.replace(/^[a-z_]+/, (name) => API_FIELD[name] ?? name);
