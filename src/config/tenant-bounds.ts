/**
 * What an entry says that reaches beyond its tenant: files and environment of the machine, which are not his to name,
 * and addresses and certificates that calls are known by, which may be somebody else's already. For whoever lets
 * tenants write entries themselves; who runs the deployment may share a carrier's addresses among tenants.
 */
import { type Network, parseNetwork } from "#routing/addresses.ts";
import { parsePeerUri } from "./peer-uri.ts";
import { isMapping } from "./reading.ts";
import type { Entry } from "./stored-resources.ts";

const MACHINE_FIELDS = ["password_env", "password_file", "tls_ca", "tls_certificate", "tls_key"];

/** Field → what it names on this machine. */
export function machineFieldsOf(entry: Entry): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const look = (fields: Readonly<Record<string, unknown>>, prefix: string): void => {
    for (const field of MACHINE_FIELDS)
      if (fields[field] !== undefined && fields[field] !== null) found.set(prefix + field, JSON.stringify(fields[field]));
  };
  look(entry, "");
  const { digest } = entry;
  if (isMapping(digest)) look(digest, "digest.");
  return found;
}

/** Whom calls are taken to be from. */
export interface Claims {
  readonly listener: string;
  /** Field, as it is written, and what it is. */
  readonly networks: readonly (readonly [field: string, text: string, network: Network])[];
  readonly certificates: readonly (readonly [field: string, name: string])[];
}

const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : value === undefined || value === null ? [] : [value]).map(String);

export function claimsOf(entry: Entry): Claims {
  const { uri, addresses, digest, listener } = entry;
  const certificates = textsOf(entry["tls_client_names"]).map(
    (name) => ["tls_client_names", name.toLowerCase().replace(/\.$/, "")] as const,
  );
  const given = textsOf(uri)[0]?.trim() ?? "";
  const host = parsePeerUri(/^sips?:/i.test(given) ? given : `sip:${given}`);
  const isKnownByHost = addresses === undefined && digest === undefined && certificates.length === 0 && host?.numeric === true;
  const written = isKnownByHost ? [["uri", host.host] as const] : textsOf(addresses).map((one) => ["addresses", one] as const);
  return {
    listener: textsOf(listener)[0] ?? "",
    networks: written.flatMap(([field, text]) => {
      const network = parseNetwork(text);
      return network === undefined ? [] : [[field, text, network] as const];
    }),
    certificates,
  };
}

/** What of `own` is said of `other`, too. */
export function sharedClaim(own: Claims, other: Claims): { readonly field: string; readonly text: string } | undefined {
  if (own.listener !== "" && other.listener !== "" && own.listener !== other.listener) return undefined;
  for (const [field, text, network] of own.networks) if (other.networks.some(([, , one]) => overlap(network, one))) return { field, text };
  for (const [field, text] of own.certificates) if (other.certificates.some(([, name]) => name === text)) return { field, text };
  return undefined;
}

function overlap(a: Network, b: Network): boolean {
  if (a.address.family !== b.address.family) return false;
  const width = a.address.family === 4 ? 32 : 128;
  const below = BigInt(width - Math.min(a.prefixBits, b.prefixBits));
  return BigInt(a.address.value) >> below === BigInt(b.address.value) >> below;
}
