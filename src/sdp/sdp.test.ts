import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { codecsOf, harmlessFmtp, isSpeech } from "./codecs.ts";
import type { SessionDescription } from "./description.ts";
import { directionOf } from "./direction.ts";
import { MEDIA_MAX, isKept, parseSdp } from "./parse-sdp.ts";
import { audioIndexOf, remoteMediaOf } from "./remote-media.ts";
import { sameMedia } from "./same-media.ts";
import { writeSdp } from "./write-sdp.ts";

const sdp = (...lines: string[]): SessionDescription => {
  const read = parseSdp(lines.map((line) => `${line}\r\n`).join(""));
  assert.ok(read.ok, read.ok ? "" : read.reason);
  return read.value;
};
const HEAD = ["v=0", "o=alice 1 2 IN IP4 10.0.0.1", "s=-", "c=IN IP4 10.0.0.1", "t=0 0"];
const audio = (...lines: string[]): SessionDescription => sdp(...HEAD, "m=audio 4000 RTP/AVP 0 101", ...lines);

test("every line that has room is read (RFC 8866 §5)", () => {
  const read = sdp(
    "v=0",
    "o=Some Gateway 1 2 IN IP6 2001:db8::1",
    "s=",
    "c=IN IP4 224.2.1.1/127/3",
    "b=AS:64",
    "t=1 2",
    "a=tool:x:y",
    "a=recvonly",
    "m=audio 4000/2 RTP/AVP 0 8",
    "i=title",
    "c=IN IP6 ::1",
    "b=RS:0",
    "b=broken",
    "a=rtpmap:0 PCMU/8000",
  );
  assert.deepEqual(read, {
    origin: { username: "Some Gateway", sessionId: "1", sessionVersion: "2", addressType: "IP6", address: "2001:db8::1" },
    sessionName: "-",
    connection: { addressType: "IP4", address: "224.2.1.1" },
    bandwidths: [{ type: "AS", kbps: 64 }],
    attributes: [
      { name: "tool", value: "x:y" },
      { name: "recvonly", value: undefined },
    ],
    media: [
      {
        media: "audio",
        port: 4000,
        portCount: 2,
        protocol: "RTP/AVP",
        formats: ["0", "8"],
        connection: { addressType: "IP6", address: "::1" },
        bandwidths: [{ type: "RS", kbps: 0 }],
        attributes: [{ name: "rtpmap", value: "0 PCMU/8000" }],
      },
    ],
  });
});

test("lines may end with LF only, and the last one not at all", () => {
  assert.ok(parseSdp(`${HEAD.join("\n")}\nm=audio 4000 RTP/AVP 0`).ok);
});

test("what decides where media goes must be right", () => {
  for (const bad of [
    "c=IN IP5 10.0.0.1",
    "c=IN IP4",
    "m=audio 4000 RTP/AVP",
    "m=audio x RTP/AVP 0",
    "m=audio 65536 RTP/AVP 0",
    "m =video 1 RTP/AVP 31",
    "junk",
  ]) {
    assert.ok(!parseSdp([...HEAD, bad, ""].join("\r\n")).ok, bad);
  }
  for (const text of [
    "",
    "o=- 1 2 IN IP4 h\r\n",
    "v=1\r\n",
    "v=0\r\ns=-\r\n",
    "v=0\r\no=- x 2 IN IP4 h\r\n",
    `${HEAD.join("\n")}\n${"m=audio 1 RTP/AVP 0\n".repeat(MEDIA_MAX + 1)}`,
  ]) {
    assert.ok(!parseSdp(text).ok, text);
  }
});

test("a section that came before is read as it was then, its port and kind as they are now", () => {
  const lines = ["a=rtpmap:101 telephone-event/8000", "c=IN IP4 10.0.0.2", "b=AS:64", "a=sendonly"];
  const first = sdp(...HEAD, "m=audio 4000 RTP/AVP 0 101", ...lines, "m=video 0 RTP/AVP 96");
  const second = sdp(...HEAD, "m=audio 5000/2 RTP/AVP 0 101", ...lines, "m=video 0 RTP/AVP 96");
  const third = sdp(...HEAD, "m=text 5000 RTP/AVP 0 101", ...lines);
  const [audio, video] = first.media;
  assert.deepEqual(second.media, [{ ...audio, port: 5000, portCount: 2 }, video]);
  assert.deepEqual(third.media, [{ ...audio, media: "text", port: 5000 }]);
  assert.equal(codecsOf(second.media[0]!), codecsOf(audio!));
  assert.deepEqual(parseSdp([...HEAD, "m=audio x RTP/AVP 0 101", ...lines, ""].join("\r\n")), {
    ok: false,
    reason: "bad m= line",
    offset: HEAD.join("\r\n").length + 2,
  });
});

