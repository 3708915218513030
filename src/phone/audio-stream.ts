/**
 * The phone's sound: one RTP socket that plays µ-law in 20 ms packets, records what comes, or echoes it.
 * Node's own sockets and timers: enough for a handful of calls.
 */
import { createSocket, type Socket } from "node:dgram";
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import { ULAW_SILENCE } from "#media/codec/g711.ts";
import { parseRtp, writeRtp } from "#media/rtp/rtp-packet.ts";

const FRAME_MS = 20;
const FRAME_SAMPLES = 160;
const PCMU = 0;
/** A recording stops growing after that. */
const RECORDING_BYTES_MAX = 8000 * 600;

export interface AudioStream {
  readonly port: number;
  /** Where to send; known once the other side's SDP is. */
  connect(address: string, port: number): void;
  /** Plays the sound once, then silence until stopped. `onDone` runs after its last frame. */
  play(ulaw: Uint8Array, onDone: () => void): void;
  /** Sends every packet back to where it came from. */
  echo(): void;
  /** What came so far, by RTP timestamp, gaps as silence. */
  recording(): Uint8Array;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  close(): void;
}

export async function openAudioStream(address: string, clock: Clock, random: Random): Promise<AudioStream> {
  const socket = await bind(address);
  return new DgramAudioStream(socket, clock, random);
}

function bind(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.bind(0, address, () => {
      socket.off("error", reject);
      // Later errors (ICMP) belong to the peer; packets simply don't arrive.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

class DgramAudioStream implements AudioStream {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #ssrc: number;
  #sequence: number;
  #timestamp: number;
  #remote: { address: string; port: number } | undefined;
  #timer: Timer | undefined;
  #echoing = false;
  #recorded = new Uint8Array(8000 * 4).fill(ULAW_SILENCE);
  #recordedBytes = 0;
  #firstTimestamp: number | undefined;
  packetsSent = 0;
  packetsReceived = 0;

  constructor(socket: Socket, clock: Clock, random: Random) {
    this.#socket = socket;
    this.#clock = clock;
    this.#ssrc = random.integer(2 ** 32);
    this.#sequence = random.integer(2 ** 16);
    this.#timestamp = random.integer(2 ** 32);
    socket.on("message", (packet, from) => this.#receive(packet, from));
  }

  get port(): number {
    return this.#socket.address().port;
  }

  connect(address: string, port: number): void {
    this.#remote = { address, port };
  }

  echo(): void {
    this.#echoing = true;
  }

  play(ulaw: Uint8Array, onDone: () => void): void {
    this.#timer?.cancel();
    let frame = 0;
    const frames = Math.ceil(ulaw.length / FRAME_SAMPLES);
    const startMs = this.#clock.nowMs();
    const next = (): void => {
      const payload = new Uint8Array(FRAME_SAMPLES).fill(ULAW_SILENCE);
      if (frame < frames) payload.set(ulaw.subarray(frame * FRAME_SAMPLES, (frame + 1) * FRAME_SAMPLES));
      this.#send(payload, frame === 0);
      frame++;
      if (frame === frames) onDone();
      // Due times count from the start, so lateness does not add up.
      this.#timer = this.#clock.after(Math.max(0, startMs + frame * FRAME_MS - this.#clock.nowMs()), next);
    };
    next();
  }

  recording(): Uint8Array {
    return this.#recorded.subarray(0, this.#recordedBytes);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#socket.close();
  }

  #send(payload: Uint8Array, marker: boolean): void {
    if (this.#remote === undefined) return;
    const packet = writeRtp({
      payloadType: PCMU,
      marker,
      sequence: this.#sequence,
      timestampTicks: this.#timestamp,
      ssrc: this.#ssrc,
      payload,
    });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + FRAME_SAMPLES) >>> 0;
    this.packetsSent++;
    this.#socket.send(packet, this.#remote.port, this.#remote.address, () => {});
  }

  #receive(packet: Buffer, from: { address: string; port: number }): void {
    const rtp = parseRtp(packet);
    if (!rtp.ok || rtp.value.payloadType !== PCMU) return;
    this.packetsReceived++;
    if (this.#echoing) {
      this.packetsSent++;
      this.#socket.send(packet, from.port, from.address, () => {});
    }
    this.#record(rtp.value.timestampTicks, rtp.value.payload);
  }

  #record(timestamp: number, payload: Uint8Array): void {
    this.#firstTimestamp ??= timestamp;
    // Modulo 2^32; what is older than the first packet, or absurdly far ahead, is not recorded.
    const at = (timestamp - this.#firstTimestamp) >>> 0;
    const end = at + payload.length;
    if (end > RECORDING_BYTES_MAX) return;
    if (end > this.#recorded.length) {
      const larger = new Uint8Array(Math.max(end, this.#recorded.length * 2)).fill(ULAW_SILENCE);
      larger.set(this.#recorded);
      this.#recorded = larger;
    }
    this.#recorded.set(payload, at);
    this.#recordedBytes = Math.max(this.#recordedBytes, end);
  }
}
