/**
 * One rtpengine behind its ng port: requests with a cookie each, sent again until answered (rtpengine answers a
 * repeated cookie with what it said before), and whether it is up, by pings and by what the kernel says.
 */
import { bytesToWire, wireToBytes } from "#base/bytes.ts";
import type { Clock, Timer } from "#base/clock.ts";
import { type BencodedFields, type Encodable, bdecode, bencode, fieldsOf, textOf } from "./bencode.ts";
import type { NgAddress, NgSocket, OpenNgSocket } from "./ng-socket.ts";

/** A request is sent at once and after each of these; then, after the last once more, it has failed. */
const REPEATS_MS = [100, 200, 400, 800] as const;
const PING_MS = 1_000;
/** While it is down. */
const PING_DOWN_MS = 500;
/** Requests without an answer; a datagram has no back-pressure, and more would only be lost in its socket. */
const UNDER_WAY_MAX = 256;

export type NgAnswer =
  | { readonly ok: true; readonly fields: BencodedFields }
  /** gone: no answer, or nobody listens. refused: rtpengine said no. */
  | { readonly ok: false; readonly why: "gone" | "refused"; readonly reason: string };

export type NgRequest = { readonly command: string; readonly [key: string]: Encodable | undefined };

export interface NgPlace extends NgAddress {
  /** Share of new calls among those that are up; 0: none. */
  readonly weight: number;
}

export interface NgNodeUser {
  /** Came up, or is found to be down; the first one of these says how it stood at the start. */
  onHealth(node: NgNode, up: boolean, reason: string): void;
}

interface UnderWay {
  readonly bytes: Buffer;
  readonly done: (answer: NgAnswer) => void;
  repeats: number;
  timer: Timer | undefined;
}

export class NgNode {
  /** "127.0.0.1:2223" */
  readonly name: string;
  readonly weight: number;
  /** undefined: not known yet. */
  up: boolean | undefined = undefined;
  /** Since when it is down, `nowMs`. */
  downSinceMs: number;
  /** Why it is down. */
  reason = "not asked yet";
  readonly #clock: Clock;
  readonly #user: NgNodeUser;
  readonly #socket: NgSocket;
  readonly #cookiePrefix: string;
  #cookies = 0;
  readonly #underWay = new Map<string, UnderWay>();
  #queued: { readonly request: NgRequest; readonly done: (answer: NgAnswer) => void }[] = [];
  #pingTimer: Timer | undefined;
  #closed = false;

  /** @param cookiePrefix unlike that of anyone else who talks to this rtpengine, earlier processes included */
  constructor(place: NgPlace, cookiePrefix: string, clock: Clock, open: OpenNgSocket, user: NgNodeUser) {
    this.name = place.address.includes(":") ? `[${place.address}]:${place.port}` : `${place.address}:${place.port}`;
    this.weight = place.weight;
    this.#clock = clock;
    this.#user = user;
    this.#cookiePrefix = cookiePrefix;
    this.downSinceMs = clock.nowMs();
    this.#socket = open(place, {
      onDatagram: (bytes) => this.#receive(bytes),
      onRefused: (detail) => this.#down(detail),
    });
    void this.#ping();
  }

  request(request: NgRequest): Promise<NgAnswer> {
    if (this.#closed) return Promise.resolve({ ok: false, why: "gone", reason: "closed" });
    // Only pings are sent to one that is down: whoever asks has better things to do than to wait.
    if (this.up === false && request.command !== "ping") return Promise.resolve({ ok: false, why: "gone", reason: this.reason });
    return new Promise((done) => {
      // A ping says how it is now, so it passes the queue.
      if (this.#underWay.size < UNDER_WAY_MAX || request.command === "ping") this.#begin(request, done);
      else this.#queued.push({ request, done });
    });
  }

  #begin(request: NgRequest, done: (answer: NgAnswer) => void): void {
    const cookie = `${this.#cookiePrefix}${this.#cookies++}`;
    const underWay: UnderWay = { bytes: wireToBytes(`${cookie} ${bencode(request)}`), done, repeats: 0, timer: undefined };
    this.#underWay.set(cookie, underWay);
    this.#send(cookie, underWay);
  }

  #send(cookie: string, underWay: UnderWay): void {
    const waitMs = REPEATS_MS[underWay.repeats++];
    if (waitMs === undefined) return this.#finish(cookie, { ok: false, why: "gone", reason: "no answer" });
    underWay.timer = this.#clock.after(waitMs, () => this.#send(cookie, underWay));
    this.#socket.send(underWay.bytes);
  }

  #receive(bytes: Buffer): void {
    const text = bytesToWire(bytes);
    const space = text.indexOf(" ");
    const cookie = text.slice(0, Math.max(0, space));
    // Answers to repeats that crossed, and whatever else: not waited for.
    if (!this.#underWay.has(cookie)) return;
    const decoded = bdecode(text.slice(space + 1));
    if (!decoded.ok)
      return this.#finish(cookie, { ok: false, why: "refused", reason: `answer can't be read: ${decoded.reason} at ${decoded.offset}` });
    const fields = fieldsOf(decoded.value);
    const result = textOf(fields, "result");
    if (result === "ok" || result === "pong") return this.#finish(cookie, { ok: true, fields });
    const reason = textOf(fields, "error-reason") || textOf(fields, "message") || result;
    this.#finish(cookie, { ok: false, why: "refused", reason });
  }

  #finish(cookie: string, answer: NgAnswer): void {
    const underWay = this.#underWay.get(cookie);
    if (underWay === undefined) return;
    underWay.timer?.cancel();
    this.#underWay.delete(cookie);
    underWay.done(answer);
    const next = this.#underWay.size < UNDER_WAY_MAX ? this.#queued.shift() : undefined;
    if (next !== undefined) this.#begin(next.request, next.done);
  }

  async #ping(): Promise<void> {
    const answer = await this.request({ command: "ping" });
    if (this.#closed) return;
    if (answer.ok || answer.why === "refused") this.#nowUp();
    else this.#down(answer.reason);
    this.#pingTimer = this.#clock.after(this.up === true ? PING_MS : PING_DOWN_MS, () => void this.#ping());
  }

  #nowUp(): void {
    if (this.up === true) return;
    this.up = true;
    this.reason = "";
    this.#user.onHealth(this, true, "");
  }

  #down(reason: string): void {
    if (this.#closed) return;
    const wasUp = this.up;
    if (wasUp !== false) {
      this.up = false;
      this.downSinceMs = this.#clock.nowMs();
    }
    this.reason = reason;
    this.#fail(reason);
    if (wasUp !== false) this.#user.onHealth(this, false, reason);
  }

  #fail(reason: string): void {
    const queued = this.#queued;
    this.#queued = [];
    for (const cookie of Array.from(this.#underWay.keys())) this.#finish(cookie, { ok: false, why: "gone", reason });
    for (const { done } of queued) done({ ok: false, why: "gone", reason });
  }

  close(): void {
    this.#closed = true;
    this.#pingTimer?.cancel();
    this.#fail("closed");
    this.#socket.close();
  }
}
