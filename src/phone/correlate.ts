/**
 * Did what came back contain what was sent? Normalised cross-correlation at the best lag: 1 is the
 * same sound, 0 another or none. Pure. The lag is searched with the loudest second only.
 */
import { SAMPLE_RATE_HZ } from "./wav.ts";

export interface Correlation {
  /** 0–1. */
  readonly correlation: number;
  /** How much later the sound came back; negative when its beginning was lost and the recording starts later. */
  readonly lagMs: number;
}

/** Above this the speech was heard. */
export const HEARD_FROM = 0.9;
/** A recording starts with the first packet that came: so much of the beginning may be missing. */
const LOST_START_MS = 200;

export function correlate(sent: Int16Array, received: Int16Array, lagMaxMs = 2000): Correlation {
  const window = Math.min(SAMPLE_RATE_HZ, sent.length);
  const start = loudest(sent, window);
  let best = 0;
  let bestLag = 0;
  const lagMax = Math.min((lagMaxMs * SAMPLE_RATE_HZ) / 1000, Math.max(0, received.length - 1));
  for (let lag = (-LOST_START_MS * SAMPLE_RATE_HZ) / 1000; lag <= lagMax; lag++) {
    const value = normalised(sent, received, start, window, lag);
    if (value > best) {
      best = value;
      bestLag = lag;
    }
  }
  if (best === 0) return { correlation: 0, lagMs: 0 };
  const whole = normalised(sent, received, 0, sent.length, bestLag);
  return { correlation: Math.max(0, whole), lagMs: (bestLag * 1000) / SAMPLE_RATE_HZ };
}

function normalised(sent: Int16Array, received: Int16Array, from: number, count: number, lag: number): number {
  let dot = 0;
  let sentEnergy = 0;
  let receivedEnergy = 0;
  for (let i = from; i < from + count; i++) {
    const s = sent[i]!;
    // What never came counts as silence: a call cut short correlates less.
    const r = received[i + lag] ?? 0;
    dot += s * r;
    sentEnergy += s * s;
    receivedEnergy += r * r;
  }
  return sentEnergy === 0 || receivedEnergy === 0 ? 0 : dot / Math.sqrt(sentEnergy * receivedEnergy);
}

function loudest(samples: Int16Array, window: number): number {
  const step = window >> 2 || 1;
  let best = -1;
  let at = 0;
  for (let start = 0; start + window <= samples.length; start += step) {
    let energy = 0;
    for (let i = start; i < start + window; i++) energy += samples[i]! * samples[i]!;
    if (energy > best) {
      best = energy;
      at = start;
    }
  }
  return at;
}
