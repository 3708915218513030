/**
 * Who is logged in here. The access token lives in memory; the refresh token in sessionStorage, so that a reload keeps
 * the session, another tab has its own, and closing the tab ends it. A refresh token is good once: requests that need
 * a new access token at the same time share one refresh.
 */
export interface Tokens {
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
}

const KEY = "tandem.refresh";
/** Refreshed so long before its end. */
const MARGIN_MS = 30_000;

let access: { readonly token: string; readonly untilMs: number } | undefined;
let refreshing: Promise<string | undefined> | undefined;
const listeners = new Set<() => void>();

export const isLoggedIn = (): boolean => access !== undefined || sessionStorage.getItem(KEY) !== null;

export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function takeTokens({ access_token, expires_in, refresh_token }: Tokens): void {
  access = { token: access_token, untilMs: Date.now() + expires_in * 1000 };
  sessionStorage.setItem(KEY, refresh_token);
  for (const listener of listeners) listener();
}

export function logOut(): void {
  access = undefined;
  sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** @param refused a token that the API has just refused; @returns undefined: nobody is logged in; @throws when it can't be known now */
export async function accessToken(refused?: string): Promise<string | undefined> {
  if (access !== undefined && access.token !== refused && Date.now() < access.untilMs - MARGIN_MS) return access.token;
  refreshing ??= refresh().finally(() => (refreshing = undefined));
  return refreshing;
}

async function refresh(): Promise<string | undefined> {
  const refreshToken = sessionStorage.getItem(KEY);
  if (refreshToken === null) return undefined;
  const answer = await fetch("/api/auth/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: refreshToken }),
  });
  if (answer.ok) {
    takeTokens((await answer.json()) as Tokens);
    return access?.token;
  }
  // Anything else than a refusal may pass, and the session with it.
  if (answer.status !== 401 && answer.status !== 422) throw new Error(`refresh: ${answer.status}`);
  logOut();
  return undefined;
}
