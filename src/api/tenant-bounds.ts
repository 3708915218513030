/**
 * What a tenant's token may not write into his own trunks and gateways: what names files or the environment of the
 * machine, and whom calls are taken to be from where others are known by the same. What stood there before may stay.
 */
import { claimsOf, machineFieldsOf, sharedClaim } from "#config/tenant-bounds.ts";
import { type Entry, type ResourceKind, SECTION_OF_KIND, type StoredRecord } from "#config/stored-resources.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import type { Principal } from "./access.ts";
import type { FileEntries } from "./file-entries.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, type FieldError } from "./problem.ts";

const KINDS = ["trunk", "gateway"] as const satisfies readonly ResourceKind[];
const PAGE = 1_000;

type Sections = Readonly<Record<string, unknown>>;

export interface BoundsPorts {
  readonly pages: Pick<ApiPorts["pages"], "named" | "page">;
  readonly file: () => Promise<FileEntries>;
}

type PlaceOf = (section: string, index: number, field: string) => string;

/** @throws ApiProblem */
export async function assertWithinTenant(principal: Principal, sections: Sections, ports: BoundsPorts, placeOf: PlaceOf): Promise<void> {
  const errors = await errorsBeyondTenant(principal, sections, ports, placeOf);
  const [first] = errors;
  if (first !== undefined) throw new ApiProblem("BODY_INVALID", `${first.field}: ${first.message}`, { errors });
}

/** @param placeOf names a field as the client does */
export async function errorsBeyondTenant(
  { reach }: Principal,
  sections: Sections,
  { pages, file }: BoundsPorts,
  placeOf: PlaceOf,
): Promise<readonly FieldError[]> {
  if (reach === EVERY_TENANT) return [];
  const errors: FieldError[] = [];
  let foreign: readonly StoredRecord[] | undefined;
  for (const kind of KINDS) {
    const section = SECTION_OF_KIND[kind];
    const entries = sections[section];
    if (!Array.isArray(entries)) continue;
    for (const [index, entry] of (entries as readonly unknown[]).entries()) {
      if (typeof entry !== "object" || entry === null) continue;
      const own = entry as Entry;
      const former = await formerOf(pages, kind, String(own["name"] ?? ""), reach);
      const add = (field: string, message: string): void => void errors.push({ field: placeOf(section, index, field), message });
      const before = former === undefined ? new Map<string, string>() : machineFieldsOf(former);
      for (const [field, value] of machineFieldsOf(own))
        if (before.get(field) !== value)
          add(field, "names something of the machine, which is for who runs the deployment; a password can be given itself");
      const claims = claimsOf(own);
      if (former !== undefined && JSON.stringify(textOf(claims)) === JSON.stringify(textOf(claimsOf(former)))) continue;
      if (claims.networks.length + claims.certificates.length === 0) continue;
      foreign ??= await foreignPeers(pages, await file(), reach);
      const shared = firstShared(own, foreign);
      if (shared !== undefined)
        add(shared.field, `${shared.text}: calls from there are somebody else's already; who runs the deployment can let both have it`);
    }
  }
  return errors;
}

const textOf = ({ listener, networks, certificates }: ReturnType<typeof claimsOf>): readonly unknown[] => [
  listener,
  networks.map(([, text]) => text),
  certificates,
];

async function formerOf(pages: BoundsPorts["pages"], kind: ResourceKind, name: string, reach: string): Promise<Entry | undefined> {
  const { record } = await pages.named(kind, name);
  return record?.tenant === reach ? (JSON.parse(record.body) as Entry) : undefined;
}

function firstShared(own: Entry, foreign: readonly StoredRecord[]): { readonly field: string; readonly text: string } | undefined {
  const claims = claimsOf(own);
  for (const { body } of foreign) {
    const shared = sharedClaim(claims, claimsOf(JSON.parse(body) as Entry));
    if (shared !== undefined) return shared;
  }
  return undefined;
}

async function foreignPeers(pages: BoundsPorts["pages"], file: FileEntries, reach: string): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (const kind of KINDS) {
    found.push(...file.ofKind(kind));
    for (let after: { readonly name: string; readonly position: number } | undefined; ; ) {
      const page = await pages.page({ kind, tenant: EVERY_TENANT, after, limit: PAGE });
      found.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = { name: last.name, position: last.position };
    }
  }
  return found.filter(({ tenant }) => tenant !== reach);
}
