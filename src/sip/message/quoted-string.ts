/** quoted-string of RFC 3261 §25.1. Parameter values are kept as written, quotes included; these two convert. */

/** The text inside the quotes without its escapes; text that is not quoted comes back as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || text[0] !== '"' || text[text.length - 1] !== '"') return text;
  const inner = text.slice(1, -1);
  return inner.includes("\\") ? inner.replace(/\\([\s\S])/g, "$1") : inner;
}

/** Quoted and escaped; CR and LF, which no quoted-string may hold, become spaces. */
export const quote = (text: string): string => `"${text.replace(/[\r\n]/g, " ").replace(/["\\]/g, "\\$&")}"`;
