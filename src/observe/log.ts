/**
 * Events as log lines: JSON for machines, or lines for a person at a terminal. Lines of calls that go well may wait
 * for each other, because a row of them costs little more than one. What a level hides:
 * at `info` and above numbers are masked and messages left out; at `debug` numbers are whole, unless masking is
 * asked for, and each message shows its first line; credentials are shown by none.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Stamped, TandemEvent } from "./event.ts";
import { maskNumber } from "./mask.ts";
import type { Sink } from "./publish.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Log extends Sink {
  /** A line of the process itself, outside of any call. */
  line(level: LogLevel, text: string): void;
  /** Writes what waits. */
  flush(): void;
}

export interface LogDestination {
  /** One line or several. */
  write(lines: string): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Undefined: masked, but whole at debug. */
  readonly numbers?: "masked" | "whole" | undefined;
  /** "lines" for a terminal, "json" for anything else. */
  readonly format: "json" | "lines";
  readonly colour?: boolean;
  readonly clock: Pick<Clock, "wallMs" | "after">;
  /** How long lines below `warn` may wait for each other; 0 where a person reads them. */
  readonly waitMs?: number;
  /** Usually pino.destination({ fd: 2, sync: false }) or stderr. */
  readonly destination: LogDestination;
}

const LIMIT_LINES_PER_SECOND = 5;

const RANK: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

export function createLog(options: LogOptions): Log {
  const rank = RANK[options.level];
  const format: Format = options.format === "json" ? jsonLine : terminalLine(options.colour === true);
  const masks = (options.numbers ?? (rank > RANK.debug ? "masked" : "whole")) === "masked";
  const limits = new LimitLines();
  const { waitMs = 0 } = options;
  let waiting: Waiting[] = [];
  let timer: Timer | undefined;
  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    if (waiting.length === 0) return;
    let lines = "";
    for (const { level, stamped, unsaid } of waiting) {
      const text = describe(stamped.event) + (unsaid > 0 ? ` (and ${unsaid} times more since)` : "");
      lines += format(level, masks ? maskNumber(text) : text, stamped.at, stamped.event);
    }
    waiting = [];
    options.destination.write(lines);
  };
  const onTime = (): void => {
    try {
      flush();
    } catch {
      // Nobody is left to be told; calls go on.
      waiting = [];
    }
  };
  return {
    name: "log",
    takes: (type) => rank <= RANK.debug || !DETAILS.has(type),
    accept(stamped) {
      const level = levelOf(stamped.event);
      if (RANK[level] < rank) return;
      const unsaid = stamped.event.type === "limit" ? limits.take(stamped.event.limit, stamped.at) : 0;
      if (unsaid === undefined) return;
      waiting.push({ level, stamped, unsaid });
      if (waitMs === 0 || RANK[level] >= RANK.warn) flush();
      else timer ??= options.clock.after(waitMs, onTime);
    },
    line(level, text) {
      if (RANK[level] < rank) return;
      flush();
      options.destination.write(format(level, masks ? maskNumber(text) : text, options.clock.wallMs(), undefined));
    },
    flush,
  };
}

interface Waiting {
  readonly level: LogLevel;
  readonly stamped: Stamped;
  readonly unsaid: number;
}

/** A flood reaches the same limit thousands of times a second: it gets a few lines, and the number of the rest with the next one. */
class LimitLines {
  readonly #limits = new Map<string, { second: number; written: number; unsaid: number }>();

  /** @returns how many were left out since the last line; undefined: this one is left out too */
  take(limit: string, at: number): number | undefined {
    const second = Math.floor(at / 1_000);
    let lines = this.#limits.get(limit);
    if (lines === undefined) this.#limits.set(limit, (lines = { second, written: 0, unsaid: 0 }));
    if (lines.second !== second) [lines.second, lines.written] = [second, 0];
    if (++lines.written > LIMIT_LINES_PER_SECOND) {
      lines.unsaid++;
      return undefined;
    }
    const { unsaid } = lines;
    lines.unsaid = 0;
    return unsaid;
  }
}

/** A line with its newline. */
type Format = (level: LogLevel, text: string, at: number, event: TandemEvent | undefined) => string;

/** The fields of pino's lines, in one object: a logger of its own costs ten times as much, three times a call. */
const jsonLine: Format = (level, msg, time, event) => {
  const { callId, tenant, leg, type } = event ?? {};
  return `${JSON.stringify({ level, time, type, callId, tenant, leg, msg })}\n`;
};

const COLOURS: Readonly<Record<LogLevel, string>> = { debug: "\x1b[2m", info: "", warn: "\x1b[33m", error: "\x1b[31m" };
/** The end of a call id differs between calls of the same second. */
const CALL_ID_SHOWN = 6;

