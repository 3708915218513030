/** How often what happened, for `status` and later metrics. Names are stable: dashboards keep them. */
import type { Stamped, TandemEvent } from "./event.ts";

export interface Counters {
  readonly name: string;
  accept(stamped: Stamped): void;
  /** A copy, names in order. */
  values(): Record<string, number>;
}

/** Methods and outcomes come from closed lists or the wire: a stranger can't make more names than this. */
const NAMES_MAX = 500;

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  const count = (name: string): void => {
    const now = counts.get(name);
    if (now !== undefined) counts.set(name, now + 1);
    else if (counts.size < NAMES_MAX) counts.set(name, 1);
  };
  return {
    name: "counters",
    accept: ({ event }) => {
      count(nameOf(event));
      if (event.type === "sip" && event.retransmission)
        count(event.direction === "in" ? "sip.in.retransmissions" : "sip.out.retransmissions");
    },
    values: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function nameOf(event: TandemEvent): string {
  switch (event.type) {
    case "sip":
      return event.direction === "in" ? inbound(event.wire) : outbound(event.wire);
    case "call-ended":
      return `calls.ended.${event.outcome}`;
    case "attempt-ended":
      return `attempts.${event.outcome}`;
    case "call-started":
      return "calls.started";
    case "call-answered":
      return "calls.answered";
    case "refused":
      return "refused";
    case "garbage":
      return "garbage";
    case "limit":
      return `limits.${event.limit}`;
    default:
      return event.type;
  }
}

// Names are made once: this runs for every message.
const KNOWN = [
  "INVITE",
  "ACK",
  "BYE",
  "CANCEL",
  "OPTIONS",
  "REGISTER",
  "INFO",
  "UPDATE",
  "PRACK",
  "REFER",
  "NOTIFY",
  "MESSAGE",
  "SUBSCRIBE",
  "PUBLISH",
] as const;
const names = (direction: string) => ({
  requests: KNOWN.map((method) => [`${method} `, `sip.${direction}.${method}`] as const),
  responses: ["1", "2", "3", "4", "5", "6"].map((digit) => `sip.${direction}.${digit}xx`),
  other: `sip.${direction}.other`,
});
const IN = names("in");
const OUT = names("out");
const RESPONSE_START = "SIP/2.0 ";

const inbound = (wire: string): string => messageName(wire, IN);
const outbound = (wire: string): string => messageName(wire, OUT);

function messageName(wire: string, { requests, responses, other }: ReturnType<typeof names>): string {
  if (wire.startsWith(RESPONSE_START)) return responses[wire.charCodeAt(RESPONSE_START.length) - 0x31] ?? other;
  for (const [start, name] of requests) if (wire.startsWith(start)) return name;
  return other;
}
