/**
 * WWW-Authenticate, Proxy-Authenticate, Authorization and Proxy-Authorization (RFC 3261 §20, §25.1;
 * RFC 7616 §3.3, §3.4), read and written. Schemes other than Digest are passed over.
 *
 * Lenient where devices err: quotes may be missing or stand where none belong, commas may be doubled.
 */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { ownText } from "#sip/message/received-message.ts";
import { quote, unquote } from "#sip/message/quoted-string.ts";
import { type Algorithm, type Qop, algorithmNamed } from "./algorithms.ts";

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: Algorithm;
  readonly opaque: string | undefined;
  readonly stale: boolean;
  /** What is offered, in order; empty for RFC 2069 servers. */
  readonly qops: readonly Qop[];
}

export interface Credentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: Algorithm;
  readonly cnonce: string;
  readonly qop: Qop | undefined;
  /** As written; "" without qop. */
  readonly nonceCount: string;
  readonly opaque: string | undefined;
}

type Fields = ReadonlyMap<string, string>;
/** Far more than any scheme has. */
const FIELDS_MAX = 40;

/** name = token | quoted-string, or a word alone. */
const PIECE = /[\s,]*([^\s,="]+)(?:\s*=\s*("(?:[^"\\]|\\[\s\S])*"|[^\s,"]*))?/y;

const SCHEME_END = /\s+[^\s,="]+\s*=/y;

/** Fields of each Digest in one header line: RFC 7235 allows several challenges there. */
function digestsIn(line: string): readonly Fields[] {
  const found: Map<string, string>[] = [];
  let current: Map<string, string> | undefined;
  for (let count = 0, at = 0; count < FIELDS_MAX; count++) {
    PIECE.lastIndex = at;
    const piece = PIECE.exec(line);
    if (piece === null) break;
    at = PIECE.lastIndex;
    const [, name = "", value] = piece;
    if (value === undefined) {
      // A word that no field follows is what an unquoted list left over, as in qop=auth,auth-int.
      SCHEME_END.lastIndex = at;
      if (!SCHEME_END.test(line)) continue;
      current = name.toLowerCase() === "digest" ? new Map() : undefined;
      if (current !== undefined) found.push(current);
    } else if (current !== undefined && !current.has(name.toLowerCase())) {
      // Nonces and realms are remembered longer than the message lives.
      current.set(name.toLowerCase(), ownText(unquote(value)));
    }
  }
  return found;
}

/** Challenges that we can answer, of all lines of one header; what we can't is left out. */
export function parseChallenges(lines: readonly string[]): readonly Challenge[] {
  return lines.flatMap((line) => digestsIn(line).flatMap((fields) => challengeOf(fields) ?? []));
}

function challengeOf(fields: Fields): Challenge | undefined {
  const algorithm = algorithmNamed(fields.get("algorithm"));
  const realm = fields.get("realm");
  const nonce = fields.get("nonce");
  if (algorithm === undefined || realm === undefined || nonce === undefined) return undefined;
  const offered = (fields.get("qop") ?? "").toLowerCase().split(/[\s,]+/);
  const qops = offered.filter((one): one is Qop => one === "auth" || one === "auth-int");
  // Protection that we don't know is no protection left out (RFC 7616 §3.3).
  if (qops.length === 0 && offered.some((one) => one !== "")) return undefined;
  return { realm, nonce, algorithm, qops, opaque: fields.get("opaque"), stale: fields.get("stale")?.toLowerCase() === "true" };
}

/** An Authorization or Proxy-Authorization value; undefined for another scheme. */
export function parseCredentials(line: string): Parsed<Credentials> | undefined {
  const fields = digestsIn(line)[0];
  if (fields === undefined) return undefined;
  const algorithm = algorithmNamed(fields.get("algorithm"));
  if (algorithm === undefined) return malformed("unknown algorithm");
  const qop = fields.get("qop")?.toLowerCase();
  if (qop !== undefined && qop !== "auth" && qop !== "auth-int") return malformed("unknown qop");
  const required = ["username", "realm", "nonce", "uri", "response", ...(qop === undefined ? [] : ["nc", "cnonce"])];
  const missing = required.find((name) => !fields.has(name));
  if (missing !== undefined) return malformed(`no ${missing}`);
  const text = (name: string): string => fields.get(name) ?? "";
  return parsed({
    username: text("username"),
    realm: text("realm"),
    nonce: text("nonce"),
    uri: text("uri"),
    response: text("response").toLowerCase(),
    algorithm,
    cnonce: text("cnonce"),
    qop,
    nonceCount: text("nc"),
    opaque: fields.get("opaque"),
  });
}

/** RFC 7616 §3.3: which values are quoted and which are not is fixed; some peers insist. */
export function writeChallenge(challenge: Challenge): string {
  const { realm, nonce, algorithm, opaque, stale, qops } = challenge;
  const parts = [`realm=${quote(realm)}`, `nonce=${quote(nonce)}`];
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`);
  if (stale) parts.push("stale=true");
  parts.push(`algorithm=${algorithm}`);
  if (qops.length > 0) parts.push(`qop="${qops.join(",")}"`);
  return `Digest ${parts.join(", ")}`;
}

/** RFC 7616 §3.4: nc, qop and algorithm stand without quotes. */
export function writeCredentials(credentials: Credentials): string {
  const { username, realm, nonce, uri, response, algorithm, cnonce, qop, nonceCount, opaque } = credentials;
  const parts = [
    `username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
  ];
  if (opaque !== undefined) parts.push(`opaque=${quote(opaque)}`);
  if (qop !== undefined) parts.push(`qop=${qop}`, `nc=${nonceCount}`);
  if (qop !== undefined || algorithm.endsWith("-sess")) parts.push(`cnonce=${quote(cnonce)}`);
  return `Digest ${parts.join(", ")}`;
}