test("a section longer than any that comes again is kept by nobody", () => {
  const lines = ["m=audio 4000 RTP/AVP 0", ...Array.from({ length: 40 }, (_, i) => `a=candidate:${i} 1 udp 1 10.0.0.1 9 typ host`)];
  const [first, second] = [sdp(...HEAD, ...lines).media[0]!, sdp(...HEAD, ...lines).media[0]!];
  assert.deepEqual(first, second);
  assert.deepEqual([isKept(first.attributes), isKept(second.attributes)], [false, false]);
  assert.deepEqual(codecsOf(first), codecsOf(second));
  assert.equal(isKept(audio("a=sendrecv").media[0]!.attributes), true);
});

test("any number of different sections is read, and none is taken for another", () => {
  for (let i = 0; i < 600; i++) {
    const [media] = sdp(...HEAD, "m=audio 4000 RTP/AVP 96", `a=rtpmap:96 L16/${8000 + (i % 500)}`).media;
    assert.equal(codecsOf(media!)[0]?.clockRateHz, 8000 + (i % 500));
  }
});

const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019-"), minLength: 1, maxLength: 8 });
const anyText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 20,
});
const anyConnection = fc.oneof(
  fc.ipV4().map((address) => ({ addressType: "IP4" as const, address })),
  fc.constant({ addressType: "IP6" as const, address: "2001:db8::9" }),
);
const exact = { noNullPrototype: true };
const anySection = {
  connection: fc.option(anyConnection, { nil: undefined }),
  bandwidths: fc.array(fc.record({ type: word, kbps: fc.nat() }, exact), { maxLength: 2 }),
  attributes: fc.array(fc.record({ name: word, value: fc.option(anyText, { nil: undefined }) }, exact), { maxLength: 4 }),
};
const anyDescription: fc.Arbitrary<SessionDescription> = fc.record(
  {
    origin: fc
      .tuple(word, fc.nat(), fc.nat(), anyConnection)
      .map(([username, id, version, at]) => ({ username, sessionId: String(id), sessionVersion: String(version), ...at })),
    sessionName: anyText,
    ...anySection,
    media: fc.array(
      fc.record(
        {
          media: word,
          port: fc.integer({ min: 0, max: 65_535 }),
          portCount: fc.integer({ min: 1, max: 4 }),
          protocol: fc.constantFrom("RTP/AVP", "UDP/TLS/RTP/SAVPF", "udptl"),
          formats: fc.array(word, { minLength: 1, maxLength: 5 }),
          ...anySection,
        },
        exact,
      ),
      { maxLength: 4 },
    ),
  },
  exact,
);

test("parse after write is the identity on descriptions", () => {
  fc.assert(
    fc.property(anyDescription, (description) => {
      assert.deepEqual(parseSdp(writeSdp(description)), { ok: true, value: description });
    }),
  );
});

test("no bytes make the parser throw", () => {
  const line = fc
    .tuple(
      fc.constantFrom("v=0", "o=", "c=IN IP4 ", "m=audio ", "a=", "a=rtpmap:", "b=", "x", ""),
      fc.string({ unit: "binary", maxLength: 30 }),
    )
    .map(([head, tail]) => head + tail);
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const read = parseSdp([...HEAD, ...lines].join("\r\n"));
      if (!read.ok) return;
      read.value.media.forEach((media, index) => {
        codecsOf(media).map(harmlessFmtp);
        remoteMediaOf(read.value, index);
        directionOf(read.value, media);
      });
    }),
  );
});

test("codecs come from rtpmap, fmtp and the static table, in order (RFC 3551 §6)", () => {
  const read = sdp(
    ...HEAD,
    "m=audio 4000 RTP/AVP 18 96 9 97 200 96 x",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 useinbandfec=1",
    "a=rtpmap:9 G722/8000",
  );
  assert.deepEqual(codecsOf(read.media[0]!), [
    { payloadType: 18, name: "G729", clockRateHz: 8000, channels: 1, fmtp: undefined },
    { payloadType: 96, name: "opus", clockRateHz: 48_000, channels: 2, fmtp: "useinbandfec=1" },
    { payloadType: 9, name: "G722", clockRateHz: 8000, channels: 1, fmtp: undefined },
  ]);
});

test("of fmtp only known parameters with values of the right form remain", () => {
  const fmtp = (name: string, clockRateHz: number, text: string): string | undefined =>
    harmlessFmtp({ payloadType: 96, name, clockRateHz, channels: 1, fmtp: text });
  assert.equal(fmtp("OPUS", 48_000, "UseInbandFec=1; secret=1;maxplaybackrate=10.0.0.1;minptime=10"), "useinbandfec=1;minptime=10");
  assert.equal(fmtp("telephone-event", 8000, "0-15, 66,70"), "0-15,66,70");
  assert.equal(fmtp("telephone-event", 8000, "0-16;x=y"), undefined);
  assert.equal(fmtp("G729", 8000, "annexb=secret"), undefined);
  assert.equal(fmtp("EVS", 16_000, "br=5.9-24.4;bw=nb-swb;ch-aw-recv=2"), "br=5.9-24.4;bw=nb-swb;ch-aw-recv=2");
  assert.equal(fmtp("x-secret", 8000, "mode=20"), undefined);
  assert.equal(isSpeech({ payloadType: 101, name: "telephone-event", clockRateHz: 8000, channels: 1, fmtp: undefined }), false);
});

