import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallId, TenantId } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import { spansOf, traceRequest } from "./otlp-spans.ts";

const CDR: Cdr = {
  callId: "01call" as CallId,
  tenant: "acme" as TenantId,
  node: "00",
  direction: "inbound",
  caller: "+15557654321",
  called: "+15551234567",
  route: "+15551234567",
  configGeneration: 3,
  startedAtMs: 1_700_000_000_000,
  answeredAtMs: 1_700_000_002_000,
  endedAtMs: 1_700_000_010_000,
  setupMs: 2_000,
  durationMs: 8_000,
  outcome: "answered",
  sipStatus: 200,
  q850: 16,
  endedBy: "caller",
  endReason: "BYE",
  legs: [
    {
      leg: "a",
      direction: "inbound",
      peer: "vodafone",
      peerKind: "trunk",
      listener: "private",
      sipCallId: "x",
      remoteAddress: "192.0.2.1:5060",
      from: "",
      to: "",
      codec: "PCMU",
      packetsReceived: 400,
      packetsSent: 399,
      packetsLost: 1,
      jitterMs: 1.5,
      strays: 0,
    },
  ],
  attempts: [
    {
      number: 1,
      peer: "dead",
      peerKind: "gateway",
      target: "192.0.2.9:5060/UDP",
      startedAtMs: 1_700_000_000_010,
      postDialDelayMs: undefined,
      durationMs: 500,
      status: 0,
      q850: undefined,
      outcome: "timeout",
      reason: "no response",
    },
  ],
  skipped: [],
};

test("a call is a trace: the call, its attempts and the talk, with times in nanoseconds", () => {
  const [call, attempt, talk] = spansOf(CDR);
  assert.match(call!.traceId, /^[0-9a-f]{32}$/);
  assert.match(call!.spanId, /^[0-9a-f]{16}$/);
  assert.deepEqual(
    [call, attempt, talk].map((span) => [span?.name, span?.kind, span?.startTimeUnixNano, span?.endTimeUnixNano, span?.status.code]),
    [
      ["call inbound", 2, "1700000000000000000", "1700000010000000000", 1],
      ["attempt dead", 3, "1700000000010000000", "1700000000510000000", 2],
      ["talk", 1, "1700000002000000000", "1700000010000000000", 1],
    ],
  );
  for (const child of [attempt, talk]) assert.deepEqual([child?.traceId, child?.parentSpanId], [call!.traceId, call!.spanId]);
  assert.equal(new Set(spansOf(CDR).map(({ spanId }) => spanId)).size, 3);
  assert.deepEqual(spansOf(CDR), spansOf(CDR));
  assert.deepEqual(
    talk!.attributes.find(({ key }) => key === "rtp.a.jitter_ms"),
    { key: "rtp.a.jitter_ms", value: { doubleValue: 1.5 } },
  );
  assert.deepEqual(
    call!.attributes.find(({ key }) => key === "sip.response.status_code"),
    { key: "sip.response.status_code", value: { intValue: "200" } },
  );
});

test("no number leaves, not even as the name of a route", () => {
  assert.doesNotMatch(JSON.stringify(traceRequest([CDR], "node1", "0")), /1555/);
});
