/**
 * Call progress tones as G.711 (ITU-T E.180, E.182: one frequency of 425 Hz in most of the world, and the three of the
 * special information tone), one cadence each, to be repeated. Made once, when first asked for.
 */
import type { Play, Tone } from "#media/engine.ts";
import { linearToAlaw, linearToUlaw } from "#media/codec/g711.ts";

export const SAMPLE_RATE_HZ = 8_000;
/** −10 dBm0 or so: clearly heard, and no fright. */
const AMPLITUDE = 8_000;

/** Sounds of a cadence: 0 Hz is silence. */
const CADENCES: Readonly<Record<Tone, readonly (readonly [frequencyHz: number, durationMs: number])[]>> = {
  busy: [
    [425, 500],
    [0, 500],
  ],
  congestion: [
    [425, 200],
    [0, 200],
  ],
  "special-information": [
    [950, 330],
    [1400, 330],
    [1800, 330],
    [0, 1010],
  ],
  ringback: [
    [425, 1000],
    [0, 4000],
  ],
};

/** 16-bit linear. */
export function cadence(tone: Tone): Int16Array {
  const sounds = CADENCES[tone].map(([frequencyHz, durationMs]) =>
    Int16Array.from({ length: (durationMs * SAMPLE_RATE_HZ) / 1000 }, (_, i) =>
      Math.round(AMPLITUDE * Math.sin((2 * Math.PI * frequencyHz * i) / SAMPLE_RATE_HZ)),
    ),
  );
  const whole = new Int16Array(sounds.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sound of sounds) {
    whole.set(sound, at);
    at += sound.length;
  }
  return whole;
}

const made = new Map<string, Uint8Array>();

export function encodedCadence(tone: Tone, encoding: Play["encoding"]): Uint8Array {
  const key = `${tone} ${encoding}`;
  let bytes = made.get(key);
  if (bytes === undefined) made.set(key, (bytes = (encoding === "PCMU" ? linearToUlaw : linearToAlaw)(cadence(tone))));
  return bytes;
}
