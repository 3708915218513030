/**
 * Credentials of a configuration: passwords from the file itself, the environment or files of their own, and
 * how the fields of a trunk become accounts and registrations.
 */
import { textToWire } from "#base/bytes.ts";
import { DIGEST_ALGORITHMS, type DigestUser, type PeerAccount, type RegisterPolicy, Secret } from "#routing/accounts.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import type { AccountFields, RegisterFields, SecretFields } from "./account-schema.ts";
import { parsePeerUri } from "./peer-uri.ts";
import type { Note } from "./check-listeners.ts";
import type { Environment } from "./places.ts";
import type { Finding, Path, Placed } from "./reading.ts";

/** Passwords of each record that has some: of a trunk's or gateway's fields, and of their `digest`. */
export type Secrets = ReadonlyMap<object, readonly Secret[]>;

interface Holder extends AccountFields {
  readonly register?: RegisterFields | undefined;
}

/** Reads what environment and files hold; what isn't there is a finding. */
export function readSecrets(
  sections: { readonly trunks: readonly Placed<Holder>[]; readonly gateways: readonly Placed<Holder>[] },
  env: Environment,
  readFile: (path: string) => string,
): { readonly secrets: Secrets; readonly findings: readonly Finding[] } {
  const secrets = new Map<object, readonly Secret[]>();
  const findings: Finding[] = [];
  const note: Note = (path, message, remedy) => void findings.push({ path, message, remedy });
  const read = (fields: SecretFields, path: Path): void => {
    const found = [...(fields.password === undefined ? [] : [fields.password]), ...fields.passwords];
    if (fields.password_env !== undefined) {
      const value = env[fields.password_env];
      if (value !== undefined && value !== "") found.push(value);
      else
        note(
          [...path, "password_env"],
          `the environment has no ${fields.password_env}`,
          "set it for the process that starts Tandem, e.g. in its systemd unit",
        );
    }
    if (fields.password_file !== undefined) found.push(...passwordsIn(fields.password_file, readFile, [...path, "password_file"], note));
    if (found.length > 0)
      secrets.set(
        fields,
        found.map((one) => new Secret(textToWire(one))),
      );
  };
  for (const section of ["trunks", "gateways"] as const) {
    for (const { index, value } of sections[section]) {
      read(value, [section, index]);
      if (value.digest !== undefined) read(value.digest, [section, index, "digest"]);
      checkWhole(value, secrets, [section, index], note);
    }
  }
  return { secrets, findings };
}

/** One password a line, so that two may be valid while one replaces the other. */
function passwordsIn(path: string, readFile: (path: string) => string, at: Path, note: Note): readonly string[] {
  try {
    const lines = readFile(path)
      .split(/\r?\n/)
      .filter((line) => line !== "");
    if (lines.length === 0) note(at, `${path} is empty`, "one line with the password");
    return lines;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    note(at, `${path} can't be read: ${code}`, "a file that Tandem's user may read, with one line");
    return [];
  }
}

function checkWhole(fields: Holder, secrets: Secrets, path: Path, note: Note): void {
  const named = fields.username ?? fields.auth_username ?? fields.register?.auth_username;
  const wanted = fields.password_env !== undefined || fields.password_file !== undefined;
  if (named === undefined && secrets.has(fields)) note(path, "a password without a user name", "username: as the provider wrote it");
  if (named !== undefined && !secrets.has(fields) && !wanted && fields.register === undefined)
    note(path, `user name ${named} without a password`, "password, password_env or password_file");
  if (
    fields.digest !== undefined &&
    !secrets.has(fields.digest) &&
    fields.digest.password_env === undefined &&
    fields.digest.password_file === undefined
  )
    note([...path, "digest"], `digest user ${fields.digest.username} has no password`, "password, password_env or password_file");
}

/** @param peerUri the trunk's own, where registering names no registrar */
export function toAccounts(
  fields: Holder & { readonly from_domain: string },
  peerUri: string | undefined,
  listener: string,
  secrets: Secrets,
) {
  const { register, digest } = fields;
  const username = register?.auth_username ?? fields.auth_username ?? fields.username;
  const passwords = secrets.get(fields);
  const realm = register?.realm ?? fields.realm;
  const account: PeerAccount | undefined =
    username === undefined || passwords === undefined
      ? undefined
      : { username: textToWire(username), passwords, realm: realm === undefined ? undefined : textToWire(realm) };
  const digestPasswords = digest === undefined ? undefined : secrets.get(digest);
  const digestUser: DigestUser | undefined =
    digest === undefined || digestPasswords === undefined
      ? undefined
      : {
          username: textToWire(digest.username),
          passwords: digestPasswords,
          realm: digest.realm === undefined ? undefined : textToWire(digest.realm),
          algorithms: DIGEST_ALGORITHMS.filter((one) => digest.algorithms.includes(one)),
        };
  const outboundProxy = fields.outbound_proxy ?? register?.outbound_proxy;
  return {
    ...(account === undefined ? {} : { account }),
    ...(digestUser === undefined ? {} : { digest: digestUser }),
    ...(outboundProxy === undefined ? {} : { outboundProxy }),
    ...(register === undefined ? {} : { register: toRegister(fields, register, peerUri, listener) }),
  };
}

