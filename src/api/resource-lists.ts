/**
 * Lists of resources: what stands in tandem.yaml first, then what is stored, a page at a time. A cursor is a place in
 * that order, so that nothing is missed or told twice while others add and remove.
 */
import type { Entry, ResourceKind, StoredRecord } from "#config/stored-resources.ts";
import type { ResourcePages } from "#store/resource-pages.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import type { Principal } from "./access.ts";
import type { FileEntries } from "./file-entries.ts";
import { cursorOf, placeOf } from "./page.ts";

export interface ListWish {
  readonly kind: ResourceKind;
  readonly tenant: string | undefined;
  readonly q: string | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
}

export interface ListPage {
  readonly records: readonly StoredRecord[];
  readonly next: string | null;
}

/** Entries may be large: a page of them is read in parts, and is over when it has so much, whatever its limit. */
const ROWS_AT_ONCE = 200;
const CHARS_MAX = 4 << 20;
const IN_FILE = 0;
const STORED = 1;
const FIELDS_LOOKED_AT = ["title", "provider", "uri", "to", "gateways", "prefix"];

export async function listResources(
  { reach }: Principal,
  { kind, tenant: wanted, q, limit, cursor }: ListWish,
  file: FileEntries,
  pages: Pick<ResourcePages, "page">,
): Promise<ListPage> {
  const place = placeOf(cursor);
  if (reach !== EVERY_TENANT && wanted !== undefined && wanted !== reach) return { records: [], next: null };
  const tenant = wanted ?? reach;
  const text = q?.toLowerCase();
  const fits = (record: StoredRecord): boolean => (tenant === EVERY_TENANT || record.tenant === tenant) && has(record, text);
  const records: StoredRecord[] = [];
  if (place === undefined || place[0] === IN_FILE) {
    const from = Number(place?.[1] ?? 0);
    const inFile = file.ofKind(kind);
    for (let i = from; i < inFile.length; i++) {
      if (!fits(inFile[i]!)) continue;
      if (records.length === limit) return { records, next: cursorOf([IN_FILE, i]) };
      records.push(inFile[i]!);
    }
  }
  let after = place?.[0] === STORED ? { name: String(place[1]), position: Number(place[2]) } : undefined;
  let chars = 0;
  for (;;) {
    const room = limit - records.length;
    const asked = Math.min(room + 1, ROWS_AT_ONCE);
    const found = await pages.page({ kind, tenant, text, after, limit: asked });
    for (const [i, record] of found.entries()) {
      // One more than fits says that there is a next page.
      if (i === room || chars > CHARS_MAX)
        return { records, next: cursorOf(after === undefined ? [STORED, "", -1] : [STORED, after.name, after.position]) };
      records.push(record);
      chars += record.body.length;
      after = { name: record.name, position: record.position };
    }
    if (found.length < asked) return { records, next: null };
  }
}

function has({ name, body }: StoredRecord, text: string | undefined): boolean {
  if (text === undefined || name.toLowerCase().includes(text)) return true;
  const entry = JSON.parse(body) as Entry;
  return FIELDS_LOOKED_AT.some((field) => entry[field] !== undefined && JSON.stringify(entry[field]).toLowerCase().includes(text));
}
