import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { SessionDescription } from "./description.ts";
import { parseSdp } from "./parse-sdp.ts";
import { type RelayParameters, relayDescription } from "./relay-description.ts";
import { writeSdp } from "./write-sdp.ts";

const sdp = (...lines: string[]): SessionDescription => {
  const read = parseSdp(["v=0", "o=alice 7 8 IN IP4 10.9.8.7", "s=Call", "c=IN IP4 10.9.8.7", "t=0 0", ...lines, ""].join("\r\n"));
  assert.ok(read.ok, read.ok ? "" : read.reason);
  return read.value;
};
const OURS: Omit<RelayParameters, "received"> = {
  origin: { sessionId: "1000", sessionVersion: "1", address: "192.0.2.1" },
  local: { address: "192.0.2.1", port: 30_000, rtcpPort: 30_001 },
  rtcpMux: false,
  role: "offer",
};
function relayed(received: SessionDescription, more: Partial<RelayParameters> = {}): string[] {
  const made = relayDescription({ ...OURS, received, ...more });
  assert.ok(made.ok, made.ok ? "" : made.reason);
  return writeSdp(made.value).trimEnd().split("\r\n").slice(5);
}
const failure = (received: SessionDescription, more: Partial<RelayParameters> = {}): string => {
  const made = relayDescription({ ...OURS, received, ...more });
  return made.ok ? "" : made.code;
};

test("an offer is generated with our addresses and the codecs that we know", () => {
  const made = relayDescription({
    ...OURS,
    received: sdp(
      "m=audio 5000 RTP/AVPF 111 8 101",
      "a=rtpmap:111 OPUS/48000/2",
      "a=fmtp:111 useinbandfec=1;x=y",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-16",
      "a=ptime:20",
      "a=sendonly",
      "a=candidate:1 1 UDP 1 10.9.8.7 5000 typ host",
    ),
  });
  assert.ok(made.ok);
  assert.equal(
    writeSdp(made.value),
    "v=0\r\no=- 1000 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 111 8 101\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendonly\r\n",
  );
});

test("m-lines keep number and order; all but one audio are declined (RFC 3264 §6)", () => {
  const received = sdp(
    "m=video 1 RTP/AVP 31",
    "m=audio 5000 RTP/AVP 0",
    "m=audio 5002 RTP/AVP 8",
    "m=image 4 udptl t38",
    "m=x-odd 5 X/Y secret",
  );
  assert.deepEqual(
    relayed(received).filter((line) => line.startsWith("m=")),
    ["m=video 0 RTP/AVP 31", "m=audio 30000 RTP/AVP 0", "m=audio 0 RTP/AVP 8", "m=image 0 udptl t38", "m=application 0 RTP/AVP 0"],
  );
});

test("codec rules order and restrict; payload type numbers stay", () => {
  const received = sdp("m=audio 5000 RTP/AVP 0 8 9 101", "a=rtpmap:101 telephone-event/8000");
  const formats = (more: Partial<RelayParameters>): string => relayed(received, more)[0]!;
  assert.equal(formats({ codecs: { order: ["pcma"], only: false } }), "m=audio 30000 RTP/AVP 8 0 9 101");
  assert.equal(formats({ codecs: { order: ["PCMA", "telephone-event"], only: true } }), "m=audio 30000 RTP/AVP 8 101");
  assert.equal(formats({ keepOnly: [0, 101] }), "m=audio 30000 RTP/AVP 0 101");
  assert.equal(failure(received, { keepOnly: [101] }), "NO_CODEC");
  assert.equal(failure(received, { codecs: { order: ["opus"], only: true } }), "NO_CODEC");
});

test("an answer has the m-lines, the protocol and at most the payload types of its offer", () => {
  const offer = sdp("m=video 1 RTP/AVP 31", "m=audio 5000 RTP/AVPF 8 101", "a=rtpmap:101 telephone-event/8000");
  const received = sdp("m=audio 6000 RTP/AVP 8 0");
  assert.deepEqual(
    relayed(received, { role: "answer", offer }).filter((line) => line.startsWith("m=")),
    ["m=video 0 RTP/AVP 31", "m=audio 30000 RTP/AVPF 8"],
  );
});

test("RTCP: mux, the next port without a word, or a=rtcp (RFC 5761, RFC 3605)", () => {
  const received = sdp("m=audio 5000 RTP/AVP 0");
  const rtcp = (more: Partial<RelayParameters>): string[] => relayed(received, more).filter((line) => line.startsWith("a=rtcp"));
  assert.deepEqual(rtcp({}), []);
  assert.deepEqual(rtcp({ rtcpMux: true }), ["a=rtcp-mux"]);
  assert.deepEqual(rtcp({ local: { address: "192.0.2.1", port: 30_000, rtcpPort: 30_007 } }), ["a=rtcp:30007"]);
});

