/**
 * Payload formats: from an m-line with rtpmap, fmtp and the static table (RFC 3551 §6), and what we know of
 * each codec, which is what may pass to another party: the spelling of its name, its rates, and the fmtp
 * parameters with the form of their values. An unknown codec or parameter never passes.
 */
import type { Codec, MediaDescription } from "./description.ts";
import { decimal, isKept } from "./parse-sdp.ts";

/** RFC 3551 tables 4 and 5, audio. */
const STATIC: ReadonlyMap<number, readonly [name: string, clockRateHz: number, channels: number]> = new Map([
  [0, ["PCMU", 8000, 1]],
  [3, ["GSM", 8000, 1]],
  [4, ["G723", 8000, 1]],
  [5, ["DVI4", 8000, 1]],
  [6, ["DVI4", 16000, 1]],
  [7, ["LPC", 8000, 1]],
  [8, ["PCMA", 8000, 1]],
  // RFC 3551 §4.5.2: sampled at 16 kHz, counted at 8 kHz.
  [9, ["G722", 8000, 1]],
  [10, ["L16", 44100, 2]],
  [11, ["L16", 44100, 1]],
  [12, ["QCELP", 8000, 1]],
  [13, ["CN", 8000, 1]],
  [14, ["MPA", 90000, 1]],
  [15, ["G728", 8000, 1]],
  [16, ["DVI4", 11025, 1]],
  [17, ["DVI4", 22050, 1]],
  [18, ["G729", 8000, 1]],
] as const);

const PAYLOAD_TYPE_MAX = 127;
const CLOCK_RATE_MAX = 192_000;
const CHANNELS_MAX = 255;

/** By the attributes, which calls with the same peer share (parse-sdp.ts). */
const READ = new Map<
  MediaDescription["attributes"],
  { readonly formats: MediaDescription["formats"]; readonly codecs: readonly Codec[] }
>();
const READ_MAX = 256;
/** Of the others only the last: one description is asked for several times in a row, and never changes. */
let lastMedia: MediaDescription | undefined;
let lastCodecs: readonly Codec[] = [];

/** The formats in the order of the m-line; those that nobody described are left out. */
export function codecsOf(media: MediaDescription): readonly Codec[] {
  if (media === lastMedia) return lastCodecs;
  const { formats, attributes } = media;
  const read = READ.get(attributes);
  if (read?.formats === formats) return read.codecs;
  const codecs = readCodecs(media);
  if (isKept(attributes)) {
    if (READ.size === READ_MAX) READ.clear();
    READ.set(attributes, { formats, codecs });
  } else {
    lastMedia = media;
    lastCodecs = codecs;
  }
  return codecs;
}

// By payload type; filled and emptied by `readCodecs`.
const RTPMAPS: (string | undefined)[] = Array.from({ length: PAYLOAD_TYPE_MAX + 1 });
const FMTPS: (string | undefined)[] = Array.from({ length: PAYLOAD_TYPE_MAX + 1 });
const SEEN = new Uint8Array(PAYLOAD_TYPE_MAX + 1);

function readCodecs(media: MediaDescription): Codec[] {
  for (const { name, value } of media.attributes) {
    const into = name === "rtpmap" ? RTPMAPS : name === "fmtp" ? FMTPS : undefined;
    if (into === undefined || value === undefined) continue;
    const space = value.indexOf(" ");
    const payloadType = decimal(value.slice(0, space), PAYLOAD_TYPE_MAX);
    if (space > 0 && payloadType !== undefined) into[payloadType] ??= value.slice(space + 1).trim();
  }
  const codecs: Codec[] = [];
  for (const format of media.formats) {
    const payloadType = decimal(format, PAYLOAD_TYPE_MAX);
    if (payloadType === undefined || SEEN[payloadType] === 1) continue;
    SEEN[payloadType] = 1;
    const described = RTPMAPS[payloadType];
    const format3551 = described === undefined ? STATIC.get(payloadType) : parseRtpmap(described);
    if (format3551 === undefined) continue;
    const [name, clockRateHz, channels] = format3551;
    codecs.push({ payloadType, name, clockRateHz, channels, fmtp: FMTPS[payloadType] });
  }
  RTPMAPS.fill(undefined);
  FMTPS.fill(undefined);
  SEEN.fill(0);
  return codecs;
}

/** "opus/48000/2" (RFC 8866 §6.6). */
function parseRtpmap(text: string): readonly [name: string, clockRateHz: number, channels: number] | undefined {
  const [name, rate, channels = "1"] = text.split("/");
  const clockRateHz = decimal(rate ?? "", CLOCK_RATE_MAX);
  const count = decimal(channels, CHANNELS_MAX);
  return name === undefined || name === "" || clockRateHz === undefined || count === undefined ? undefined : [name, clockRateHz, count];
}

/** What we know of a codec. Audio codecs carry speech; the others accompany one. */
export interface KnownCodec {
  readonly name: string;
  readonly speech: boolean;
  readonly clockRatesHz: readonly number[];
  readonly channelsMax: number;
  /** Parameter names in lower case → form of the value. */
  readonly fmtp: ReadonlyMap<string, RegExp>;
  /** Form of an fmtp that is no list of parameters (telephone-event, red). */
  readonly fmtpValue?: RegExp;
}

const NUMBER = /^\d{1,7}$/;
const BIT = /^[01]$/;
const NUMBERS = /^\d{1,3}(?:,\d{1,3}){0,15}$/;
const YES_NO = /^(?:yes|no)$/;
const RATE_RANGE = /^\d{1,3}(?:\.\d{1,2})?(?:-\d{1,3}(?:\.\d{1,2})?)?$/;
const BAND_RANGE = /^(?:nb|wb|swb|fb)(?:-(?:nb|wb|swb|fb))?$/;

