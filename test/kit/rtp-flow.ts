/**
 * RTP whose every packet is accounted for: a source that numbers its packets in the payload and a sink that
 * notes each number, when it came and how long it was quiet. One ticker drives all flows of a test.
 */
import { type Socket, createSocket } from "node:dgram";
import { parseRtp, writeRtp } from "#media/rtp/rtp-packet.ts";

const FRAME_MS = 20;
const PAYLOAD_BYTES = 160;
const PCMU = 0;
/** A busy machine lets the test's own loop stop for a while: nothing may be lost in our sockets meanwhile. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface FlowReport {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  /** Numbers that the far source sent since `measureFromNow` and that never came here. */
  readonly missing: readonly number[];
  /** Longest time between two packets. */
  readonly gapMs: number;
}

/** One end of a call's audio: sends to `remote` once known, and hears what the other end sent. */
export class RtpFlow {
  readonly port: number;
  readonly #socket: Socket;
  #remote: { readonly address: string; readonly port: number } | undefined;
  #sent = 0;
  readonly #came = new Map<number, number>();
  #firstMs = 0;
  #lastMs = 0;
  #gap = { fromMs: 0, toMs: 0 };
  /** First number that counts: what came before is another measurement's. */
  #mark = 0;
  readonly #ssrc = Math.floor(Math.random() * 2 ** 32);

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (packet) => this.#hear(packet));
    // ICMP, e.g. while a media process is away: what is lost shows in the numbers.
    socket.on("error", () => {});
  }

  static open(address: string): Promise<RtpFlow> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: "udp4", recvBufferSize: RECEIVE_BUFFER_BYTES });
      socket.once("error", reject);
      socket.bind(0, address, () => {
        socket.off("error", reject);
        resolve(new RtpFlow(socket));
      });
    });
  }

  sendTo(remote: { readonly address: string; readonly port: number }): void {
    this.#remote = remote;
  }
  /** Nothing more is sent; what is under way is still heard. */
  stop(): void {
    this.#remote = undefined;
  }
  get sent(): number {
    return this.#sent;
  }
  get received(): number {
    return this.#came.size;
  }
  /** When the last packet came; 0 before the first. */
  get lastMs(): number {
    return this.#lastMs;
  }

  tick(): void {
    if (this.#remote === undefined) return;
    const payload = Buffer.alloc(PAYLOAD_BYTES, 0xff);
    payload.writeUInt32BE(this.#sent, 0);
    const packet = writeRtp({
      payloadType: PCMU,
      marker: this.#sent === 0,
      sequence: this.#sent & 0xffff,
      timestampTicks: this.#sent * PAYLOAD_BYTES,
      ssrc: this.#ssrc,
      payload,
    });
    this.#sent++;
    this.#socket.send(packet, this.#remote.port, this.#remote.address, () => {});
  }

  /** Any bytes, from this end's socket. */
  sendRaw(bytes: Uint8Array, to: { readonly address: string; readonly port: number }): void {
    this.#socket.send(bytes, to.port, to.address, () => {});
  }

  #hear(bytes: Buffer): void {
    const packet = parseRtp(bytes);
    if (!packet.ok || packet.value.payload.length < 4) return;
    const number = Buffer.from(packet.value.payload).readUInt32BE(0);
    this.#came.set(number, (this.#came.get(number) ?? 0) + 1);
    const nowMs = performance.now();
    if (this.#firstMs === 0) this.#firstMs = nowMs;
    else if (nowMs - this.#lastMs > this.#gap.toMs - this.#gap.fromMs) this.#gap = { fromMs: this.#lastMs, toMs: nowMs };
    this.#lastMs = nowMs;
  }

  /** Forgets the longest silence and what was lost: what follows is measured anew. */
  measureFromNow(): void {
    this.#mark = this.#sent;
    this.#gap = { fromMs: 0, toMs: 0 };
  }

  /** @param far the end whose packets should have come here */
  report(far: RtpFlow): FlowReport {
    const missing: number[] = [];
    for (let number = far.#mark; number < far.#sent; number++) if (!this.#came.has(number)) missing.push(number);
    let duplicates = 0;
    for (const times of this.#came.values()) duplicates += times - 1;
    return { sent: this.#sent, received: this.#came.size, duplicates, missing, gapMs: Math.round(this.#gap.toMs - this.#gap.fromMs) };
  }

  close(): void {
    this.#socket.close();
  }
}

/** Lets every flow send each 20 ms; what a stalled loop missed is sent late, not left out. */
export class RtpTicker {
  readonly #flows = new Set<RtpFlow>();
  readonly #timer: NodeJS.Timeout;
  #dueMs = performance.now();

  constructor() {
    this.#timer = setInterval(() => this.#tick(), FRAME_MS / 2);
  }
  add(flow: RtpFlow): void {
    this.#flows.add(flow);
  }
  #tick(): void {
    const nowMs = performance.now();
    // Further behind than that, the audio just pauses: a burst would measure socket buffers, not us.
    if (nowMs - this.#dueMs > 5 * FRAME_MS) this.#dueMs = nowMs - FRAME_MS;
    for (; this.#dueMs <= nowMs; this.#dueMs += FRAME_MS) for (const flow of this.#flows) flow.tick();
  }
  close(): void {
    clearInterval(this.#timer);
    for (const flow of this.#flows) flow.close();
    this.#flows.clear();
  }
}
