/** Users, keys and refresh tokens in SQLite. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { IdentityStore, StoredKey, StoredRefresh, StoredUser } from "../identity-store.ts";
import { BUSY_TIMEOUT_MS } from "./open-sqlite.ts";

const USER =
  'select id, tenant, name, role, password_hash as "passwordHash", created_at_ms as "createdAtMs", disabled, tokens_from_ms as "tokensFromMs" from api_user';
const KEY = 'select id, tenant, name, scopes, hash, created_by as "createdBy", created_at_ms as "createdAtMs", disabled from api_key';
const REFRESH =
  'delete from api_refresh where hash = ? returning id, tenant, user_name as "userName", hash, expires_at_ms as "expiresAtMs"';

type KeyRow = Omit<StoredKey, "scopes" | "disabled"> & { readonly scopes: string; readonly disabled: number };
const toKey = (row: KeyRow): StoredKey => ({ ...row, scopes: row.scopes.split(" "), disabled: row.disabled !== 0 });
type UserRow = Omit<StoredUser, "disabled"> & { readonly disabled: number };
const toUser = (row: UserRow): StoredUser => ({ ...row, disabled: row.disabled !== 0 });

/** The database must be of today's schema (openSqliteStore brings it there). @throws what SQLite says */
export function openSqliteIdentities(path: string): IdentityStore {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  db.exec("pragma synchronous = full;");
  const user = db.prepare(`${USER} where name = ?`);
  const key = db.prepare(`${KEY} where hash = ?`);
  const all = <Row>(text: string, ...values: readonly SQLInputValue[]) => db.prepare(text).all(...values) as unknown as readonly Row[];
  const run = (text: string, ...values: readonly SQLInputValue[]): number | bigint => db.prepare(text).run(...values).changes;
  return {
    users: (tenant) => settled(() => all<UserRow>(`${USER} where tenant = ? or ? = '*' order by name`, tenant, tenant).map(toUser)),
    userNamed: (name) =>
      settled(() => {
        const row = user.get(name) as UserRow | undefined;
        return row === undefined ? undefined : toUser(row);
      }),
    addUser: ({ id, tenant, name, role, passwordHash, createdAtMs }) =>
      settled(() => {
        const insert =
          "insert into api_user (id, tenant, name, role, password_hash, created_at_ms) values (?, ?, ?, ?, ?, ?) on conflict (name) do nothing";
        return run(insert, id, tenant, name, role, passwordHash, createdAtMs) > 0;
      }),
    changeUser: (name, { role, passwordHash, disabled, tokensFromMs }) =>
      settled(() => {
        const update =
          "update api_user set role = coalesce(?, role), password_hash = coalesce(?, password_hash), disabled = coalesce(?, disabled), tokens_from_ms = coalesce(?, tokens_from_ms) where name = ?";
        run(update, role ?? null, passwordHash ?? null, disabled === undefined ? null : Number(disabled), tokensFromMs ?? null, name);
        if (passwordHash !== undefined || disabled === true) run("delete from api_refresh where user_name = ?", name);
      }),
    removeUser: (name) =>
      settled(() => {
        run("delete from api_refresh where user_name = ?", name);
        run("delete from api_user where name = ?", name);
      }),
    keys: (tenant) => settled(() => all<KeyRow>(`${KEY} where tenant = ? or ? = '*' order by id`, tenant, tenant).map(toKey)),
    keyByHash: (hash) =>
      settled(() => {
        const row = key.get(hash) as KeyRow | undefined;
        return row === undefined ? undefined : toKey(row);
      }),
    addKey: ({ id, tenant, name, scopes, hash, createdBy, createdAtMs }) =>
      settled(() => {
        const insert = "insert into api_key (id, tenant, name, scopes, hash, created_by, created_at_ms) values (?, ?, ?, ?, ?, ?, ?)";
        run(insert, id, tenant, name, scopes.join(" "), hash, createdBy, createdAtMs);
      }),
    changeKey: (id, { name, disabled }) =>
      settled(() => {
        const update = "update api_key set name = coalesce(?, name), disabled = coalesce(?, disabled) where id = ?";
        run(update, name ?? null, disabled === undefined ? null : Number(disabled), id);
      }),
    removeKey: (id) => settled(() => void run("delete from api_key where id = ?", id)),
    addRefresh: ({ id, tenant, userName, hash, expiresAtMs }) =>
      settled(() => {
        const insert = "insert into api_refresh (id, tenant, user_name, hash, expires_at_ms) values (?, ?, ?, ?, ?)";
        run(insert, id, tenant, userName, hash, expiresAtMs);
      }),
    takeRefresh: (hash, nowMs) =>
      settled(() => {
        const found = db.prepare(REFRESH).get(hash) as StoredRefresh | undefined;
        run("delete from api_refresh where expires_at_ms < ?", nowMs);
        return found !== undefined && found.expiresAtMs > nowMs ? found : undefined;
      }),
    close: () => settled(() => db.close()),
  };
}

const settled = <T>(run: () => T): Promise<T> => new Promise((resolve) => resolve(run()));
