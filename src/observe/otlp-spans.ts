/**
 * A call's record as spans of OpenTelemetry, in the JSON of OTLP 1.x over HTTP: the call, an attempt each, and the talk
 * with what its media was like. Ids follow from the call's, so that a call that is sent twice is the same trace. No
 * number is in it. Pure; sending is otlp-main.ts.
 */
import { createHash } from "node:crypto";
import type { Outcome } from "#cdr/outcome.ts";
import type { Cdr, CdrAttempt, CdrLeg } from "#cdr/record.ts";
import { maskNumber } from "./mask.ts";

type Value = { readonly stringValue: string } | { readonly intValue: string } | { readonly doubleValue: number };
interface Attribute {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  /** Nanoseconds since the epoch, as text: they are 64 bits. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number; readonly message?: string };
}

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;
const OK = 1;
const ERROR = 2;
const TRACE_ID_HEX = 32;
const SPAN_ID_HEX = 16;
const NANO_PER_MS = 1_000_000n;

/** What a caller or the called person decided is no error. */
const NO_ERROR: ReadonlySet<Outcome> = new Set<Outcome>(["answered", "busy", "no_answer", "rejected", "invalid_number", "cancelled"]);

const idOf = (text: string, hexDigits: number): string => createHash("sha256").update(text).digest("hex").slice(0, hexDigits);
const nano = (ms: number): string => String(BigInt(Math.round(ms)) * NANO_PER_MS);

function attributes(values: Readonly<Record<string, string | number | undefined>>): Attribute[] {
  const made: Attribute[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === "") continue;
    const typed =
      typeof value === "string" ? { stringValue: value } : Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
    made.push({ key, value: typed });
  }
  return made;
}

/** The call first. */
export function spansOf(cdr: Cdr): readonly Span[] {
  const traceId = idOf(`trace ${cdr.callId}`, TRACE_ID_HEX);
  const root = idOf(`call ${cdr.callId}`, SPAN_ID_HEX);
  const within = (what: string) => ({ traceId, spanId: idOf(`${what} ${cdr.callId}`, SPAN_ID_HEX), parentSpanId: root });
  const call: Span = {
    traceId,
    spanId: root,
    name: `call ${cdr.direction}`,
    kind: SERVER,
    startTimeUnixNano: nano(cdr.startedAtMs),
    endTimeUnixNano: nano(cdr.endedAtMs),
    attributes: attributes({
      "tandem.call_id": cdr.callId,
      "tandem.tenant": cdr.tenant,
      "tandem.direction": cdr.direction,
      "tandem.route": maskNumber(cdr.route),
      "tandem.outcome": cdr.outcome,
      "tandem.ended_by": cdr.endedBy,
      "tandem.setup_ms": cdr.setupMs,
      "tandem.config_generation": cdr.configGeneration,
      "tandem.from_peer": cdr.legs.find(({ leg }) => leg === "a")?.peer,
      "sip.response.status_code": cdr.sipStatus,
      "sip.reason.q850": cdr.q850,
    }),
    status: NO_ERROR.has(cdr.outcome) ? { code: OK } : { code: ERROR, message: cdr.outcome },
  };
  return [
    call,
    ...cdr.attempts.map((attempt) => ({ ...within(`attempt ${attempt.number}`), ...attemptSpan(attempt) })),
    ...(cdr.answeredAtMs === undefined ? [] : [{ ...within("talk"), ...talkSpan(cdr, cdr.answeredAtMs) }]),
  ];
}

type Own = Omit<Span, "traceId" | "spanId" | "parentSpanId">;

function attemptSpan({ peer, peerKind, target, startedAtMs, durationMs, postDialDelayMs, status, q850, outcome }: CdrAttempt): Own {
  return {
    name: `attempt ${peer}`,
    kind: CLIENT,
    startTimeUnixNano: nano(startedAtMs),
    endTimeUnixNano: nano(startedAtMs + durationMs),
    attributes: attributes({
      "tandem.peer": peer,
      "tandem.peer_kind": peerKind,
      "tandem.outcome": outcome,
      "tandem.post_dial_delay_ms": postDialDelayMs,
      "network.peer.address": target,
      "sip.response.status_code": status === 0 ? undefined : status,
      "sip.reason.q850": q850,
    }),
    status: NO_ERROR.has(outcome) ? { code: OK } : { code: ERROR, message: outcome },
  };
}

function talkSpan({ endedAtMs, legs }: Cdr, answeredAtMs: number): Own {
  const media = Object.fromEntries(legs.flatMap(mediaOf));
  return {
    name: "talk",
    kind: INTERNAL,
    startTimeUnixNano: nano(answeredAtMs),
    endTimeUnixNano: nano(Math.max(answeredAtMs, endedAtMs)),
    attributes: attributes(media),
    status: { code: OK },
  };
}

const mediaOf = ({ leg, codec, packetsReceived, packetsSent, packetsLost, jitterMs }: CdrLeg): [string, string | number][] => [
  [`rtp.${leg}.codec`, codec],
  [`rtp.${leg}.packets_received`, packetsReceived],
  [`rtp.${leg}.packets_sent`, packetsSent],
  [`rtp.${leg}.packets_lost`, packetsLost],
  [`rtp.${leg}.jitter_ms`, jitterMs],
];

/** An ExportTraceServiceRequest. */
export function traceRequest(cdrs: readonly Cdr[], node: string, version: string): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes({ "service.name": "tandem", "service.version": version, "service.instance.id": node }) },
        scopeSpans: [{ scope: { name: "tandem", version }, spans: cdrs.flatMap(spansOf) }],
      },
    ],
  };
}
