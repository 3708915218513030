/** G.711 (ITU-T G.711): 8-bit samples at 8000 Hz to and from 16-bit linear, by table; A-law only outward. */

const BIAS = 0x84;
const CLIP = 32_635;
/** What a silent line sends: µ-law of 0. */
export const ULAW_SILENCE = 0xff;

function decodeOne(ulaw: number): number {
  const bits = ~ulaw & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits & 0x70) >> 4);
  return bits & 0x80 ? BIAS - magnitude : magnitude - BIAS;
}

function encodeOne(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 31 - Math.clz32(magnitude) - 7;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

const TO_LINEAR = Int16Array.from({ length: 256 }, (_, ulaw) => decodeOne(ulaw));
const TO_ULAW = Uint8Array.from({ length: 65_536 }, (_, i) => encodeOne((i << 16) >> 16));

export function ulawToLinear(ulaw: Uint8Array): Int16Array {
  return Int16Array.from(ulaw, (byte) => TO_LINEAR[byte]!);
}

export function linearToUlaw(samples: Int16Array): Uint8Array {
  return Uint8Array.from(samples, (sample) => TO_ULAW[sample & 0xffff]!);
}

/** Thirteen bits, even bits inverted. */
function encodeOneAlaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  const magnitude = Math.min(sample >= 0 ? sample : -sample - 1, 0x7fff) >> 3;
  const exponent = magnitude < 32 ? 0 : 31 - Math.clz32(magnitude) - 4;
  const mantissa = exponent === 0 ? (magnitude >> 1) & 0x0f : (magnitude >> exponent) & 0x0f;
  return (sign | (exponent << 4) | mantissa) ^ 0x55;
}
const TO_ALAW = Uint8Array.from({ length: 65_536 }, (_, i) => encodeOneAlaw((i << 16) >> 16));

export function linearToAlaw(samples: Int16Array): Uint8Array {
  return Uint8Array.from(samples, (sample) => TO_ALAW[sample & 0xffff]!);
}
