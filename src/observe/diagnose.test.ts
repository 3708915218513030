/** Golden calls: one for each finding, and a clean one that has none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr, CdrAttempt, CdrLeg } from "#cdr/record.ts";
import { FINDING_CODES, type FindingCode, diagnose } from "./diagnose.ts";
import type { Stamped, TandemEvent } from "./event.ts";
import { ladderView } from "./ladder-view.ts";
import { sipFactsOf } from "./sip-facts.ts";

const CARRIER = "203.0.113.7";
const GATEWAY = "198.51.100.9";
const SIP_CALL_ID = "carrier-1@203.0.113.7";
const TOKEN = "100t0000000000000000mmmmmmmm";
const CALL = "0000000000000000" as CallId;
const about = { callId: CALL, tenant: "default" as TenantId };

type Side = "a" | "b1";
const remoteOf = (side: Side): string => `${side === "a" ? CARRIER : GATEWAY}:5060`;

interface Extra {
  readonly headers?: readonly string[];
  readonly sdp?: string;
  readonly again?: boolean;
  readonly remote?: string;
}
function sip(
  direction: "in" | "out",
  side: Side,
  start: string,
  method: string,
  { headers = [], sdp, again = false, remote }: Extra = {},
): TandemEvent {
  const line = /^\d/.test(start) ? `SIP/2.0 ${start}` : `${start} sip:+15551234567@192.0.2.1 SIP/2.0`;
  const lines = [line, `Call-ID: ${side === "a" ? SIP_CALL_ID : `${TOKEN}${side}`}`, `CSeq: 1 ${method}`, ...headers];
  const wire = `${[...lines, ...(sdp === undefined ? [] : ["Content-Type: application/sdp"])].join("\r\n")}\r\n\r\n${sdp ?? ""}`;
  return {
    type: "sip",
    direction,
    transport: "UDP",
    listener: "public",
    local: "192.0.2.1:5060",
    remote: remote ?? remoteOf(side),
    wire,
    retransmission: again,
  };
}
const sdp = (address: string, protocol = "RTP/AVP", formats = "8 0 101"): string =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio 4000 ${protocol} ${formats}\r\na=rtpmap:101 telephone-event/8000\r\n`;

const started: TandemEvent = {
  ...about,
  type: "call-started",
  caller: "+4930111",
  called: "+15551234567",
  peer: "carrier",
  sipCallId: SIP_CALL_ID,
};
const attempt: TandemEvent = { ...about, type: "attempt-started", leg: "b1", attempt: 1, peer: "ai", target: `udp:${GATEWAY}:5060` };
const inviteIn = (extra: Extra = {}): TandemEvent =>
  sip("in", "a", "INVITE", "INVITE", { headers: [`Contact: <sip:c@${CARRIER}>`], sdp: sdp(CARRIER), ...extra });
const inviteOut = (extra: Extra = {}): TandemEvent =>
  sip("out", "b1", "INVITE", "INVITE", { headers: ["Contact: <sip:t@192.0.2.1>"], sdp: sdp("192.0.2.1"), ...extra });
const okIn = (extra: Extra = {}): TandemEvent =>
  sip("in", "b1", "200 OK", "INVITE", { headers: [`Contact: <sip:ai@${GATEWAY}>`], sdp: sdp(GATEWAY), ...extra });
const okOut = (extra: Extra = {}): TandemEvent =>
  sip("out", "a", "200 OK", "INVITE", { headers: ["Contact: <sip:t@192.0.2.1>"], sdp: sdp("192.0.2.1"), ...extra });
const CLEAN = [
  inviteIn(),
  started,
  attempt,
  inviteOut(),
  okIn(),
  okOut(),
  sip("in", "a", "ACK", "ACK"),
  sip("in", "a", "BYE", "BYE"),
  sip("out", "a", "200 OK", "BYE"),
];
const stamped = (events: readonly TandemEvent[]): Stamped[] => events.map((event, i) => ({ at: 1_000 + i * 10, sequence: i, event }));

const leg = (name: Side, more: Partial<CdrLeg> = {}): CdrLeg => ({
  leg: name,
  direction: name === "a" ? "inbound" : "outbound",
  peer: name === "a" ? "carrier" : "ai",
  peerKind: name === "a" ? "trunk" : "gateway",
  listener: "public",
  sipCallId: name,
  remoteAddress: remoteOf(name),
  from: "",
  to: "",
  codec: "PCMA",
  packetsReceived: 500,
  packetsSent: 500,
  packetsLost: 0,
  jitterMs: 1,
  strays: 0,
  ...more,
});
const tried = (more: Partial<CdrAttempt> = {}): CdrAttempt => ({
  number: 1,
  peer: "ai",
  peerKind: "gateway",
  target: `udp:${GATEWAY}:5060`,
  startedAtMs: 1_000,
  postDialDelayMs: 10,
  durationMs: 20,
  status: 200,
  q850: undefined,
  outcome: "answered",
  reason: "answered",
  ...more,
});
const cdr = (more: Partial<Cdr> = {}): Cdr => ({
  callId: CALL,
  tenant: "default" as TenantId,
  node: "00",
  direction: "inbound",
  caller: "+4930111",
  called: "+15551234567",
  route: "did +15551234567",
  configGeneration: 1,
  startedAtMs: 1_000,
  answeredAtMs: 1_100,
  endedAtMs: 11_100,
  setupMs: 100,
  durationMs: 10_000,
  outcome: "answered",
  sipStatus: 200,
  q850: 16,
  endedBy: "caller",
  endReason: "BYE",
  legs: [leg("a"), leg("b1")],
  attempts: [tried()],
  skipped: [],
  ...more,
});
/** One that was never answered. */
const failed = (more: Partial<Cdr> = {}): Cdr =>
  cdr({ answeredAtMs: undefined, durationMs: 0, outcome: "failed", sipStatus: 502, legs: [leg("a", { packetsReceived: 0 })], ...more });
