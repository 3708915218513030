/** Mutations of wire strings. Pure but for the random numbers, which are an argument: a seed says the same every time. */
import type { Random } from "#base/ids.ts";

const NUMBERS = [
  "0",
  "-1",
  "255",
  "256",
  "65535",
  "65536",
  "2147483647",
  "2147483648",
  "4294967296",
  "9".repeat(40),
  "1e9",
  "0x10",
  "00000000001",
  "",
];
const PIECES = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  "\r\n ",
  ";",
  ";;",
  ",",
  ":",
  "=",
  '"',
  "\\",
  "<",
  ">",
  "@",
  "?",
  "%",
  "%00",
  "%Z",
  "[",
  "]",
  "[::]",
  "::",
  "*",
  "(",
  ")",
  "sip:",
  "tel:",
  "SIP/2.0",
  "SIP/2.0/UDP ",
  "z9hG4bK",
  ";tag=",
  ";lr",
  ";rport",
  ";received=",
  "l: 5\r\n",
  "Via: \r\n",
  "m=audio 9 RTP/AVP 0\r\n",
  "a=rtpmap:0 \r\n",
  "c=IN IP4 0.0.0.0\r\n",
  "\xff\xfe",
  "a".repeat(300),
];
/** Seeds grow by splicing; what is longer than this is cut. */
const LENGTH_MAX = 8_192;
const LENGTH_RARELY_MAX = 70_000;

export function mutate(random: Random, seeds: readonly string[]): string {
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  let text = pick(seeds);
  const times = 1 + random.integer(5);
  for (let i = 0; i < times; i++) text = mutateOnce(text, random, pick, seeds);
  // One in a few thousand meets the limits of the parser.
  if (random.integer(4_000) === 0)
    return text.repeat(1 + Math.ceil(LENGTH_RARELY_MAX / (text.length + 1))).slice(0, random.integer(LENGTH_RARELY_MAX));
  return text.length > LENGTH_MAX ? text.slice(0, LENGTH_MAX) : text;
}

function mutateOnce(text: string, random: Random, pick: <T>(list: readonly T[]) => T, seeds: readonly string[]): string {
  const at = random.integer(text.length + 1);
  switch (random.integer(9)) {
    case 0: // another byte
      return text.slice(0, at) + String.fromCharCode(random.integer(256)) + text.slice(at + 1);
    case 1: // a piece put in
      return text.slice(0, at) + pick(PIECES) + text.slice(at);
    case 2: // some bytes left out
      return text.slice(0, at) + text.slice(at + 1 + random.integer(20));
    case 3: // cut off
      return text.slice(0, at);
    case 4: {
      // the tail of another seed
      const other = pick(seeds);
      return text.slice(0, at) + other.slice(random.integer(other.length + 1));
    }
    case 5: {
      // a line again, elsewhere
      const start = text.lastIndexOf("\n", at) + 1;
      const end = text.indexOf("\n", at) + 1 || text.length;
      const line = text.slice(start, end);
      const copies = random.integer(200) === 0 ? 250 : 1;
      return text.slice(0, start) + line.repeat(copies) + text.slice(start);
    }
    case 6: // a line left out
      return text.slice(0, text.lastIndexOf("\n", at) + 1) + text.slice(text.indexOf("\n", at) + 1 || text.length);
    case 7: {
      // another number
      const digits = /\d+/.exec(text.slice(at, at + 200));
      if (digits === null) return text;
      const start = at + digits.index;
      return text.slice(0, start) + pick(NUMBERS) + text.slice(start + digits[0].length);
    }
    default: // a bit flipped
      return text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << random.integer(8))) + text.slice(at + 1);
  }
}