function terminalLine(colour: boolean): Format {
  return (level, text, at, event) => {
    const time = new Date(at).toISOString().slice(11, 23);
    const call = (event?.callId ?? "").slice(-CALL_ID_SHOWN).padEnd(CALL_ID_SHOWN);
    const line = `${time} ${level.padEnd(5)} ${call} ${text}`;
    return colour && COLOURS[level] !== "" ? `${COLOURS[level]}${line}\x1b[0m\n` : `${line}\n`;
  };
}

/** Never above debug. */
const DETAILS: ReadonlySet<TandemEvent["type"]> = new Set([
  "sip",
  "garbage",
  "tls-failed",
  "refused",
  "challenged",
  "route-decided",
  "attempt-started",
  "call-ringing",
  "call-held",
  "dtmf",
  "media",
] as const);

function levelOf(event: TandemEvent): LogLevel {
  if (DETAILS.has(event.type)) return "debug";
  switch (event.type) {
    case "attempt-ended":
      return event.outcome === "answered" ? "debug" : "info";
    case "limit":
    case "fraud":
      return "warn";
    case "gateway-health":
      return event.up ? "info" : "warn";
    case "registration":
      return event.standing === "failed" ? "warn" : "info";
    case "listener":
      return event.state === "failed" ? "error" : "info";
    case "process":
      return BAD_NEWS.test(event.what) ? "error" : "info";
    default:
      return "info";
  }
}

const BAD_NEWS = /(gone|failing|failed|degraded|cut|crash)$/;

/** One line of plain text about an event. Text from the wire keeps no control characters. */
export function describe(event: TandemEvent): string {
  return sentence(event).replace(CONTROL, "?");
}
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

function sentence(event: TandemEvent): string {
  switch (event.type) {
    case "sip": {
      const again = event.retransmission ? " (again)" : "";
      return `${event.direction === "in" ? "<-" : "->"} ${event.remote} ${event.transport} ${startLine(event.wire)}${again}`;
    }
    case "garbage":
      return `garbage from ${event.remote} on ${event.listener}: ${event.reason}, ${event.bytes} bytes`;
    case "tls-failed":
      return `TLS from ${event.remote === "" ? "somebody" : event.remote} on ${event.listener} failed: ${event.reason}`;
    case "refused":
      return `refused ${event.remote} on ${event.listener}: ${event.reason}`;
    case "challenged":
      return `asked ${event.remote} on ${event.listener} for a user of ${event.realm}${event.reason === "" ? "" : `: ${event.reason}`}`;
    case "registration":
      return `trunk ${event.trunk} ${event.standing}${event.reason === "" ? "" : `: ${event.reason}`}`;
    case "call-started":
      return `call from ${event.peer}: ${event.caller} to ${event.called}`;
    case "route-decided":
      return `route ${event.route || "none"}: ${event.attempts.join(", ") || "nobody to try"}${event.skipped.length > 0 ? `; skipped ${event.skipped.join(", ")}` : ""}`;
    case "attempt-started":
      return `attempt ${event.attempt}: ${event.peer} at ${event.target}`;
    case "attempt-ended":
      return `attempt ${event.attempt}: ${event.peer} ${event.outcome}${event.status > 0 ? ` (${event.status})` : ""}: ${event.reason}`;
    case "call-ringing":
      return "ringing";
    case "call-answered":
      return `answered by ${event.peer} after ${Math.round(event.setupMs)} ms`;
    case "call-held":
      return event.held ? "held" : "resumed";
    case "call-transferred":
      return `transferred from ${event.from} to ${event.to}`;
    case "dtmf":
      // Not which one: callers type card numbers and PINs.
      return `a digit by ${event.via}`;
    case "call-ended":
      return `ended by ${event.endedBy}: ${event.outcome} (${event.sipStatus}), ${event.reason}, ${(event.durationMs / 1_000).toFixed(1)} s`;
    case "media":
      return `media ${event.what} ${event.side}: ${event.detail}`;
    case "gateway-health":
      return `gateway ${event.gateway} at ${event.target} is ${event.up ? "up" : "down"}: ${event.reason}`;
    case "listener":
      return `listener ${event.listener} ${event.state}: ${event.detail}`;
    case "config":
      return `configuration ${event.generation} (${event.hash.slice(0, 12)}) is in force`;
    case "process":
      return `${event.what}: ${event.detail}`;
    case "fraud":
      return event.untilMs === 0
        ? `calls out of ${event.subject} ${event.name} are let go again: ${event.detail}`
        : `calls out of ${event.subject} ${event.name} are locked until ${new Date(event.untilMs).toISOString()}: ${event.detail}`;
    case "limit":
      return `limit ${event.limit}: ${event.detail}`;
  }
}

function startLine(wire: string): string {
  const end = wire.indexOf("\r\n");
  return wire.slice(0, end < 0 ? 200 : Math.min(end, 200));
}