const refusedBy = (status: number, more: Partial<CdrAttempt> = {}): Partial<Cdr> => ({
  attempts: [tried({ status, outcome: "failed", reason: `answered ${status}`, ...more })],
  sipStatus: status,
});
const silentAttempt = (reason: string, outcome: CdrAttempt["outcome"] = "failed"): Partial<Cdr> => ({
  attempts: [tried({ status: 0, outcome, reason })],
});

interface Golden {
  readonly code: FindingCode;
  readonly events?: readonly TandemEvent[];
  readonly cdr?: Cdr | undefined;
  readonly registrations?: Parameters<typeof diagnose>[0]["registrations"];
  /** Beside it. */
  readonly also?: readonly FindingCode[];
  readonly says: RegExp;
}
const begun = [inviteIn(), started, attempt, inviteOut()];
const challenge = (direction: "in" | "out", side: Side, more = ""): TandemEvent =>
  sip(direction, side, "401 Unauthorized", "INVITE", { headers: [`WWW-Authenticate: Digest realm="sip.example", nonce="n"${more}`] });
const GOLDEN: readonly Golden[] = [
  {
    code: "PRIVATE_ADDRESS_IN_SDP",
    events: [...CLEAN.slice(0, 4), okIn({ sdp: sdp("10.1.2.3") }), ...CLEAN.slice(5)],
    cdr: cdr(),
    says: /no\. 3.*c= 10\.1\.2\.3, but it came from 198\.51\.100\.9/,
  },
  {
    code: "OUR_PRIVATE_ADDRESS",
    events: [...CLEAN.slice(0, 3), inviteOut({ sdp: sdp("172.20.0.4") }), ...CLEAN.slice(4)],
    cdr: cdr(),
    says: /no\. 2.*to ai: c= 172\.20\.0\.4/,
  },
  {
    code: "NAT_CONTACT",
    events: [inviteIn({ headers: ["Contact: <sip:c@192.168.1.5:5060>"] }), ...CLEAN.slice(1)],
    cdr: cdr(),
    says: /Contact 192\.168\.1\.5/,
  },
  {
    code: "NO_ACK",
    events: CLEAN.slice(0, 6),
    cdr: cdr({ outcome: "failed", endReason: "no ACK from the caller", durationMs: 1_000 }),
    says: /Contact <sip:t@192\.0\.2\.1>/,
  },
  {
    code: "CODEC_MISMATCH",
    events: [...begun, sip("in", "b1", "488 Not Acceptable Here", "INVITE", { headers: ['Warning: 305 x "Incompatible media format"'] })],
    cdr: failed({ ...refusedBy(488, { outcome: "media_failed" }), outcome: "media_failed" }),
    says: /offers PCMA, PCMU.*488 Not Acceptable Here from ai/s,
  },
  {
    code: "SRTP_MISMATCH",
    events: [inviteIn({ sdp: sdp(CARRIER, "RTP/SAVP") }), started, sip("out", "a", "488 Not Acceptable Here", "INVITE")],
    cdr: failed({ outcome: "media_failed", attempts: [], endReason: "the audio is neither RTP/AVP nor RTP/AVPF" }),
    says: /RTP\/SAVP/,
  },
  {
    code: "RTP_WRONG_SOURCE",
    events: [...CLEAN, { ...about, type: "media", what: "stray", side: "a", detail: "203.0.113.99:4000, 300 packets" }],
    cdr: cdr({ legs: [leg("a", { strays: 300 }), leg("b1")] }),
    says: /300 from elsewhere.*203\.0\.113\.99:4000/s,
  },
  {
    code: "SILENCE_ONE_WAY",
    events: CLEAN,
    cdr: cdr({ legs: [leg("a", { packetsReceived: 0 }), leg("b1")] }),
    says: /carrier \(caller\): 0 packets from it/,
  },
  {
    code: "NO_RTP",
    events: CLEAN,
    cdr: cdr({ legs: [leg("a", { packetsReceived: 0 }), leg("b1", { packetsReceived: 0 })] }),
    says: /ai \(callee\): 0 packets/,
  },
  { code: "RTP_LOSS", events: CLEAN, cdr: cdr({ legs: [leg("a", { packetsLost: 60 }), leg("b1")] }), says: /60 of 560 packets lost/ },
  {
    code: "MEDIA_FAILED",
    events: CLEAN,
    cdr: cdr({ outcome: "media_failed", endReason: "media lost: gone", durationMs: 500 }),
    says: /media lost/,
  },
  {
    code: "TLS_FAILED",
    events: begun,
    cdr: failed(silentAttempt("TLS_EXPIRED, next at once")),
    also: ["ALL_DOWN"],
    says: /TLS_EXPIRED/,
  },
  { code: "DNS_FAILED", events: begun, cdr: failed(silentAttempt("DNS_FAILED: NXDOMAIN")), also: ["ALL_DOWN"], says: /NXDOMAIN/ },
  {
    code: "UNREACHABLE",
    events: begun,
    cdr: failed(silentAttempt("ECONNREFUSED, next at once")),
    also: ["ALL_DOWN"],
    says: /ECONNREFUSED/,
  },
  {
    code: "NO_RESPONSE",
    events: begun,
    cdr: failed(silentAttempt("no response within 2000 ms", "timeout")),
    also: ["ALL_DOWN"],
    says: /INVITE to ai/,
  },
  { code: "UNKNOWN_SOURCE", events: [inviteIn({ remote: "192.0.2.66:5060" })], cdr: undefined, says: /INVITE from 192\.0\.2\.66:5060/ },
  {
    code: "REFUSED_BY_PEER",
    events: [...begun, sip("in", "b1", "403 Forbidden", "INVITE")],
    cdr: failed(refusedBy(403)),
    says: /403 Forbidden from ai/,
  },
  {
    code: "NUMBER_REFUSED",
    events: [...begun, sip("in", "b1", "404 Not Found", "INVITE")],
    cdr: failed(refusedBy(404)),
    says: /404 Not Found from ai/,
  },
  {
    code: "NUMBER_NOT_ROUTED",
    events: [inviteIn(), started],
    cdr: failed({ attempts: [], outcome: "invalid_number", sipStatus: 404, endReason: "no DID +15551234567 for tenant default" }),
    says: /no DID/,
  },
  {
    code: "AUTH_FAILED",
    events: [...begun, challenge("in", "b1"), inviteOut({ headers: ["Authorization: Digest ***"] }), challenge("in", "b1")],
    cdr: failed(refusedBy(401, { outcome: "auth_failed" })),
    says: /realm "sip\.example"/,
  },
  {
    code: "AUTH_STALE_LOOP",
    events: [...begun, challenge("in", "b1"), challenge("in", "b1", ", stale=true"), challenge("in", "b1", ", stale=true")],
    cdr: failed(refusedBy(401, { outcome: "auth_failed" })),
    says: /401 Unauthorized from ai/,
  },
  {
    code: "NOT_REGISTERED",
    events: begun,
    cdr: failed({ ...refusedBy(480) }),
    registrations: [{ trunk: "ai", standing: "failed", reason: "403 Forbidden" }],
    says: /ai is failed: 403/,
  },
  {
    code: "ALL_DOWN",
    events: [inviteIn(), started],
    cdr: failed({ attempts: [], skipped: [{ peer: "ai", reason: "down" }] }),
    says: /ai: down/,
  },
  {
    code: "LIMIT_REACHED",
    events: [inviteIn(), started],
    cdr: failed({ attempts: [], outcome: "rate_limited", sipStatus: 503, endReason: "over 5 calls a second from carrier" }),
    says: /over 5 calls a second/,
  },
  {
    code: "DESTINATION_DENIED",
    events: [inviteIn(), started],
    cdr: failed({
      attempts: [],
      outcome: "carrier_blocked",
      sipStatus: 403,
      skipped: [{ peer: "carrier2", reason: "denied: +881 is satellite" }],
    }),
    says: /satellite/,
  },
  {
    code: "OUTBOUND_LOCKED",
    events: [inviteIn(), started],
    cdr: failed({ attempts: [], sipStatus: 403, skipped: [{ peer: "carrier2", reason: "locked: sequential numbers" }] }),
    says: /sequential/,
  },
  {
    code: "NO_ANSWER",
    events: [...begun, sip("in", "b1", "180 Ringing", "INVITE")],
    cdr: failed({
      outcome: "no_answer",
      sipStatus: 480,
      setupMs: 20_000,
      endReason: "no answer within 20000 ms",
      attempts: [tried({ status: 0, outcome: "no_answer", reason: "no answer within 20000 ms" })],
    }),
    says: /180 Ringing from ai/,
  },
  {
    code: "CANCEL_CROSSED_ANSWER",
    events: [...begun, sip("out", "b1", "CANCEL", "CANCEL"), okIn()],
    cdr: failed({ outcome: "cancelled", sipStatus: 487, attempts: [tried({ status: 200, outcome: "cancelled" })] }),
    says: /CANCEL to ai.*200 OK from ai/s,
  },
  {
    code: "SESSION_TIMER",
    events: [...begun, sip("in", "b1", "422 Session Interval Too Small", "INVITE", { headers: ["Min-SE: 900"] }), ...CLEAN.slice(4)],
    cdr: cdr(),
    says: /Min-SE 900/,
  },
  {
    code: "SIGNALLING_LOSS",
    events: [...CLEAN.slice(0, 5), okOut({ again: true }), okOut({ again: true }), ...CLEAN.slice(5)],
    cdr: cdr(),
    says: /200 \(INVITE\) to carrier: 2 times again/,
  },
  {
    code: "LOOP",
    events: [inviteIn(), started],
    cdr: failed({ attempts: [], sipStatus: 482, endReason: "loop: it is call x" }),
    says: /loop/,
  },
];

