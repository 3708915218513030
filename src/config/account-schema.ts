/** Fields of credentials and registering, for trunks and gateways. No message ever repeats what stood in a secret. */
import { DIGEST_ALGORITHMS } from "#routing/accounts.ts";
import { readPeerUri } from "./peer-uri.ts";
import {
  type Fields,
  type Of,
  type Reader,
  integer,
  isBlank,
  isMapping,
  listOf,
  maybe,
  object,
  oneOf,
  optional,
  required,
  text,
  textLike,
  yesNo,
} from "./reading.ts";
import { shapeOf, shaped } from "./shape.ts";

const secret: Reader<string> = (value, reading) => {
  if (typeof value === "number") return String(value);
  if (typeof value !== "string" || value === "")
    return reading.note("no password here", "the password in quotes; or password_env, password_file");
  return /[\r\n\0]/.test(value) ? reading.note("a password of several lines", "one line of text") : value;
};
shaped(secret, () => ({ type: "text", secret: true }));
const userName = textLike(/^[^\s"\\]{1,255}$/, "a user name", "as the provider wrote it, without spaces and quotes");
const realm = textLike(/^[^"\\\r\n\0]{1,255}$/, "a realm", "e.g. sip.example.com");

const secretFields = {
  password: maybe(secret),
  passwords: optional(listOf(secret), []),
  password_env: maybe(textLike(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "the name of an environment variable", "e.g. TRUNK_PASSWORD")),
  password_file: maybe(textLike(/^[^\0\r\n]{1,4096}$/, "a path", "e.g. /etc/tandem/trunk.password")),
} satisfies Fields;

const digest = {
  ...secretFields,
  username: required(userName, "username: what the caller authenticates as"),
  realm: maybe(realm),
  algorithms: optional(listOf(oneOf(DIGEST_ALGORITHMS)), ["SHA-256", "MD5"] as const),
} satisfies Fields;

/** What trunks and gateways have alike. */
export const accountFields = {
  ...secretFields,
  username: maybe(userName),
  auth_username: maybe(userName),
  realm: maybe(realm),
  outbound_proxy: maybe(readPeerUri),
  digest: maybe(object(digest)),
  preset: maybe(text),
} satisfies Fields;

const contactParameter = textLike(
  /^[A-Za-z0-9\-.!%*_+`'~]+(=("[^"\\\r\n]*"|[^\s;,"]+))?$/,
  "a Contact parameter",
  'e.g. +sip.instance="<urn:uuid:…>" or reg-id=1',
);

/** @param name reads a listener's name, @param domain the domain of the address of record
 *  @returns absent or `no`: undefined; `yes`: with what follows from the other fields. */
export function registerField(name: Reader<string>, domain: Reader<string>) {
  const fields = {
    registrar: maybe(readPeerUri),
    outbound_proxy: maybe(readPeerUri),
    user: maybe(userName),
    auth_username: maybe(userName),
    realm: maybe(realm),
    from_domain: maybe(domain),
    contact_params: optional(listOf(contactParameter), []),
    expires_s: optional(integer(60, 86_400, "seconds"), 600),
    listener: maybe(name),
  } satisfies Fields;
  const read = object(fields);
  const either: Reader<Of<typeof fields> | undefined> = (value, reading) => {
    if (isMapping(value)) return read(value, reading);
    return isBlank(value) || yesNo(value, reading) !== true ? undefined : read({}, reading);
  };
  return maybe(shaped(either, () => ({ type: "either", shapes: [{ type: "yes-no" }, shapeOf(read)] })));
}

export type SecretFields = Of<typeof secretFields>;
export type AccountFields = Of<typeof accountFields>;
export type RegisterFields = NonNullable<Of<{ readonly register: ReturnType<typeof registerField> }>["register"]>;
