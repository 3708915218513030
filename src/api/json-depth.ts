/**
 * How deep brackets stand in each other and how many values there are, before JSON is read: reading takes any depth, and
 * everything that walks the value afterwards (hashing, comparing, writing it again) takes only what the stack does. And
 * 32 MB of "{}," become a gigabyte of objects: memory that a thread can't get ends the process, with its calls.
 */
export const DEPTH_MAX = 100;
/** Ten thousand numbers with fifty fields each. */
export const VALUES_MAX = 500_000;

/** @returns what is wrong; undefined: it may be read */
export function whyNotRead(json: string): string | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(json, at + 1);
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > DEPTH_MAX) return `brackets stand in each other more than ${DEPTH_MAX} deep`;
      values++;
    } else if (code === 0x2c) values++;
    else if (code === 0x5d || code === 0x7d) depth--;
    if (values > VALUES_MAX) return `more than ${VALUES_MAX} values: send it in parts`;
  }
  return undefined;
}

/** Where the closing quote is; the end of the text where there is none. */
function endOfString(json: string, from: number): number {
  for (let at = from; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at;
  }
  return json.length;
}

/** Lines and values of a file of resources; a hundred thousand numbers have a third of it. */
export const FILE_PARTS_MAX = 1_500_000;
const PARTS = new Set([...",\n[{"].map((one) => one.charCodeAt(0)));

/** The same for YAML, of which brackets and quotes say less. */
export function hasTooManyParts(text: string, most = FILE_PARTS_MAX): boolean {
  let parts = 0;
  for (let at = 0; at < text.length; at++) if (PARTS.has(text.charCodeAt(at)) && ++parts > most) return true;
  return false;
}
