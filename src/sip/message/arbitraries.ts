/** Generators of valid wire parts, for property tests only: of this room and of those above it. */
import * as fc from "fast-check";
import type { HeaderField, OutgoingRequest, OutgoingResponse } from "./message.ts";

const from = (characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });

const ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
export const anyToken = from(`${ALNUM}-.!%*_+\`'~`, 1, 12);
export const anyByteString = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
/** Field text: no line breaks, no blanks at either end. */
export const anyFieldText = fc
  .string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 60 })
  .map((text) => text.replace(/^ +| +$/g, ""));

export const anyHost = fc.oneof(
  from(`${ALNUM}-`, 1, 10).map((label) => `h${label}.example`),
  fc.ipV4(),
  fc.ipV6().filter((address) => !address.includes("%")),
);
export const anyPort = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
export const anyParameters = fc
  .uniqueArray(fc.tuple(from("abcdefgh-", 1, 6), fc.option(from(`${ALNUM}-.:`, 1, 8), { nil: undefined })), {
    selector: ([name]) => name,
    maxLength: 4,
  })
  .map((entries) => new Map(entries));

const anyName = anyToken.filter((name) => !["content-length", "l"].includes(name.toLowerCase()));
const anyHeaders: fc.Arbitrary<HeaderField[]> = fc.array(fc.tuple(anyName, anyFieldText), { maxLength: 12 });

export const anyOutgoingRequest: fc.Arbitrary<OutgoingRequest> = fc.record(
  {
    method: anyToken.filter((method) => !method.startsWith("SIP/")),
    requestUri: from(`${ALNUM}:@;=.-`, 1, 30),
    headers: anyHeaders,
    body: anyByteString,
  },
  { noNullPrototype: true },
);
export const anyOutgoingResponse: fc.Arbitrary<OutgoingResponse> = fc.record(
  {
    status: fc.integer({ min: 100, max: 699 }),
    reasonPhrase: anyFieldText,
    headers: anyHeaders,
    body: anyByteString,
  },
  { noNullPrototype: true },
);
