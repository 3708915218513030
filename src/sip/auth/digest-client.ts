/**
 * Answering challenges (RFC 3261 §22.2, §22.3; RFC 7616 §3.4; RFC 8760 §2.4) as a pure function: what we
 * remember of a server, and its refusal, become what we say next, or why we stop.
 *
 * Of several challenges for one realm the strongest is answered. A password is tried once for each request;
 * a nonce that only grew old is renewed once. Deliberately without Authentication-Info: SIP servers that
 * rotate nonces challenge again.
 */
import type { HeaderField, ReceivedResponse } from "#sip/message/message.ts";
import { ALGORITHMS, type Qop, digestResponse } from "./algorithms.ts";
import { type Challenge, parseChallenges, writeCredentials } from "./parse-digest.ts";

/** A text that shows itself only when asked. */
export interface Secret {
  reveal(): string;
}

/** What a server knows us by. */
export interface Account {
  readonly username: string;
  /** Tried in order; more than one while it is being changed. Never empty. */
  readonly passwords: readonly Secret[];
  /** Only challenges of this realm are answered; undefined: of any. */
  readonly realm: string | undefined;
}

/** One protection space: the user agent server's (401) or a proxy's (407), by realm. */
interface Space {
  readonly proxy: boolean;
  readonly challenge: Challenge;
  /** Of our last request with this nonce. */
  readonly nonceCount: number;
  readonly cnonce: string;
  /** The nonce is of an earlier request, so that it may have grown old since. */
  readonly cached: boolean;
  /** Its nonce was renewed for the present request. */
  readonly renewed: boolean;
}

export interface DigestMemory {
  readonly spaces: readonly Space[];
  /** Index of the password in use. */
  readonly password: number;
  /** Passwords that the present request was refused with. */
  readonly refused: number;
  /** Challenges of the present request that were answered. */
  readonly rounds: number;
}

export const NO_MEMORY: DigestMemory = { spaces: [], password: 0, refused: 0, rounds: 0 };

export type Answered =
  | { readonly type: "again"; readonly memory: DigestMemory }
  /** Nothing that we could say would help. */
  | { readonly type: "refused"; readonly memory: DigestMemory; readonly reason: string };

/** Realms on the way that may each want an answer. */
const SPACES_MAX = 4;
/** Of one request: proxies in a row, each with an old nonce, and two passwords. */
const ROUNDS_MAX = 8;

/** A new request begins: what was learned stays, what was tried may be tried again. */
export function beginRequest(memory: DigestMemory): DigestMemory {
  if (memory.spaces.length === 0 && memory.rounds === 0) return memory;
  return { ...memory, rounds: 0, refused: 0, spaces: memory.spaces.map((space) => ({ ...space, cached: true, renewed: false })) };
}

/**
 * A 401 or 407 came.
 * @param makeCnonce fresh, unpredictable text without quotes
 */
