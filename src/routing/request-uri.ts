/** The Request-URI of a call to a peer: its uri with the called number as user (RFC 3261 §19.1.1). */

/** The peer's uri with a user: "sip:host:5060;transport=tcp" becomes "sip:+49…@host:5060;transport=tcp". */
export function requestUriOf(uri: string, user: string): string {
  const scheme = uri.indexOf(":") + 1;
  return user === "" ? uri : `${uri.slice(0, scheme)}${escapeUser(user)}@${uri.slice(scheme)}`;
}

/**
 * RFC 3261 §25.1 `user`, without ";", "?" and "/", which it allows and too many parsers trip over.
 * Chars up to 255 are bytes of a wire string; others (a name from the configuration) go as UTF-8.
 */
export function escapeUser(user: string): string {
  if (/^[A-Za-z0-9+]*$/.test(user)) return user;
  return user.replace(/[^A-Za-z0-9\-_.!~*'()&=+$,]/gu, (char) =>
    char.codePointAt(0)! < 256
      ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
      : [...new TextEncoder().encode(char)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""),
  );
}
