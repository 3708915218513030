/** Users, keys and refresh tokens in PostgreSQL. */
import { type RawBuilder, sql } from "kysely";
import type { IdentityStore, StoredKey, StoredRefresh, StoredUser } from "../identity-store.ts";
import { connectPostgres } from "./connect-postgres.ts";

const USER = sql.raw(
  'select id, tenant, name, role, password_hash as "passwordHash", created_at_ms as "createdAtMs", disabled, tokens_from_ms as "tokensFromMs" from api_user',
);
const KEY = sql.raw(
  'select id, tenant, name, scopes, hash, created_by as "createdBy", created_at_ms as "createdAtMs", disabled from api_key',
);
type UserRow = Omit<StoredUser, "disabled"> & { readonly disabled: number };
type KeyRow = Omit<StoredKey, "scopes" | "disabled"> & { readonly scopes: string; readonly disabled: number };
const toUser = (row: UserRow): StoredUser => ({ ...row, disabled: row.disabled !== 0 });
const toKey = (row: KeyRow): StoredKey => ({ ...row, scopes: row.scopes.split(" "), disabled: row.disabled !== 0 });

export function openPostgresIdentities(url: string): IdentityStore {
  const { db, ready, close } = connectPostgres(url);
  const rows = async <Row>(asked: RawBuilder<Row>): Promise<Row[]> => {
    await ready();
    return (await asked.execute(db)).rows;
  };
  const run = async (asked: RawBuilder<unknown>): Promise<void> => void (await rows(asked));
  const number = (value: boolean | undefined): number | null => (value === undefined ? null : Number(value));
  return {
    users: async (tenant) => (await rows(sql<UserRow>`${USER} where tenant = ${tenant} or ${tenant} = '*' order by name`)).map(toUser),
    async userNamed(name) {
      const [row] = await rows(sql<UserRow>`${USER} where name = ${name}`);
      return row === undefined ? undefined : toUser(row);
    },
    async addUser({ id, tenant, name, role, passwordHash, createdAtMs }) {
      const added = await rows(sql`insert into api_user (id, tenant, name, role, password_hash, created_at_ms)
        values (${id}, ${tenant}, ${name}, ${role}, ${passwordHash}, ${createdAtMs}) on conflict (name) do nothing returning id`);
      return added.length > 0;
    },
    async changeUser(name, { role, passwordHash, disabled, tokensFromMs }) {
      await run(sql`update api_user set role = coalesce(${role ?? null}, role), password_hash = coalesce(${passwordHash ?? null}, password_hash),
        disabled = coalesce(${number(disabled)}, disabled), tokens_from_ms = coalesce(${tokensFromMs ?? null}, tokens_from_ms) where name = ${name}`);
      if (passwordHash !== undefined || disabled === true) await run(sql`delete from api_refresh where user_name = ${name}`);
    },
    async removeUser(name) {
      await run(sql`delete from api_refresh where user_name = ${name}`);
      await run(sql`delete from api_user where name = ${name}`);
    },
    keys: async (tenant) => (await rows(sql<KeyRow>`${KEY} where tenant = ${tenant} or ${tenant} = '*' order by id`)).map(toKey),
    async keyByHash(hash) {
      const [row] = await rows(sql<KeyRow>`${KEY} where hash = ${hash}`);
      return row === undefined ? undefined : toKey(row);
    },
    addKey: ({ id, tenant, name, scopes, hash, createdBy, createdAtMs }) =>
      run(sql`insert into api_key (id, tenant, name, scopes, hash, created_by, created_at_ms)
        values (${id}, ${tenant}, ${name}, ${scopes.join(" ")}, ${hash}, ${createdBy}, ${createdAtMs})`),
    changeKey: (id, { name, disabled }) =>
      run(
        sql`update api_key set name = coalesce(${name ?? null}, name), disabled = coalesce(${number(disabled)}, disabled) where id = ${id}`,
      ),
    removeKey: (id) => run(sql`delete from api_key where id = ${id}`),
    addRefresh: ({ id, tenant, userName, hash, expiresAtMs }) =>
      run(
        sql`insert into api_refresh (id, tenant, user_name, hash, expires_at_ms) values (${id}, ${tenant}, ${userName}, ${hash}, ${expiresAtMs})`,
      ),
    async takeRefresh(hash, nowMs) {
      const [found] = await rows(sql<StoredRefresh>`delete from api_refresh where hash = ${hash}
        returning id, tenant, user_name as "userName", hash, expires_at_ms as "expiresAtMs"`);
      await run(sql`delete from api_refresh where expires_at_ms < ${nowMs}`);
      return found !== undefined && found.expiresAtMs > nowMs ? found : undefined;
    },
    close,
  };
}