for (const { code, events = [], cdr: record, registrations, also = [], says } of GOLDEN) {
  test(`a golden call: ${code}`, () => {
    const found = diagnose({ cdr: record, events: stamped(events), ...(registrations && { registrations }) });
    assert.deepEqual(found.map((one) => one.code).sort(), [code, ...also].sort());
    const finding = found.find((one) => one.code === code)!;
    const evidence = finding.evidence.map(({ text, message }) => `${message === undefined ? "" : `no. ${message}: `}${text}`).join("\n");
    assert.match(evidence, says);
    assert.ok(finding.title.length > 5 && finding.advice.length > 20);
  });
}

test("every finding has a golden call", () => {
  assert.deepEqual(GOLDEN.map(({ code }) => code).toSorted(), FINDING_CODES.toSorted());
});

test("a clean call has no finding, answered, cancelled early, or busy", () => {
  assert.deepEqual(diagnose({ cdr: cdr(), events: stamped(CLEAN) }), []);
  assert.deepEqual(
    diagnose({
      cdr: failed({ outcome: "cancelled", sipStatus: 487, setupMs: 3_000, attempts: [tried({ status: 487, outcome: "cancelled" })] }),
      events: stamped(begun),
    }),
    [],
  );
  assert.deepEqual(diagnose({ cdr: failed({ outcome: "busy", ...refusedBy(486, { outcome: "busy" }) }), events: stamped(begun) }), []);
  assert.deepEqual(diagnose({ cdr: undefined, events: stamped(begun) }), []);
});

