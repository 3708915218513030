/** Sentinels in every header, SDP line and body of one side never appear on the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { audio, CARRIER, NUMBER, Stage } from "./stage.ts";

const G1 = "203.0.113.1";
const SENTINEL = /sentinel/i;
const HEADERS = [
  "User-Agent",
  "Server",
  "Subject",
  "Alert-Info",
  "Call-Info",
  "Organization",
  "Warning",
  "X-Carrier-Id",
  "P-Charging-Vector",
  "P-Access-Network-Info",
  "Diversion",
  "History-Info",
  "Remote-Party-ID",
  "Geolocation",
  "Session-ID",
  "Accept-Contact",
  "Error-Info",
  "In-Reply-To",
  "Reply-To",
  "Date",
  "P-Visited-Network-ID",
].map((name) => [name, `<sip:sentinel-${name}@sentinel.example>;x=sentinel`] as const);
const REASON = ["Reason", 'Q.850;cause=16;text="sentinel"'] as const;

const LINES = [
  "i=sentinel",
  "u=http://sentinel.example/",
  "e=sentinel@sentinel.example",
  "p=+1 sentinel",
  "b=X-SENTINEL:64",
  "k=prompt",
  "a=tool:sentinel",
  "a=sentinel:sentinel",
];
const AUDIO_LINES = [
  "i=sentinel",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15;sentinel=sentinel",
  "a=ssrc:1 cname:sentinel@sentinel",
  "a=candidate:1 1 UDP 1 10.66.66.66 5 typ host",
  "a=ice-ufrag:sentinel",
  "a=label:sentinel",
  "a=msid:sentinel sentinel",
  "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:sentinel",
  "a=sentinel",
  "a=sendrecv",
];
const sdp = (address: string, port: number): string =>
  `v=0\r\no=sentinel 1 1 IN IP4 ${address}\r\ns=sentinel\r\nc=IN IP4 ${address}\r\n${LINES.join("\r\n")}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\n${AUDIO_LINES.join("\r\n")}\r\n`;
const multipart = (address: string, port: number) => ({
  contentType: "multipart/mixed;boundary=sentinel",
  body: `--sentinel\r\nContent-Type: application/isup\r\n\r\nsentinel\r\n--sentinel\r\nContent-Type: application/sdp\r\n\r\n${sdp(address, port)}\r\n--sentinel--\r\n`,
});

/** All wire that went to one end, checked for words and addresses of the other. */
function assertHidden(stage: Stage, to: string, words: readonly RegExp[]): void {
  const packets = stage.network.packets.filter((packet) => packet.to === to);
  assert.ok(packets.length >= 2);
  for (const { wire, summary } of packets) for (const word of words) assert.doesNotMatch(wire, word, `${summary} to ${to}`);
}

test("nothing of the carrier reaches the gateway, and nothing of the gateway the carrier", async () => {
  const stage = new Stage({ each: [{ earlyMedia: "relay" }] });
  const call = stage.dial({
    headers: [...HEADERS, REASON],
    ...multipart(CARRIER, 4000),
    localContact: `sip:sentinel@${CARRIER}:5060`,
    sipCallId: "sentinel-call-id@sentinel.example",
    localTag: "sentinel-tag",
  });
  await stage.wait(10);
  const gateway = stage.gateway(1);
  gateway.lastInvite.provisional(180, "Sentinel", { headers: HEADERS, contentType: "application/sdp", body: sdp(G1, 6000) });
  await stage.wait(10);
  gateway.answer({
    headers: [...HEADERS, ["Reason", 'Q.850;cause=16;text="sentinel"']],
    contentType: "application/sdp",
    body: sdp(G1, 6000),
  });
  await stage.wait(10);
  stage.carrier.reinvite(call.dialog!, { headers: HEADERS, contentType: "application/sdp", body: sdp(CARRIER, 4100) });
  gateway.onReinvited = (invite) =>
    invite.answer({ headers: HEADERS, contentType: "application/sdp", body: sdp(G1, 6100) }, gateway.dialogUser);
  await stage.wait(10);
  stage.carrier.request(call.dialog!, "INFO", {
    headers: HEADERS,
    contentType: "application/dtmf-relay",
    body: "Signal=1\r\nDuration=100\r\nsentinel\r\n",
  });
  await stage.wait(10);
  gateway.dialog!.bye([...HEADERS, REASON]);
  await stage.wait(10);
  assertHidden(stage, "g1", [SENTINEL, /10\.0\.0\./, /10\.66\./]);
  assertHidden(stage, "carrier", [/203\.0\.113\./, /198\.51\.100\./, /10\.66\./]);
  // The carrier's own Call-ID, tag and Contact come back to it; nothing else may.
  for (const { wire } of stage.network.packets.filter(({ to }) => to === "carrier")) {
    const foreign = wire
      .replaceAll("sentinel-call-id@sentinel.example", "")
      .replaceAll("sentinel-tag", "")
      .replaceAll(`sip:sentinel@${CARRIER}`, "");
    assert.doesNotMatch(foreign, SENTINEL);
  }
  assert.deepEqual(await stage.quiet(), []);
});

