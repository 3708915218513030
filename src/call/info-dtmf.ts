/**
 * DTMF in INFO bodies, the two forms that carriers and gateways use: `application/dtmf-relay`
 * (Signal= and Duration= lines) and `application/dtmf` (the bare signal). No RFC defines them; RFC 6086
 * §1 calls them legacy usage. Parsed and written anew, so that nothing else in the body passes.
 */
export interface InfoDtmf {
  readonly type: "application/dtmf-relay" | "application/dtmf";
  /** One of 0–9 * # A–D, or "!" for hook flash. */
  readonly digit: string;
  /** 0 when the sender named none. */
  readonly durationMs: number;
}

/** What a digit may last; longer ones are the sender's mistake. */
const DURATION_MS_MAX = 10_000;
const BODY_CHARS_MAX = 256;

/** @param contentType lower case, without parameters. undefined: not DTMF, or none that makes sense. */
export function parseInfoDtmf(contentType: string, body: string): InfoDtmf | undefined {
  if (body.length > BODY_CHARS_MAX) return undefined;
  if (contentType === "application/dtmf-relay") {
    const digit = digitOf(/^\s*Signal\s*=\s*(\S+)\s*$/im.exec(body)?.[1]);
    const durationMs = Number(/^\s*Duration\s*=\s*(\d{1,6})\s*$/im.exec(body)?.[1] ?? 0);
    return digit === undefined ? undefined : { type: contentType, digit, durationMs: Math.min(durationMs, DURATION_MS_MAX) };
  }
  if (contentType === "application/dtmf") {
    // Some senders put the dtmf-relay lines under this type.
    const digit = digitOf(/^\s*(?:Signal\s*=\s*)?([^\s=]+)\s*(?:$|\r|\n)/i.exec(body)?.[1]);
    return digit === undefined ? undefined : { type: contentType, digit, durationMs: 0 };
  }
  return undefined;
}

export function writeInfoDtmf(dtmf: InfoDtmf): string {
  if (dtmf.type === "application/dtmf") return dtmf.digit;
  return `Signal=${dtmf.digit}\r\n${dtmf.durationMs === 0 ? "" : `Duration=${dtmf.durationMs}\r\n`}`;
}

/** RFC 4733 §3.2 event numbers stand for the keys that are no digits. */
const KEY_OF_EVENT: Readonly<Record<string, string>> = { "10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": "!" };

function digitOf(signal: string | undefined): string | undefined {
  if (signal === undefined) return undefined;
  const key = KEY_OF_EVENT[signal] ?? signal.toUpperCase();
  return /^[0-9*#A-D!]$/.test(key) ? key : undefined;
}