const NOTHING: ReadonlyMap<string, RegExp> = new Map();
const OPUS = new Map([
  ["maxplaybackrate", NUMBER],
  ["sprop-maxcapturerate", NUMBER],
  ["minptime", NUMBER],
  ["maxaveragebitrate", NUMBER],
  ["stereo", BIT],
  ["sprop-stereo", BIT],
  ["cbr", BIT],
  ["useinbandfec", BIT],
  ["usedtx", BIT],
]);
const AMR = new Map([
  ["octet-align", BIT],
  ["mode-set", NUMBERS],
  ["mode-change-period", NUMBER],
  ["mode-change-capability", NUMBER],
  ["mode-change-neighbor", BIT],
  ["crc", BIT],
  ["robust-sorting", BIT],
  ["interleaving", NUMBER],
  ["max-red", NUMBER],
]);
const EVS = new Map([
  ["br", RATE_RANGE],
  ["br-send", RATE_RANGE],
  ["br-recv", RATE_RANGE],
  ["bw", BAND_RANGE],
  ["bw-send", BAND_RANGE],
  ["bw-recv", BAND_RANGE],
  ["ch-aw-recv", /^-?\d$/],
  ["cmr", /^-?\d$/],
  ["dtx", BIT],
  ["dtx-recv", BIT],
  ["hf-only", BIT],
  ["evs-mode-switch", BIT],
  ["max-red", NUMBER],
  ["mode-set", NUMBERS],
]);

const speech = (
  name: string,
  clockRatesHz: readonly number[],
  fmtp: ReadonlyMap<string, RegExp> = NOTHING,
  channelsMax = 1,
): KnownCodec => ({
  name,
  speech: true,
  clockRatesHz,
  channelsMax,
  fmtp,
});
const beside = (name: string, fmtpValue?: RegExp): KnownCodec => ({
  name,
  speech: false,
  clockRatesHz: [8000, 16000, 24000, 32000, 44100, 48000],
  channelsMax: 2,
  fmtp: NOTHING,
  ...(fmtpValue === undefined ? {} : { fmtpValue }),
});

const KNOWN: ReadonlyMap<string, KnownCodec> = new Map(
  [
    speech("PCMU", [8000, 16000]),
    speech("PCMA", [8000, 16000]),
    speech("G722", [8000]),
    speech("GSM", [8000]),
    speech(
      "G723",
      [8000],
      new Map([
        ["bitrate", RATE_RANGE],
        ["annexa", YES_NO],
      ]),
    ),
    speech("G728", [8000]),
    speech("G729", [8000], new Map([["annexb", YES_NO]])),
    speech("G726-16", [8000]),
    speech("G726-24", [8000]),
    speech("G726-32", [8000]),
    speech("G726-40", [8000]),
    speech("iLBC", [8000], new Map([["mode", /^[23]0$/]])),
    speech(
      "speex",
      [8000, 16000, 32000],
      new Map([
        ["vbr", /^(?:on|off|vad)$/],
        ["cng", /^(?:on|off)$/],
        ["mode", NUMBER],
      ]),
    ),
    speech("opus", [48000], OPUS, 2),
    speech("L16", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000], NOTHING, 2),
    speech("AMR", [8000], AMR),
    speech("AMR-WB", [16000], AMR),
    speech("EVS", [16000], EVS),
    beside("telephone-event", /^\d{1,3}(?:-\d{1,3})?(?:,\d{1,3}(?:-\d{1,3})?){0,15}$/),
    beside("CN"),
    beside("red", /^\d{1,3}(?:\/\d{1,3}){1,7}$/),
  ].map((codec) => [codec.name.toLowerCase(), codec] as const),
);

/** undefined: not one that we let through. */
export function knownCodec(codec: Codec): KnownCodec | undefined {
  const known = KNOWN.get(codec.name.toLowerCase());
  if (known === undefined || codec.channels > known.channelsMax) return undefined;
  return known.clockRatesHz.includes(codec.clockRateHz) ? known : undefined;
}

/** Carries speech by itself: telephone-event, CN and red do not. */
export const isSpeech = (codec: Codec): boolean => knownCodec(codec)?.speech === true;

/** The fmtp with known parameters of the right form only; undefined when none remains. */
export function harmlessFmtp(codec: Codec): string | undefined {
  const known = knownCodec(codec);
  if (known === undefined || codec.fmtp === undefined) return undefined;
  if (known.fmtpValue !== undefined) {
    const value = codec.fmtp.replaceAll(" ", "");
    return known.fmtpValue.test(value) ? value : undefined;
  }
  const kept = new Map<string, string>();
  for (const parameter of codec.fmtp.split(";")) {
    const equals = parameter.indexOf("=");
    const name = parameter.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const value = parameter
      .slice(equals + 1)
      .trim()
      .toLowerCase();
    if (!kept.has(name) && known.fmtp.get(name)?.test(value) === true) kept.set(name, value);
  }
  return kept.size === 0 ? undefined : Array.from(kept, ([name, value]) => `${name}=${value}`).join(";");
}

/** "opus/48000/2", in our spelling. */
export function writeRtpmap(codec: Codec, known: KnownCodec): string {
  return `${known.name}/${codec.clockRateHz}${codec.channels > 1 ? `/${codec.channels}` : ""}`;
}
