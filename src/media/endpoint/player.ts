/**
 * Audio that begins here: tones as paced RTP (RFC 3550 §5.1, RFC 3551 §4.5.14: 20 ms a packet). Its owner calls `tick`
 * every few milliseconds while anything plays; what a late tick missed is sent at once, or left out where it is much.
 *
 * Deliberately small: no files, no mixing, and nothing that comes in is looked at.
 */
import type { Play, SessionId, SideName } from "#media/engine.ts";
import { writeRtp } from "#media/rtp/rtp-packet.ts";
import { encodedCadence, SAMPLE_RATE_HZ } from "./tones.ts";

const FRAME_MS = 20;
const FRAME_SAMPLES = (FRAME_MS * SAMPLE_RATE_HZ) / 1000;
/** Further behind than that, the audio pauses instead of coming in a burst. */
const LATE_MAX_MS = 200;
const PLAYS_MAX = 1_000;

export interface PlayerPorts {
  /** Sends a packet of ours from a side's port. False: the side is gone, or nobody is there to hear it. */
  send(session: SessionId, side: SideName, packet: Uint8Array): boolean;
  /** A random integer in [0, below). */
  random(below: number): number;
}

interface Playing {
  readonly play: Play;
  readonly audio: Uint8Array;
  readonly ssrc: number;
  readonly firstSequence: number;
  readonly firstTicks: number;
  startMs: number;
  sent: number;
}

export class Player {
  readonly #ports: PlayerPorts;
  readonly #playing = new Map<string, Playing>();

  constructor(ports: PlayerPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#playing.size;
  }

  /** In place of what plays there. False: as much plays as may. */
  play(play: Play, nowMs: number): boolean {
    const key = keyOf(play);
    if (this.#playing.size >= PLAYS_MAX && !this.#playing.has(key)) return false;
    const { random } = this.#ports;
    this.#playing.set(key, {
      play,
      audio: encodedCadence(play.tone, play.encoding),
      ssrc: random(2 ** 32),
      firstSequence: random(2 ** 15),
      firstTicks: random(2 ** 32),
      startMs: nowMs,
      sent: 0,
    });
    return true;
  }

  tick(nowMs: number): void {
    for (const [key, one] of this.#playing) if (!this.#advance(one, nowMs)) this.#playing.delete(key);
  }

  /** False: it is over. */
  #advance(one: Playing, nowMs: number): boolean {
    const { play } = one;
    const dueMs = (): number => one.startMs + one.sent * FRAME_MS;
    if (nowMs - dueMs() > LATE_MAX_MS) one.startMs = nowMs - one.sent * FRAME_MS;
    while (dueMs() <= nowMs) {
      if (one.sent * FRAME_MS >= play.durationMs) return false;
      if (!this.#ports.send(play.session, play.side, packetOf(one))) return false;
      one.sent++;
    }
    return true;
  }
}

const keyOf = ({ session, side }: Play): string => `${session} ${side}`;

function packetOf({ play, audio, ssrc, firstSequence, firstTicks, sent }: Playing): Uint8Array {
  const from = (sent * FRAME_SAMPLES) % audio.length;
  const payload = new Uint8Array(FRAME_SAMPLES);
  const first = audio.subarray(from, from + FRAME_SAMPLES);
  payload.set(first);
  payload.set(audio.subarray(0, FRAME_SAMPLES - first.length), first.length);
  return writeRtp({
    payloadType: play.payloadType,
    marker: sent === 0,
    sequence: firstSequence + sent,
    timestampTicks: firstTicks + sent * FRAME_SAMPLES,
    ssrc,
    payload,
  });
}