test("the day's minutes are a limit, too, though they are refused with 403", () => {
  const record = failed({
    attempts: [],
    outcome: "carrier_blocked",
    sipStatus: 403,
    endReason: "limit minutes_per_day: tenant a has talked 10 of 10 minutes today",
  });
  assert.deepEqual(
    diagnose({ cdr: record, events: stamped([inviteIn(), started]) }).map(({ code }) => code),
    ["LIMIT_REACHED"],
  );
});

test("a challenge that was answered well is no finding", () => {
  const events = [...begun, challenge("in", "b1"), inviteOut({ headers: ["Authorization: Digest ***"] }), okIn(), okOut()];
  assert.deepEqual(diagnose({ cdr: cdr(), events: stamped(events) }), []);
});

test("a message that is cut or nonsense breaks no diagnosis", () => {
  for (const wire of [
    "",
    "\r\n",
    "INVITE",
    "SIP/2.0",
    "SIP/2.0 200",
    "INVITE x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nm=audio",
    "x\r\nc:application/sdp\r\n\r\nm=audio \r\nc=",
  ])
    assert.equal(sipFactsOf(stamped([{ ...(inviteIn() as Extract<TandemEvent, { type: "sip" }>), wire }])).length, 1);
});

test("the ladder as data: who to whom, what was decided between, numbered as findings name it", () => {
  const { parties, entries } = ladderView(stamped(CLEAN));
  assert.deepEqual(parties, [
    { name: "carrier", isUs: false },
    { name: "tandem", isUs: true },
    { name: "ai", isUs: false },
  ]);
  const shown = entries.map((one) => (one.kind === "message" ? `${one.number} ${one.from}>${one.to} ${one.summary}` : `- ${one.text}`));
  assert.deepEqual(shown.slice(0, 4), [
    "1 0>1 INVITE +SDP",
    `- attempt 1: ai at udp:${GATEWAY}:5060`,
    "2 1>2 INVITE +SDP",
    "3 2>1 200 OK +SDP",
  ]);
});
