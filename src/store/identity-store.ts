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

/** All answer at once and throw what the database says. `tenant` "*": every tenant's. */
export interface IdentityStore {
  users(tenant: string): readonly StoredUser[];
  userNamed(name: string): StoredUser | undefined;
  /** False: the name is taken. */
  addUser(user: StoredUser): boolean;
  /** Refresh tokens go with a new password and with being disabled. */
  changeUser(name: string, change: UserChange): void;
  /** With refresh tokens. */
  removeUser(name: string): void;
  keys(tenant: string): readonly StoredKey[];
  keyByHash(hash: string): StoredKey | undefined;
  addKey(key: StoredKey): void;
  changeKey(id: string, change: KeyChange): void;
  removeKey(id: string): void;
  addRefresh(refresh: StoredRefresh): void;
  /** Takes it out: each may be used once. Those that expired go with it. */
  takeRefresh(hash: string, nowMs: number): StoredRefresh | undefined;
  close(): void;
}

const MS_DIGITS = 13;
/** In order of time. @param random so many hex digits that nobody guesses or repeats it */
export const identityId = (atMs: number, random: string): string => `${String(atMs).padStart(MS_DIGITS, "0")}-${random}`;
