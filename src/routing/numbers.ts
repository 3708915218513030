/**
 * Numbers at the edge: canonical on entry by the sender's rules, formatted on exit by the receiver's.
 *
 * Canonical is "+" and E.164 digits; a name ("ai") in lower case; or, where the rules say too little
 * (no country code, service codes such as 112 or *100), the digits as they came. Deliberately no table of
 * the world's numbering plans: a trunk says what its carrier sends.
 */
import type { NumberFormat } from "./snapshot.ts";

/** Below this a string of digits is a service code or an extension and gets no country code. */
const NATIONAL_DIGITS_MIN = 7;
/** E.164 §6: at most 15 digits. */
const E164_DIGITS_MAX = 15;

const SEPARATORS = /[-.() ]/g;
const DIALLED = /^\+?[0-9*#]+$/;
const E164 = /^\+[1-9][0-9]*$/;

/**
 * The number or name in a user part or tel: URI: scheme, parameters ("+1-555-1234;ext=7", RFC 3966 §3, also inside
 * a user part with user=phone, RFC 3261 §19.1.6) and visual separators cut; names in lower case (ASCII only: it may be a wire string).
 */
export function bareNumber(user: string): string {
  let text = /^tel:/i.test(user) ? user.replace(/^(tel:)+/i, "") : user;
  const semicolon = text.indexOf(";");
  if (semicolon >= 0) text = text.slice(0, semicolon);
  if (DIALLED.test(text)) return text;
  const digits = text.replace(SEPARATORS, "");
  if (DIALLED.test(digits)) return digits;
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/** True for "+" and digits: what formats apply to. */
export const isE164 = (number: string): boolean => E164.test(number) && number.length <= E164_DIGITS_MAX + 1;

export function toCanonical(user: string, format: NumberFormat): string {
  const number = bareNumber(user);
  // A global number, a name, a service code with * or #.
  if (number === "" || !/^[0-9]+$/.test(number)) return number;

  const international = internationalPrefixOf(format);
  if (international !== "" && startsWithMore(number, international)) return `+${number.slice(international.length)}`;

  const { countryCode, nationalPrefix } = format;
  // Whoever is written E.164 without plus also sends it; no country code starts with 0, so "0…" stays national.
  if (format.write === "e164" && !number.startsWith("0") && number.length > NATIONAL_DIGITS_MIN) return `+${number}`;
  if (countryCode === "") return number;
  if (nationalPrefix !== "" && startsWithMore(number, nationalPrefix) && !isWholeE164(number, format)) {
    return `+${countryCode}${number.slice(nationalPrefix.length)}`;
  }
  if (isWholeE164(number, format)) return `+${number}`;
  return number.length >= NATIONAL_DIGITS_MIN ? `+${countryCode}${number}` : number;
}

/** How the number is written towards a peer. @param received the text that came in, for "as-received" */
export function formatNumber(canonical: string, format: NumberFormat, received: string): string {
  if (format.write === "as-received") return bareNumber(received);
  if (!isE164(canonical)) return canonical;
  const digits = canonical.slice(1);
  switch (format.write) {
    case "+e164":
      return canonical;
    case "e164":
      return digits;
    case "00e164":
      return internationalPrefixOf(format) + digits;
    case "national": {
      const { countryCode, nationalPrefix } = format;
      if (countryCode !== "" && digits.startsWith(countryCode) && digits.length - countryCode.length >= NATIONAL_DIGITS_MIN) {
        return nationalPrefix + digits.slice(countryCode.length);
      }
      return format.internationalPrefix === "" ? canonical : format.internationalPrefix + digits;
    }
  }
}

function internationalPrefixOf(format: NumberFormat): string {
  return format.internationalPrefix === "" && format.write === "00e164" ? "00" : format.internationalPrefix;
}

const startsWithMore = (number: string, prefix: string): boolean =>
  number.startsWith(prefix) && number.length - prefix.length >= NATIONAL_DIGITS_MIN;

/**
 * Country code and national number without plus. The +1 and +7 zones have 11 digits, so a shorter one is national;
 * elsewhere lengths don't tell, and who is written national numbers sends national numbers.
 */
function isWholeE164(number: string, { countryCode, write }: NumberFormat): boolean {
  if (!number.startsWith(countryCode)) return false;
  if (countryCode.length === 1) return number.length === 11;
  return write !== "national" && number.length >= countryCode.length + NATIONAL_DIGITS_MIN;
}