test("what cannot be carried is said, not sent", () => {
  assert.equal(failure(sdp("m=audio 5000 RTP/SAVP 0")), "UNSUPPORTED_PROTOCOL");
  assert.equal(failure(sdp("m=audio 0 RTP/AVP 0")), "NO_AUDIO");
  assert.equal(failure(sdp("m=video 5000 RTP/AVP 31")), "NO_AUDIO");
  assert.equal(failure(sdp("m=audio 5000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000")), "NO_CODEC");
});

const SENTINEL = "sEnTiNeL";
/** Every place of a description that holds text, the sentinel in it. */
const PLANTED = [
  `o=${SENTINEL} 7777777 8888888 IN IP4 ${SENTINEL}.example`,
  `s=${SENTINEL}`,
  `i=${SENTINEL}`,
  `u=http://${SENTINEL}`,
  `e=${SENTINEL}@example.com`,
  `p=${SENTINEL}`,
  `c=IN IP4 ${SENTINEL}.example`,
  `b=${SENTINEL}:64`,
  "t=0 0",
  `k=clear:${SENTINEL}`,
  `a=${SENTINEL}`,
  `a=tool:${SENTINEL}`,
  `a=group:BUNDLE ${SENTINEL}`,
  `m=audio 5000/1 RTP/AVP 0 96 97 98 101 ${SENTINEL}`,
  `i=${SENTINEL}`,
  `c=IN IP4 ${SENTINEL}.example`,
  `b=${SENTINEL}:1`,
  `a=${SENTINEL}:${SENTINEL}`,
  `a=rtpmap:0 PCMU/8000/${SENTINEL}`,
  `a=rtpmap:96 ${SENTINEL}/8000`,
  `a=fmtp:96 ${SENTINEL}=1`,
  `a=rtpmap:97 opus/48000/2`,
  `a=fmtp:97 useinbandfec=${SENTINEL};${SENTINEL}=1;${SENTINEL};maxplaybackrate=8000`,
  `a=rtpmap:98 AMR/8000`,
  `a=fmtp:98 mode-set=${SENTINEL};octet-align=1${SENTINEL}`,
  "a=rtpmap:101 telephone-event/8000",
  `a=fmtp:101 0-15 ${SENTINEL}`,
  `a=fmtp:0 ${SENTINEL}`,
  `a=ptime:20${SENTINEL}`,
  `a=maxptime:${SENTINEL}`,
  `a=rtcp:5001 IN IP4 ${SENTINEL}.example`,
  `a=candidate:${SENTINEL} 1 UDP 1 10.0.0.1 5000 typ host`,
  `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${SENTINEL}`,
  `a=ssrc:1 cname:${SENTINEL}`,
  `a=label:${SENTINEL}`,
  `m=${SENTINEL} 1 ${SENTINEL}/X ${SENTINEL}`,
  `m=image 1 udptl ${SENTINEL}`,
  `a=${SENTINEL}`,
];

test("nothing of the sender's text survives", () => {
  const read = parseSdp(["v=0", ...PLANTED, ""].join("\r\n"));
  assert.ok(read.ok, read.ok ? "" : read.reason);
  // Every line on its own too, so that one which is skipped does not hide another.
  const each = PLANTED.map((line) => {
    const one = sdp("m=audio 5000 RTP/AVP 0 8", line.replace(/^o=.*/, "a=x"));
    return line.startsWith("m=audio") ? read.value : one;
  });
  for (const received of [read.value, ...each]) {
    for (const role of ["offer", "answer"] as const) {
      const made = relayDescription({ ...OURS, received, role, offer: received });
      if (!made.ok) continue;
      const text = writeSdp(made.value).toLowerCase();
      for (const secret of [SENTINEL.toLowerCase(), "7777777", "8888888", "10.9.8.7", "alice", "5000", "5001"])
        assert.ok(!text.includes(secret), `${secret} in ${text}`);
    }
  }
  assert.ok(relayDescription({ ...OURS, received: read.value }).ok);
});

test("what is generated is read back as it was, for any received bytes", () => {
  const line = fc
    .tuple(
      fc.constantFrom("m=audio 9 RTP/AVP 0 ", "a=rtpmap:96 ", "a=fmtp:96 ", "a=", "m=", "a=ptime:"),
      fc.string({ unit: "binary", maxLength: 30 }),
    )
    .map(([head, tail]) => head + tail);
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const read = parseSdp(["v=0", "o=a 1 1 IN IP4 h", "c=IN IP4 h", "m=audio 5 RTP/AVP 0 96", ...lines].join("\r\n"));
      if (!read.ok) return;
      const made = relayDescription({ ...OURS, received: read.value });
      if (made.ok) assert.deepEqual(parseSdp(writeSdp(made.value)), { ok: true, value: made.value });
    }),
  );
});
