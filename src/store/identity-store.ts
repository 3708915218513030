/** Who may use the API, as every database behind it keeps it: users, keys, refresh tokens. Secrets only as hashes. */

export interface StoredUser {
  readonly id: string;
  /** "*": every tenant. */
  readonly tenant: string;
  /** Unique in the deployment. */
  readonly name: string;
  readonly role: string;
  readonly passwordHash: string;
  readonly createdAtMs: number;
  /** Can't log in, and no token of his is good. */
  readonly disabled: boolean;
  /** Tokens from before this are good for nothing: the password was changed then. */
  readonly tokensFromMs: number;
}
export type UserChange = Partial<Pick<StoredUser, "role" | "passwordHash" | "disabled" | "tokensFromMs">>;

export interface StoredKey {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly hash: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly disabled: boolean;
}
export type KeyChange = Partial<Pick<StoredKey, "name" | "disabled">>;

export interface StoredRefresh {
  readonly id: string;
  readonly tenant: string;
  readonly userName: string;
  readonly hash: string;
  readonly expiresAtMs: number;
}

/** `tenant` "*": every tenant's. @throws what the database says */
export interface IdentityStore {
  users(tenant: string): Promise<readonly StoredUser[]>;
  userNamed(name: string): Promise<StoredUser | undefined>;
  /** False: the name is taken. */
  addUser(user: StoredUser): Promise<boolean>;
  /** Refresh tokens go with a new password and with being disabled. */
  changeUser(name: string, change: UserChange): Promise<void>;
  /** With refresh tokens. */
  removeUser(name: string): Promise<void>;
  keys(tenant: string): Promise<readonly StoredKey[]>;
  keyByHash(hash: string): Promise<StoredKey | undefined>;
  addKey(key: StoredKey): Promise<void>;
  changeKey(id: string, change: KeyChange): Promise<void>;
  removeKey(id: string): Promise<void>;
  addRefresh(refresh: StoredRefresh): Promise<void>;
  /** Takes it out: each may be used once. Those that expired go with it. */
  takeRefresh(hash: string, nowMs: number): Promise<StoredRefresh | undefined>;
  close(): Promise<void>;
}

const MS_DIGITS = 13;
/** In order of time. @param random so many hex digits that nobody guesses or repeats it */
export const identityId = (atMs: number, random: string): string => `${String(atMs).padStart(MS_DIGITS, "0")}-${random}`;