test("the direction is the stream's, else the session's, else sendrecv; c=0.0.0.0 is hold (RFC 3264 §8.4)", () => {
  const direction = (description: SessionDescription): string => directionOf(description, description.media[0]!);
  assert.equal(direction(audio()), "sendrecv");
  assert.equal(direction(sdp(...HEAD, "a=sendonly", "m=audio 1 RTP/AVP 0")), "sendonly");
  assert.equal(direction(sdp(...HEAD, "a=sendonly", "m=audio 1 RTP/AVP 0", "a=inactive")), "inactive");
  assert.equal(direction(audio("c=IN IP4 0.0.0.0")), "sendonly");
  assert.equal(direction(audio("c=IN IP4 0.0.0.0", "a=recvonly")), "inactive");
});

test("where packets go: c= of stream or session, a=rtcp, rtcp-mux (RFC 3605, RFC 5761)", () => {
  assert.deepEqual(remoteMediaOf(audio("a=rtpmap:101 telephone-event/8000"), 0), {
    address: "10.0.0.1",
    port: 4000,
    rtcpAddress: "10.0.0.1",
    rtcpPort: 4001,
    rtcpMux: false,
    direction: "sendrecv",
    payloadTypes: [0, 101],
  });
  const other = remoteMediaOf(audio("c=IN IP4 10.0.0.2", "a=rtcp:53020 IN IP4 126.16.64.4", "a=rtcp-mux", "a=sendonly"), 0);
  assert.deepEqual(
    [other?.address, other?.rtcpAddress, other?.rtcpPort, other?.rtcpMux, other?.direction],
    ["10.0.0.2", "126.16.64.4", 53_020, true, "sendonly"],
  );
  assert.equal(remoteMediaOf(audio("a=rtcp:9 IN IP4 evil host;x"), 0)?.rtcpPort, 9);
  assert.equal(remoteMediaOf(sdp(...HEAD, "m=audio 0 RTP/AVP 0"), 0), undefined);
  assert.equal(remoteMediaOf(sdp("v=0", "o=- 1 1 IN IP4 h", "m=audio 9 RTP/AVP 0"), 0), undefined);
  assert.equal(remoteMediaOf(audio(), 7), undefined);
});

test("the audio stream is the first that can be carried", () => {
  assert.equal(audioIndexOf(sdp(...HEAD, "m=video 1 RTP/AVP 31", "m=audio 0 RTP/AVP 0", "m=audio 1 RTP/SAVP 0", "m=audio 2 RTP/AVP 0")), 3);
  assert.equal(audioIndexOf(sdp(...HEAD, "m=video 1 RTP/AVP 31", "m=audio 1 RTP/SAVP 0")), 1);
  assert.equal(audioIndexOf(sdp(...HEAD, "m=audio 0 RTP/AVP 0")), -1);
});

test("a refresh says the same of media, whatever its o= and s= say (RFC 4028 §7.4)", () => {
  const again = sdp("v=0", "o=alice 1 3 IN IP4 10.0.0.1", "s=other", "c=IN IP4 10.0.0.1", "t=5 6", "m=audio 4000 RTP/AVP 0 101");
  assert.ok(sameMedia(audio(), again));
  assert.ok(!sameMedia(audio(), audio("a=sendonly")));
  assert.ok(!sameMedia(audio(), sdp(...HEAD, "m=audio 4002 RTP/AVP 0 101")));
});

test("the longest description costs milliseconds, whatever it repeats", () => {
  for (const piece of [" ", "=", ";", "a=1;", "a ", "0 ", "\t", "/", ":", "a=x\r\n", "1,", "-"]) {
    const filling = piece.repeat(60_000 / piece.length);
    const startMs = performance.now();
    for (const line of ["m=audio 9 RTP/AVP 0 ", "a=fmtp:101 ", "a=fmtp:96 mode-set", "a=rtpmap:0 ", "c=IN IP4 ", "o=", "a=ptime:"]) {
      const read = parseSdp(
        [...HEAD, "m=audio 9 RTP/AVP 96 101", "a=rtpmap:96 AMR/8000", "a=rtpmap:101 telephone-event/8000", line + filling].join("\r\n"),
      );
      if (read.ok) for (const media of read.value.media) codecsOf(media).map(harmlessFmtp);
    }
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs < 200, `${JSON.stringify(piece)}: ${elapsedMs} ms`);
  }
});
