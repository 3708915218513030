/**
 * Which international numbers a carrier may take a text for: "00881…", "011881…", "881…" and "*31#00881…" ring the same
 * satellite as "+881…". What is denied is denied in every writing; what is allowed must be written whole.
 *
 * Deliberately no national readings: a trunk's own numbers say those (numbers.ts).
 */
import { isE164 } from "./numbers.ts";

/** International prefixes that countries dial with (ITU-T E.164 annexes); zeros before them are a way out of a PBX. */
const INTERNATIONAL = /^(?:0+11|810|00+)(?=[1-9])/;
/** Service codes before a number: "*67", "#31#". */
const SERVICE_CODE = [/^[*#][0-9]{2}[*#]?/, /^[*#][0-9]{3}[*#]?/];
/** A shorter one is nobody's without its country code. */
const REST_DIGITS_MIN = 6;
/** As many as a premium or satellite number has; national numbers of so many digits begin with a zero nearly everywhere. */
const WHOLE_DIGITS_MIN = 11;

/** @param number as it would be dialled, canonical where it can be */
export function readingsOf(number: string): readonly string[] {
  if (isE164(number)) return [number];
  const found = new Set<string>([number]);
  const begins = [number.replace(/^\+/, ""), ...SERVICE_CODE.map((code) => number.replace(code, ""))];
  for (const one of begins) {
    const digits = one.replace(/[^0-9]/g, "");
    const rest = digits.replace(INTERNATIONAL, "");
    if (rest !== digits && rest.length >= REST_DIGITS_MIN) found.add(`+${rest}`);
    if (!digits.startsWith("0") && (number.startsWith("+") || digits.length >= WHOLE_DIGITS_MIN)) found.add(`+${digits}`);
  }
  return [...found];
}
