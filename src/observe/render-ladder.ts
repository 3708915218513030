/**
 * A call as telephony people draw it: a lifeline for each party, an arrow for each message, and between
 * them what was decided and why. Pure: events in, text out. Where the window is too narrow for the
 * parties it becomes a list with one message a line.
 */
import type { Stamped, TandemEvent } from "./event.ts";
import { describe } from "./log.ts";

export interface LadderStyle {
  /** Width of the window in characters. */
  readonly columns: number;
  readonly colour: boolean;
}

type SipEvent = Extract<TandemEvent, { type: "sip" }>;

const OURSELVES = "tandem";
const TIME_CHARS = 10;
/** Room between two lifelines: the shortest that "◀─ 100 Trying ─" fits in. */
const LANE_MIN = 18;
const LANE_MAX = 34;
const LABEL_EDGE = 4;

export function renderLadder(events: readonly Stamped[], style: LadderStyle): string {
  const first = events[0];
  if (first === undefined) return "nothing was seen of that call\n";
  const parties = findParties(events);
  const lines = [...title(events)];
  const lane = Math.min(LANE_MAX, Math.floor((style.columns - TIME_CHARS - LANE_MIN / 2) / Math.max(1, parties.names.length - 1)));
  const draw = lane >= LANE_MIN ? new Lifelines(parties, lane, style) : new List(parties, style);
  lines.push("", ...draw.head());
  for (const stamped of events) lines.push(...draw.rows(stamped, formatOffset(stamped.at - first.at)));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

export interface Parties {
  /** In the order of their lifelines, ourselves included. */
  readonly names: readonly string[];
  of(event: SipEvent): number;
  readonly ours: number;
}

/** Who is at each remote address: names come from the call's own events, the caller stands left of us. */
export function findParties(events: readonly Stamped[]): Parties {
  const names = new Map<string, string>();
  const callers: string[] = [];
  const callees: string[] = [];
  let callerName: string | undefined;
  const targets: { peer: string; target: string }[] = [];
  for (const { event } of events) {
    if (event.type === "call-started") callerName ??= event.peer;
    if (event.type === "attempt-started") targets.push(event);
  }
  let callerRemote: string | undefined;
  for (const { event } of events) {
    if (event.type !== "sip") continue;
    const request = !event.wire.startsWith("SIP/2.0 ");
    // The side that sends us the first request is the caller; everybody else was called by us.
    if (callerRemote === undefined && request && event.direction === "in" && callees.length === 0) callerRemote = event.remote;
    if (callers.includes(event.remote) || callees.includes(event.remote)) continue;
    const isCaller = event.remote === callerRemote;
    (isCaller ? callers : callees).push(event.remote);
    const target = targets.find((one) => samePlace(one.target, event.remote));
    names.set(event.remote, (isCaller ? callerName : target?.peer) ?? event.remote);
  }
  const order = [...callers, OURSELVES, ...callees];
  return { names: order.map((remote) => names.get(remote) ?? remote), of: (event) => order.indexOf(event.remote), ours: callers.length };
}

/** A target may name transport and listener around the address: "udp:10.0.0.2:5060", "UDP 10.0.0.2:5060 by carrier". */
function samePlace(said: string, remote: string): boolean {
  const target = said.replace(/^(?:udp|tcp|tls|wss?):/i, "");
  const at = target.indexOf(remote);
  if (at < 0) return false;
  const isPart = (char: string | undefined): boolean => char !== undefined && /[\da-f.:]/i.test(char);
  return !isPart(target[at - 1]) && !isPart(target[at + remote.length]);
}

interface Drawing {
  head(): string[];
  rows(stamped: Stamped, time: string): string[];
}

class Lifelines implements Drawing {
  readonly #parties: Parties;
  readonly #lane: number;
  readonly #style: LadderStyle;
  constructor(parties: Parties, lane: number, style: LadderStyle) {
    this.#parties = parties;
    this.#lane = lane;
    this.#style = style;
  }

  head(): string[] {
    const width = TIME_CHARS + this.#lane * this.#parties.names.length;
    const line: string[] = Array.from({ length: width }, () => " ");
    this.#parties.names.forEach((name, place) => {
      const shown = cut(name, this.#lane - 2);
      // The first name starts at its line, the others stand centred over theirs.
      const start = this.#x(place) - (place === 0 ? Math.min(4, shown.length >> 1) : shown.length >> 1);
      write(line, Math.max(0, start), shown);
    });
    return [paint(line.join(""), "bold", this.#style)];
  }

  rows({ event }: Stamped, time: string): string[] {
    return event.type === "sip" ? [this.#arrow(event, time)] : this.#note(event, time);
  }

  #x(place: number): number {
    return TIME_CHARS + 2 + place * this.#lane;
  }

  #blank(time: string): string[] {
    const line: string[] = Array.from({ length: this.#x(this.#parties.names.length - 1) + 1 }, () => " ");
    write(line, 0, time.padStart(TIME_CHARS - 1));
    for (let place = 0; place < this.#parties.names.length; place++) line[this.#x(place)] = "│";
    return line;
  }

  #arrow(event: SipEvent, time: string): string {
    const line = this.#blank(time);
    const other = this.#x(this.#parties.of(event));
    const us = this.#x(this.#parties.ours);
    const [left, right] = other < us ? [other, us] : [us, other];
    const toRight = (event.direction === "in") === other < us;
    for (let x = left + 1; x < right; x++) line[x] = line[x] === "│" ? "┼" : "─";
    line[toRight ? right - 1 : left + 1] = toRight ? "▶" : "◀";
    const room = right - left - 2 * LABEL_EDGE + 2;
    const label = ` ${cut(messageLabel(event, room - 2), room - 2)} `;
    // Beside ourselves, so that an arrow over several lifelines keeps its text in one place.
    const centring = Math.max(0, Math.floor((this.#lane - 2 * LABEL_EDGE + 2 - label.length) / 2));
    const start = other < us ? right - LABEL_EDGE + 1 - label.length - centring : left + LABEL_EDGE - 1 + centring;
    write(line, start, label);
    return paint(line.join(""), event.retransmission ? "dim" : colourOf(event), this.#style);
  }

  #note(event: TandemEvent, time: string): string[] {
    const text = noteOf(event);
    if (text === undefined) return [];
    const indent = `${time.padStart(TIME_CHARS - 1)} · `;
    return wrap(text, this.#style.columns - indent.length).map((part, i) =>
      paint(`${i === 0 ? indent : " ".repeat(indent.length)}${part}`, "note", this.#style),
    );
  }
}

/** For narrow windows and calls with many parties. */
class List implements Drawing {
  readonly #parties: Parties;
  readonly #style: LadderStyle;
  readonly #nameChars: number;
  constructor(parties: Parties, style: LadderStyle) {
    this.#parties = parties;
    this.#style = style;
    const longest = Math.max(...parties.names.map((name) => (name === OURSELVES ? 0 : name.length)));
    this.#nameChars = Math.min(longest, Math.max(8, Math.floor(style.columns / 3)));
  }

  head(): string[] {
    return [];
  }

  rows({ event }: Stamped, time: string): string[] {
    const indent = `${time.padStart(TIME_CHARS - 1)} `;
    if (event.type === "sip") {
      const name = cut(this.#parties.names[this.#parties.of(event)] ?? event.remote, this.#nameChars).padEnd(this.#nameChars);
      const start = `${indent}${event.direction === "in" ? "◀" : "▶"} ${name} `;
      const label = messageLabel(event, this.#style.columns - start.length);
      return [paint(start + label, event.retransmission ? "dim" : colourOf(event), this.#style)];
    }
    const text = noteOf(event);
    if (text === undefined) return [];
    return wrap(text, this.#style.columns - indent.length - 2).map((part, i) =>
      paint(`${i === 0 ? `${indent}· ` : " ".repeat(indent.length + 2)}${part}`, "note", this.#style),
    );
  }
}

function title(events: readonly Stamped[]): string[] {
  const started = events.find(({ event }) => event.type === "call-started");
  const at = new Date(events[0]!.at).toISOString().replace("T", " ").slice(0, 23);
  if (started?.event.type !== "call-started") return [`${at} UTC`];
  const { caller, called, callId } = started.event;
  return [`${callId === undefined ? "" : `call ${callId}   `}${clean(caller)} → ${clean(called)}   ${at} UTC`];
}

/** "INVITE +SDP", "200 OK (BYE)"; ↻ marks a repeat. The method of a response is left out where room is short. */
export function messageLabel({ wire, retransmission }: SipEvent, room: number): string {
  const lineEnd = wire.search(/[\r\n]/);
  const startLine = lineEnd < 0 ? wire : wire.slice(0, lineEnd);
  const again = retransmission ? "↻ " : "";
  const sdp = /\n(?:content-type|c)[ \t]*:[ \t]*application\/sdp/i.test(wire) ? " +SDP" : "";
  if (!startLine.startsWith("SIP/2.0 ")) return clean(`${again}${startLine.split(" ", 1)[0]}${sdp}`);
  const status = startLine.slice(8);
  const method = /\ncseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/i.exec(wire)?.[1] ?? "";
  const short = clean(`${again}${status}${sdp}`);
  if (method === "INVITE" || method === "" || short.length + method.length + 3 > room) return short;
  return `${short} (${clean(method)})`;
}

/** The start of a call stands in the title; `config` and the like are no part of a call. */
export function noteOf(event: TandemEvent): string | undefined {
  return event.type === "call-started" || event.type === "config" || event.type === "sip" ? undefined : describe(event);
}

function formatOffset(offsetMs: number): string {
  if (offsetMs < 10_000) return `${Math.round(offsetMs)} ms`;
  if (offsetMs < 600_000) return `${(offsetMs / 1_000).toFixed(1)} s`;
  return `${Math.floor(offsetMs / 60_000)}m${String(Math.floor(offsetMs / 1_000) % 60).padStart(2, "0")}s`;
}

/** Text from the wire must not move the terminal's cursor. */
// oxlint-disable-next-line no-control-regex
const clean = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
const cut = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, Math.max(0, chars - 1))}…`);

function write(line: string[], at: number, text: string): void {
  let x = at;
  for (const char of text) if (x < line.length) line[x++] = char;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

type Paint = "plain" | "bold" | "dim" | "note" | "good" | "bad";
const CODES: Readonly<Record<Paint, string>> = {
  plain: "",
  bold: "\x1b[1m",
  dim: "\x1b[2m",
  note: "\x1b[36m",
  good: "\x1b[32m",
  bad: "\x1b[31m",
};

const paint = (text: string, how: Paint, { colour }: LadderStyle): string =>
  colour && CODES[how] !== "" ? `${CODES[how]}${text.trimEnd()}\x1b[0m` : text;

function colourOf({ wire }: SipEvent): Paint {
  if (!wire.startsWith("SIP/2.0 ")) return "plain";
  const status = wire.charCodeAt(8) - 0x30;
  return status === 2 ? "good" : status >= 4 ? "bad" : "plain";
}
