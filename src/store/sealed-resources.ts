/** Resources whose passwords are sealed in the database and open everywhere else. */
import { type Kysely, sql } from "kysely";
import { canonicalJson, hasPasswords, mapPasswords } from "#config/canonical-entry.ts";
import type { Entry, ResourceKind, StoredEntries, StoredRecord, StoredState } from "#config/stored-resources.ts";
import type { AlertStore } from "./alert-store.ts";
import type { ResourcePages } from "./resource-pages.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { Schema } from "./schema.ts";
import { type Secrets, isSealed } from "./secrets.ts";

const aboutOf = (kind: ResourceKind, name: string): string => `${kind} ${name}`;

export function openRecord(secrets: Secrets, record: StoredRecord): StoredRecord {
  const body = changed(record, (text, about) => secrets.open(text, about));
  return body === record.body ? record : { ...record, body };
}
export function sealRecord(secrets: Secrets, record: StoredRecord): StoredRecord {
  const body = changed(record, (text, about) => secrets.seal(text, about));
  return body === record.body ? record : { ...record, body };
}

function changed({ kind, name, body }: StoredRecord, change: (text: string, about: string) => string): string {
  // DIDs come in masses and have none.
  if (kind === "did" || typeof body !== "string" || !hasPasswords(body)) return body;
  return canonicalJson(mapPasswords(JSON.parse(body) as Entry, (text) => change(text, aboutOf(kind, name))));
}

export const openState = (secrets: Secrets, state: StoredState): StoredState => ({
  ...state,
  records: state.records.map((record) => openRecord(secrets, record)),
});

export function openEntries(secrets: Secrets, entries: StoredEntries): StoredEntries {
  const opened = (kind: ResourceKind, list: readonly Entry[]): readonly Entry[] =>
    list.map((entry) => mapPasswords(entry, (text) => secrets.open(text, aboutOf(kind, String(entry["name"])))));
  const { trunks, gateways } = entries.sections;
  return { ...entries, sections: { ...entries.sections, trunks: opened("trunk", trunks), gateways: opened("gateway", gateways) } };
}

/** @param secretsNow the keys may be changed while it is open */
export function sealedResources(store: ResourceStore, secretsNow: () => Secrets): ResourceStore {
  return {
    ...store,
    state: async () => openState(secretsNow(), await store.state()),
    async commit(change) {
      const secrets = secretsNow();
      return store.commit({ ...change, upserts: change.upserts.map((record) => sealRecord(secrets, record)) });
    },
  };
}

/** Keys are read where there is something sealed: most of what is asked for has no passwords. */
function opener(secretsNow: () => Secrets): (record: StoredRecord) => StoredRecord {
  let secrets: Secrets | undefined;
  return (record) => (hasPasswords(record.body) ? openRecord((secrets ??= secretsNow()), record) : record);
}

export function sealedPages(pages: ResourcePages, secretsNow: () => Secrets): ResourcePages {
  return {
    ...pages,
    async page(wish) {
      const open = opener(secretsNow);
      return (await pages.page(wish)).map(open);
    },
    async named(kind, name) {
      const { generation, record } = await pages.named(kind, name);
      return { generation, record: record === undefined ? undefined : opener(secretsNow)(record) };
    },
  };
}

const aboutChannel = (id: string): string => `alert channel ${id}`;

/** Where alerts go has tokens and passwords in it: all of it is sealed. */
export function sealedAlerts(store: AlertStore, secretsNow: () => Secrets): AlertStore {
  return {
    ...store,
    async channels() {
      const channels = await store.channels();
      if (channels.length === 0) return channels;
      const secrets = secretsNow();
      return channels.map((channel) => ({ ...channel, body: secrets.open(channel.body, aboutChannel(channel.id)) }));
    },
    saveChannel: (channel) => store.saveChannel({ ...channel, body: secretsNow().seal(channel.body, aboutChannel(channel.id)) }),
  };
}

export interface Resealed {
  /** Trunks, gateways and alert channels whose secrets were sealed anew. */
  readonly changed: number;
  /** Values whose key is missing: they stay as they are. */
  readonly unreadable: number;
}

/** What is open, or sealed by an older key, is sealed by the newest. Idempotent; a change in between is left alone. */
export async function resealResources(db: Kysely<Schema>, secrets: Secrets): Promise<Resealed> {
  const rows = await db
    .selectFrom("resource")
    .select(["tenant", "id", "kind", "name", "body"])
    .where("kind", "in", ["trunk", "gateway"])
    .where(sql<boolean>`body like '%"password%'`)
    .execute();
  let count = 0;
  let unreadable = 0;
  const freshly = (text: string, about: string): string => {
    if (secrets.isFresh(text)) return text;
    const opened = secrets.open(text, about);
    if (isSealed(opened)) unreadable++;
    return secrets.seal(opened, about);
  };
  for (const { tenant, id, body } of await db.selectFrom("alert_channel").select(["tenant", "id", "body"]).execute()) {
    const text = freshly(body, aboutChannel(id));
    if (text === body) continue;
    const own = db.updateTable("alert_channel").set({ body: text }).where("tenant", "=", tenant).where("id", "=", id);
    await own.where("body", "=", body).execute();
    count++;
  }
  for (const { tenant, id, kind, name, body } of rows) {
    const about = aboutOf(kind as ResourceKind, name);
    const fresh = mapPasswords(JSON.parse(body) as Entry, (text) => freshly(text, about));
    const text = canonicalJson(fresh);
    if (text === body) continue;
    await db
      .updateTable("resource")
      .set({ body: text })
      .where("tenant", "=", tenant)
      .where("id", "=", id)
      .where("body", "=", body)
      .execute();
    count++;
  }
  return { changed: count, unreadable };
}
