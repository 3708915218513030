/**
 * Messages out of a byte stream (RFC 3261 §18.3): any split, memory bounded by one message. Content-Length is
 * required; where it is missing or wrong nobody knows where the next message begins, so the connection
 * must be closed. Two CRLF between messages are a keep-alive ping, one is a pong (RFC 5626 §4.4.1).
 */
import { bytesToWire } from "#base/bytes.ts";
import { CR, LF, parseDecimal } from "./characters.ts";
import { CONTENT_LENGTH, headerIdAt } from "./header-names.ts";
import { HEADER_SECTION_BYTES_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";
import { findColon } from "./parse-message.ts";

export type Framed =
  /** One whole message for `parseMessage`. */
  | { readonly type: "message"; readonly wire: string }
  /** Answer with one CRLF. */
  | { readonly type: "ping" }
  /** Close the connection; nothing more comes. `wire` is what was held, for `answerable` and the log. */
  | { readonly type: "broken"; readonly reason: string; readonly wire: string };

/** Small pieces are joined when there are so many: the list stays short and the copying linear. */
const PIECES_MAX = 64;
const HEADER_END = "\r\n\r\n";

export class StreamFramer {
  #pieces: string[] = [];
  #held = 0;
  /** The last characters held, in which a split end of the header section may begin. */
  #tail = "";
  /** Length of the message under way; 0 while its header section has not ended. */
  #wanted = 0;
  #crlfs = 0;
  #broken = false;

  /** True while part of a message is held: the connection's owner gives it a time. */
  get partial(): boolean {
    return this.#held > 0;
  }

  /** @param bytes may be reused after the call */
  push(bytes: Uint8Array): Framed[] {
    const framed: Framed[] = [];
    if (this.#broken || bytes.length === 0) return framed;
    let rest = bytesToWire(bytes);
    while (rest !== "" && !this.#broken) {
      if (this.#held === 0) {
        rest = this.#skipKeepAlives(rest, framed);
        if (rest === "") break;
      }
      rest = this.#wanted === 0 ? this.#takeHeader(rest, framed) : this.#takeBody(rest, framed);
    }
    return framed;
  }

  /** Between messages only CRLF may stand; a CR whose LF is not here yet is held. */
  #skipKeepAlives(text: string, framed: Framed[]): string {
    let at = 0;
    while (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF) {
      at += 2;
      if (++this.#crlfs % 2 === 0) framed.push({ type: "ping" });
    }
    const rest = at === 0 ? text : text.slice(at);
    if (rest !== "" && rest !== "\r") this.#crlfs = 0;
    return rest;
  }

  #takeHeader(text: string, framed: Framed[]): string {
    if (this.#held === 1 && this.#tail === "\r" && text.charCodeAt(0) === LF) {
      // The CR held was the first half of a keep-alive.
      const crlfs = this.#crlfs;
      this.#clear();
      this.#crlfs = crlfs;
      return this.#skipKeepAlives(`\r${text}`, framed);
    }
    const seam = this.#tail + text;
    const found = seam.indexOf(HEADER_END);
    if (found < 0) {
      this.#hold(text, seam);
      if (this.#held > HEADER_SECTION_BYTES_MAX) this.#break("header section is too long", framed);
      return "";
    }
    const headerEnd = this.#held - this.#tail.length + found + HEADER_END.length;
    if (headerEnd > HEADER_SECTION_BYTES_MAX) {
      this.#break("header section is too long", framed);
      return "";
    }
    // No more than the header section is joined here; what follows it is looked at once its end is known.
    const own = headerEnd - this.#held;
    this.#hold(text.slice(0, own), "");
    const length = contentLengthIn(this.#joined(), headerEnd);
    if (length === undefined || headerEnd + length > MESSAGE_BYTES_MAX) {
      this.#break(length === undefined ? "no usable Content-Length" : "message is too long", framed);
      return "";
    }
    this.#wanted = headerEnd + length;
    return this.#takeBody(text.slice(own), framed);
  }

  #takeBody(text: string, framed: Framed[]): string {
    const missing = this.#wanted - this.#held;
    if (text.length < missing) {
      if (text !== "") this.#hold(text, "");
      return "";
    }
    this.#hold(text.slice(0, missing), "");
    framed.push({ type: "message", wire: this.#joined() });
    this.#clear();
    return text.slice(missing);
  }

  #hold(text: string, seam: string): void {
    this.#pieces.push(text);
    this.#held += text.length;
    this.#tail = seam.slice(1 - HEADER_END.length);
    if (this.#pieces.length >= PIECES_MAX) this.#joined();
  }

  #joined(): string {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : this.#pieces.join("");
    this.#pieces = [whole];
    return whole;
  }

  #clear(): void {
    this.#pieces = [];
    this.#held = 0;
    this.#tail = "";
    this.#wanted = 0;
    this.#crlfs = 0;
  }

  #break(reason: string, framed: Framed[]): void {
    framed.push({ type: "broken", reason, wire: this.#joined() });
    this.#clear();
    this.#broken = true;
  }
}

/** The one Content-Length of a header section; undefined where there is none, none readable, or two that differ. */
function contentLengthIn(wire: string, end: number): number | undefined {
  let length: number | undefined;
  for (let at = wire.indexOf("\n") + 1; at < end - 2; at = wire.indexOf("\n", at) + 1) {
    const first = wire.charCodeAt(at) | 0x20;
    if (first !== 0x63 && first !== 0x6c) continue;
    const colon = findColon(wire, at);
    if (colon < 0) continue;
    if (headerIdAt(wire, at, at + wire.slice(at, colon).trimEnd().length) !== CONTENT_LENGTH) continue;
    const value = parseDecimal(valueAt(wire, colon + 1), MESSAGE_BYTES_MAX);
    if (value === undefined || (length !== undefined && length !== value)) return undefined;
    length = value;
  }
  return length;
}

/** A value that may be continued on following lines. */
function valueAt(wire: string, from: number): string {
  let end = wire.indexOf("\r\n", from);
  while (wire.charCodeAt(end + 2) === 0x20 || wire.charCodeAt(end + 2) === 0x09) end = wire.indexOf("\r\n", end + 2);
  return wire.slice(from, end).trim();
}
