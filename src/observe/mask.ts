/**
 * What a log may say of numbers and secrets. Numbers keep their beginning and their last two digits, so
 * that a country and two calls can be told apart; credentials (RFC 3261 §20.7, §20.28) never appear.
 */

/** A number: 6 or more digits in a row, "+" or not; that is no address, port or time. Or whatever digits a URI is for. */
const NUMBER = /(?<=\b(?:sips?|tel):)\+?\d{6,15}(?=[@;>\s]|$)|(?<![\d.:@[])\+?\d{6,15}(?![\d.]\d|:)/gi;
const HIDDEN = "***";

export function maskNumber(text: string): string {
  return text.replace(NUMBER, (number) => {
    const shown = number.startsWith("+") ? 4 : 3;
    return number.slice(0, shown) + HIDDEN + number.slice(-2);
  });
}

const CREDENTIALS = /^((?:proxy-)?authorization[ \t]*:[ \t]*)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)/gim;
/** Keys of SRTP in SDP (RFC 4568 §6.1, RFC 4567): whoever has one hears the call. */
const MEDIA_KEYS = /(?<=\binline:|^a=key-mgmt:\S+[ \t]+)[^\s|;]+/gim;

/** Cheap, for each message: false is sure for all spellings that are in use. */
export const mayHoldSecrets = (wire: string): boolean =>
  wire.includes("uthorization") || wire.includes("UTHORIZATION") || wire.includes("inline:") || wire.includes("key-mgmt:");

/** A SIP message without the answers to digest challenges, folded lines included, and without media keys. */
export const maskCredentials = (wire: string): string =>
  wire
    .replace(CREDENTIALS, (_, name: string, value: string) => `${name}${/\S+/.exec(value)?.[0] ?? ""} ${HIDDEN}`)
    // As long as it was: Content-Length stays true.
    .replace(MEDIA_KEYS, (key) => "*".repeat(key.length));