function toRegister(
  fields: Holder & { readonly from_domain: string },
  register: RegisterFields,
  peerUri: string | undefined,
  listener: string,
): RegisterPolicy {
  const registrar = register.registrar ?? peerUri ?? "";
  const host = parsePeerUri(registrar)?.host ?? "";
  return {
    registrar,
    user: textToWire(register.user ?? fields.username ?? register.auth_username ?? fields.auth_username ?? ""),
    // The domain of an address of record has no port, whatever the registrar's has.
    domain: register.from_domain ?? (fields.from_domain === "" ? (host.includes(":") ? `[${host}]` : host) : fields.from_domain),
    contactParameters: register.contact_params,
    expiresS: register.expires_s,
    listener: register.listener ?? listener,
  };
}

/** What only the whole configuration shows. @param others peers that are not looked at, but have their digest users */
export function checkAccounts(
  peers: readonly (readonly [peer: Peer, path: Path])[],
  listeners: ReadonlySet<string>,
  error: Note,
  warn: Note,
  others: readonly Peer[] = [],
): void {
  const digestUsers = new Map<string, string>();
  for (const { name, digest } of others) if (digest !== undefined) digestUsers.set(digest.username, name);
  for (const [peer, path] of peers) {
    const register = peer.kind === "trunk" ? peer.register : undefined;
    if (register !== undefined) {
      if (register.registrar === "")
        error([...path, "register"], `${peer.name} names no registrar`, "register: { registrar: sip.example.com }, or a uri");
      if (register.user === "") error([...path, "register"], `${peer.name} has no user to register`, "username: as the provider wrote it");
      if (register.listener !== "" && !listeners.has(register.listener))
        error([...path, "register", "listener"], `there is no listener ${register.listener}`, `one of ${[...listeners].join(", ")}`);
      if (peer.account === undefined)
        warn(
          [...path, "register"],
          `${peer.name} registers without a password`,
          "username and password, unless the provider knows us by our address",
        );
    }
    if (peer.digest === undefined) continue;
    const first = digestUsers.get(peer.digest.username);
    if (first === undefined) digestUsers.set(peer.digest.username, peer.name);
    else
      error(
        [...path, "digest", "username"],
        `digest user ${peer.digest.username} is ${first}'s already`,
        "each authentication user may stand once in the deployment",
      );
  }
}

const HIDDEN = "***";
const SECRET_LINE = /(\bpasswords?"?\s*:\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\[[^\]]*\]|[^\s,}#][^,}\r\n]*)/g;

/** The text of a configuration as it may be kept: passwords hidden, wherever they stand. */
export function withoutSecrets(configText: string, snapshot: Pick<Snapshot, "trunks" | "gateways">): string {
  let shown = configText.replace(SECRET_LINE, `$1${HIDDEN}`);
  for (const { account, digest } of [...snapshot.trunks.values(), ...snapshot.gateways.values()]) {
    for (const secret of [...(account?.passwords ?? []), ...(digest?.passwords ?? [])]) {
      const known = Buffer.from(secret.reveal(), "latin1").toString("utf8");
      shown = shown.replaceAll(known, HIDDEN);
    }
  }
  return shown;
}

/** Passwords on their way between two threads of ours, where a Secret can't go: by "trunk <name>" or "gateway <name>". */
export type CarriedSecrets = ReadonlyMap<string, { readonly account: readonly string[]; readonly digest: readonly string[] }>;

type WithPeers = Pick<Snapshot, "trunks" | "gateways">;
const textsOf = (holder: { readonly passwords: readonly Secret[] } | undefined): readonly string[] =>
  holder?.passwords.map((one) => one.reveal()) ?? [];

export function carrySecrets({ trunks, gateways }: WithPeers): CarriedSecrets {
  const carried = new Map<string, { account: readonly string[]; digest: readonly string[] }>();
  for (const { kind, name, account, digest } of [...trunks.values(), ...gateways.values()])
    if (account !== undefined || digest !== undefined)
      carried.set(`${kind} ${name}`, { account: textsOf(account), digest: textsOf(digest) });
  return carried;
}

/** @returns the peers with their passwords again; not frozen yet */
export function restoreSecrets({ trunks, gateways }: WithPeers, carried: CarriedSecrets): WithPeers {
  const whole = <P extends Peer>(peers: ReadonlyMap<string, P>): ReadonlyMap<string, P> =>
    new Map(Array.from(peers, ([name, peer]) => [name, withSecretsOf(peer, carried)] as const));
  return { trunks: whole(trunks), gateways: whole(gateways) };
}
function withSecretsOf<P extends Peer>(peer: P, carried: CarriedSecrets): P {
  const texts = carried.get(`${peer.kind} ${peer.name}`);
  if (texts === undefined) return peer;
  const secrets = (from: readonly string[]): readonly Secret[] => from.map((one) => new Secret(one));
  return {
    ...peer,
    ...(peer.account === undefined ? {} : { account: { ...peer.account, passwords: secrets(texts.account) } }),
    ...(peer.digest === undefined ? {} : { digest: { ...peer.digest, passwords: secrets(texts.digest) } }),
  };
}
