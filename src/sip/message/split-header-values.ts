/** Comma-separated header values (RFC 3261 §7.3.1): the comma inside quotes, <> and comments divides nothing. */
import { BACKSLASH, COMMA, GREATER, LESS, QUOTE, skipQuoted } from "./characters.ts";

const OPEN = 0x28;
const CLOSE = 0x29;

/** Each value trimmed; empty ones are left out. What opens and never closes reaches to the end. */
export function splitHeaderValues(line: string): string[] {
  if (!line.includes(",")) {
    const only = line.trim();
    return only === "" ? [] : [only];
  }
  const values: string[] = [];
  let start = 0;
  let at = 0;
  let literalBefore = 0;
  const push = (end: number): void => {
    const value = line.slice(start, end).trim();
    if (value !== "") values.push(value);
  };
  while (at < line.length) {
    const code = line.charCodeAt(at);
    if (code === COMMA) {
      push(at);
      start = ++at;
    } else if (code === QUOTE) {
      const end = skipQuoted(line, at);
      at = end < 0 ? line.length : end;
    } else if (code === LESS) {
      const end = line.indexOf(">", at);
      at = end < 0 ? line.length : end + 1;
    } else if (code === OPEN && at >= literalBefore) {
      const end = skipComment(line, at);
      if (end < 0) literalBefore = ~end;
      at = end < 0 ? at + 1 : end;
    } else {
      at++;
    }
  }
  push(line.length);
  return values;
}

/**
 * Position after the comment that opens at `at`. "(" is also a character of URIs: without its ")" it opens
 * nothing, and ~end says how far that was looked for, so that nobody looks there again.
 */
function skipComment(line: string, at: number): number {
  let depth = 0;
  let i = at;
  for (; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === OPEN) depth++;
    else if (code === CLOSE && --depth === 0) return i + 1;
    else if (code === GREATER || code === LESS) break;
  }
  return ~i;
}
