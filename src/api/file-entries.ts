/**
 * What tandem.yaml declares, as the API lists it beside the stored resources: the text that is in force, from the log
 * of configurations, in which passwords are hidden. Read anew when another is in force.
 */
import { DEFAULT_TENANT } from "#base/ids.ts";
import { canonicalJson } from "#config/canonical-entry.ts";
import { readDocument } from "#config/document.ts";
import { isBlank, isMapping } from "#config/reading.ts";
import { type Entry, type ResourceKind, RESOURCE_KINDS, SECTION_OF_KIND, type StoredRecord, namesOf } from "#config/stored-resources.ts";
import type { ResourcePages } from "#store/resource-pages.ts";

export const MANAGED_BY_FILE = "file";

export interface FileEntries {
  /** In the file's order. */
  ofKind(kind: ResourceKind): readonly StoredRecord[];
  named(kind: ResourceKind, name: string): StoredRecord | undefined;
  /** What goes by this name, or the tenant of this name, is not this tenant's. */
  isForeign(name: string, tenant: string): boolean;
  /** Tenant → how many entries it has. */
  readonly tenants: ReadonlyMap<string, number>;
}

/** @returns what reads the entries in force */
export function fileEntries(pages: Pick<ResourcePages, "configText">): () => Promise<FileEntries> {
  let known: { readonly id: string; readonly entries: FileEntries } | undefined;
  return async () => {
    const found = await pages.configText();
    if (found === undefined) return readEntries("");
    if (known?.id !== found.id) known = { id: found.id, entries: readEntries(found.text()) };
    return known.entries;
  };
}

function readEntries(text: string): FileEntries {
  const document = readDocument(text);
  const value = document.ok && isMapping(document.value) ? document.value : {};
  const byKind = new Map(RESOURCE_KINDS.map((kind) => [kind, recordsOf(kind, value[SECTION_OF_KIND[kind]])]));
  const all = [...byKind.values()].flat();
  const tenants = new Map<string, number>();
  for (const { tenant } of all) tenants.set(tenant, (tenants.get(tenant) ?? 0) + 1);
  const tenantOf = Map.groupBy(all, ({ name }) => name);
  return {
    ofKind: (kind) => byKind.get(kind) ?? [],
    named: (kind, name) => byKind.get(kind)?.find((record) => record.name === name),
    isForeign: (name, tenant) =>
      (tenants.has(name) && name !== tenant) || (tenantOf.get(name)?.some((record) => record.tenant !== tenant) ?? false),
    tenants,
  };
}

function recordsOf(kind: ResourceKind, entries: unknown): readonly StoredRecord[] {
  if (!Array.isArray(entries)) return [];
  return (entries as readonly unknown[]).filter(isMapping).flatMap((entry, position) => {
    const tenant = isBlank(entry["tenant"]) ? DEFAULT_TENANT : String(entry["tenant"]);
    return namesOf(SECTION_OF_KIND[kind], entry).map((name): StoredRecord => {
      const own: Entry = kind === "did" ? { ...entry, number: name } : entry;
      return { kind, name, tenant, managedBy: MANAGED_BY_FILE, position, body: canonicalJson(own) };
    });
  });
}