export function answerChallenges(memory: DigestMemory, response: ReceivedResponse, account: Account, makeCnonce: () => string): Answered {
  const refused = (reason: string): Answered => ({ type: "refused", memory, reason });
  const asked = [
    ...parseChallenges(response.headerLines("WWW-Authenticate")).map((challenge) => ({ proxy: false, challenge })),
    ...parseChallenges(response.headerLines("Proxy-Authenticate")).map((challenge) => ({ proxy: true, challenge })),
  ];
  if (asked.length === 0) return refused(`${response.status} without a challenge that can be answered`);
  const ours = asked.filter(({ challenge }) => account.realm === undefined || challenge.realm === account.realm);
  if (ours.length === 0) return refused(`challenged for realm ${asked[0]!.challenge.realm}, and credentials are for ${account.realm}`);
  if (memory.rounds >= ROUNDS_MAX) return refused("challenged again and again");

  const spaces = [...memory.spaces];
  let wrong = false;
  for (const { proxy, challenge } of strongest(ours)) {
    const at = spaces.findIndex((space) => space.proxy === proxy && space.challenge.realm === challenge.realm);
    const known = spaces[at];
    const next = { proxy, challenge, nonceCount: 0, cnonce: makeCnonce(), cached: false };
    if (known === undefined) {
      if (spaces.length < SPACES_MAX) spaces.push({ ...next, renewed: false });
      continue;
    }
    // RFC 7616 §3.3: stale says that name and password were right. Some servers forget a nonce without saying so.
    const old = challenge.stale || (known.cached && challenge.nonce !== known.challenge.nonce);
    if (old && known.renewed) return refused("the nonce was refused as stale twice");
    if (!old) wrong = true;
    spaces[at] = { ...next, renewed: known.renewed || old };
  }
  const again = { ...memory, spaces, rounds: memory.rounds + 1 };
  if (!wrong) return { type: "again", memory: again };
  const reason = `user ${account.username} or its password was refused`;
  if (memory.refused + 1 >= account.passwords.length) return { type: "refused", memory: forgetful(again), reason };
  return { type: "again", memory: otherPassword(again, account) };
}

/** The server refused in another way than by a challenge, as some do: the next password, if one is left. */
export function tryOtherPassword(memory: DigestMemory, account: Account): DigestMemory | undefined {
  if (memory.spaces.length === 0 || memory.refused + 1 >= account.passwords.length || memory.rounds >= ROUNDS_MAX) return undefined;
  return otherPassword({ ...memory, rounds: memory.rounds + 1 }, account);
}

const otherPassword = (memory: DigestMemory, { passwords }: Account): DigestMemory => ({
  ...memory,
  refused: memory.refused + 1,
  password: (memory.password + 1) % passwords.length,
});

/** What was refused is not said again unasked. */
const forgetful = (memory: DigestMemory): DigestMemory => ({ ...memory, spaces: [] });

function strongest<T extends { readonly proxy: boolean; readonly challenge: Challenge }>(asked: readonly T[]): readonly T[] {
  const best = new Map<string, T>();
  for (const one of asked) {
    const key = `${one.proxy} ${one.challenge.realm}`;
    const other = best.get(key);
    if (other === undefined || strength(one.challenge) > strength(other.challenge)) best.set(key, one);
  }
  return [...best.values()];
}
const strength = ({ algorithm }: Challenge): number => ALGORITHMS.indexOf(algorithm);

/** The request that is about to be sent. `uri` is its Request-URI. */
export interface Authorized {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
}

/** Authorization and Proxy-Authorization for a request; each call uses the nonces once more. */
export function authorize(
  memory: DigestMemory,
  account: Account,
  { method, uri, body }: Authorized,
): { readonly memory: DigestMemory; readonly headers: readonly HeaderField[] } {
  if (memory.spaces.length === 0) return { memory, headers: [] };
  const password = account.passwords[memory.password]?.reveal() ?? "";
  const spaces = memory.spaces.map((space) => ({ ...space, nonceCount: space.nonceCount + 1 }));
  const headers = spaces.map(({ proxy, challenge, nonceCount, cnonce }): HeaderField => {
    const { realm, nonce, algorithm, opaque } = challenge;
    const qop = preferred(challenge.qops);
    const said = {
      username: account.username,
      realm,
      nonce,
      uri,
      algorithm,
      opaque,
      qop,
      cnonce,
      nonceCount: qop === undefined ? "" : nonceCount.toString(16).padStart(8, "0"),
    };
    const response = digestResponse({ ...said, password, method, body });
    return [proxy ? "Proxy-Authorization" : "Authorization", writeCredentials({ ...said, response })];
  });
  return { memory: { ...memory, spaces }, headers };
}

/** auth-int would bind the body, which a proxy on the way may rewrite. */
const preferred = (qops: readonly Qop[]): Qop | undefined => (qops.includes("auth") ? "auth" : qops[0]);