test("a refusal's words stay behind too", async () => {
  const stage = new Stage();
  stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.reject(486, "Sentinel", [...HEADERS, REASON, ["Contact", "<sip:sentinel@203.0.113.1>"]]);
  await stage.wait(10);
  assertHidden(stage, "carrier", [SENTINEL, /203\.0\.113\./]);
});

test("listed headers pass, dialog and account headers never, and set ones are added", async () => {
  const stage = new Stage({
    carrier: { headers: { pass: ["x-ai-*"], set: [] } },
    gateway: { headers: { pass: ["x-trunk-id", "subject", "authorization", "contact"], set: [["X-Tenant", "blue"]] } },
  });
  const call = stage.dial({
    headers: [
      ["X-Trunk-Id", "7"],
      ["s", "hello"],
      ["X-Other", "no"],
      ["Authorization", "Digest secret"],
    ],
  });
  await stage.wait(10);
  const invite = stage.gateway(1).lastInvite.request;
  assert.deepEqual(
    [
      invite.header("x-trunk-id"),
      invite.header("subject"),
      invite.header("x-other"),
      invite.header("authorization"),
      invite.header("x-tenant"),
    ],
    ["7", "hello", undefined, undefined, "blue"],
  );
  stage.gateway(1).answer({
    ...audio(G1, 6000),
    headers: [
      ["X-AI-Model", "m1"],
      ["X-Secret", "no"],
    ],
  });
  await stage.wait(10);
  assert.match(stage.wireTo("carrier", "200 INVITE"), /X-AI-Model: m1/);
  assert.doesNotMatch(stage.wireTo("carrier", "200 INVITE"), /X-Secret/);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("the caller's identity is kept, set or hidden by the gateway's policy", async () => {
  const asserted = [
    ["P-Asserted-Identity", `"Alice A" <sip:+4930999;phone-context=sentinel@${CARRIER}>`],
    ["Privacy", "id; sentinel"],
  ] as const;
  const invite = async (gateway: NonNullable<ConstructorParameters<typeof Stage>[0]>["gateway"], localUri?: string) => {
    const stage = new Stage({ gateway: gateway! });
    stage.dial({ headers: asserted, ...(localUri === undefined ? {} : { localUri }) });
    await stage.wait(10);
    const { request } = stage.gateway(1).lastInvite;
    return [request.header("from")?.replace(/;tag=.*/, ""), request.header("p-asserted-identity"), request.header("privacy")];
  };
  assert.deepEqual(await invite({}), ['"Alice" <sip:+4930111@198.51.100.1>', '"Alice A" <sip:+4930999@198.51.100.1>', "id"]);
  assert.deepEqual(await invite({ fromDomain: "sip.example" }), [
    '"Alice" <sip:+4930111@sip.example>',
    '"Alice A" <sip:+4930999@sip.example>',
    "id",
  ]);
  assert.deepEqual(await invite({ privacy: "hide" }), ['"Anonymous" <sip:anonymous@anonymous.invalid>', undefined, "id"]);
  assert.deepEqual(await invite({}, '"Anonymous" <sip:anonymous@anonymous.invalid>'), [
    '"Anonymous" <sip:anonymous@anonymous.invalid>',
    '"Alice A" <sip:+4930999@198.51.100.1>',
    "id",
  ]);
});

test("Max-Forwards goes down by one", async () => {
  const stage = new Stage();
  const call = stage.dial({ maxForwards: 12 });
  await stage.wait(10);
  assert.equal(stage.gateway(1).lastInvite.request.header("max-forwards"), "11");
  assert.equal(stage.gateway(1).lastInvite.request.requestUri, `sip:${NUMBER}@${G1}`);
  call.invite.cancel();
  assert.deepEqual(await stage.quiet(), []);
  const looping = new Stage();
  const looped = looping.dial({ maxForwards: 0 });
  await looping.wait(10);
  assert.equal(looped.failure?.type === "response" && looped.failure.response.status, 483);
});
