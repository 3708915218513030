/**
 * One pattern repeated to the length of a datagram, in every header field that we read, in the Request-URI and
 * in the body: whatever an INVITE is asked on its way through takes time that grows with its length, not
 * with the square of it. Measured as processor time, because the machine may be busy.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenSigner } from "#base/ids.ts";
import { callerOf } from "#call/caller-identity.ts";
import { ownCallsIn } from "#call/own-marks.ts";
import { passedHeaders } from "#call/pass-headers.ts";
import { sdpBodyOf } from "#call/sdp-body.ts";
import { codecsOf } from "#sdp/codecs.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { relayDescription } from "#sdp/relay-description.ts";
import { writeSdp } from "#sdp/write-sdp.ts";
import { parseChallenges, parseCredentials } from "#sip/auth/parse-digest.ts";
import { dialogOfUas, requestInDialog, withoutTag } from "#sip/dialog/dialog.ts";
import { DEFAULT_POLICY, inspectRequest } from "#sip/dialog/inspect-request.ts";
import { answerable } from "#sip/message/answerable.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { checkRequest } from "#sip/message/check-request.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { reasonsOf } from "#sip/message/reason.ts";
import { serializeResponse } from "#sip/message/serialize.ts";
import { responseDestination, topBranch } from "#sip/transport/via-response.ts";

const VALUE_CHARS = 60_000;
/** Linear work takes a few ms; a square of 60,000 takes half a second and more. */
const MESSAGE_MS_MAX = 200;

const PATTERNS = [
  ...[";", ",", "<", ">", '"', "\\", "(", ")", " ", "\t", "=", "a", "1", ":", "@", "%41", "[", ".", "-", "\0", "\xe9", "\r\n "],
  ...[";a", ";a=b", ";tag=x", "; tag ", ";branch=", ", ", "<sip:a@b>", ",<sip:a@b>", '"a" ', "( ", "\\(", "sip:", "sips:a", 'a="', "a=b, "],
  ...["digest ", "boundary=", "a=\r\n", "a=rtpmap:0 PCMU/8000\r\n", "m=audio 1 RTP/AVP 0\r\n", "--x\r\n", "content-type:application/sdp "],
];
const PLAIN: Readonly<Record<string, string>> = {
  "Request-URI": "sip:x@y",
  Via: "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKx",
  From: "<sip:a@b>;tag=1",
  To: "<sip:c@d>",
  Contact: "<sip:a@192.0.2.2>",
  "Call-ID": "x",
  CSeq: "1 INVITE",
  "Content-Type": "application/sdp",
  "Record-Route": "<sip:p;lr>",
  Route: "<sip:p;lr>",
  Reason: "Q.850;cause=16",
  "Content-Disposition": "session",
  "P-Asserted-Identity": "<sip:a@b>",
  Privacy: "id",
  Authorization: "Digest realm=x",
  "WWW-Authenticate": "Digest realm=x",
  Allow: "INVITE",
  Require: "x",
  "X-Other": "x",
  Body: "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n",
};

function wireWith(name: string, value: string): string {
  const { "Request-URI": uri, Body: body, ...headers } = { ...PLAIN, [name]: value };
  const lines = Object.entries(headers).map(([field, text]) => `${field}: ${text}\r\n`);
  return `INVITE ${uri?.replace(/[\r\n]/g, "")} SIP/2.0\r\n${lines.join("")}Content-Length: ${body!.length}\r\n\r\n${body}`;
}

const flow = {
  transport: "UDP",
  listener: "l",
  localAddress: "192.0.2.1",
  localPort: 5060,
  remoteAddress: "192.0.2.2",
  remotePort: 5060,
  connection: 0,
} as const;
const signer = new TokenSigner(new Uint8Array(32), "n1");
const address = "192.0.2.1";

/** What an INVITE is asked between its datagram and the gateway. */
function readAll(request: ReceivedRequest): void {
  checkRequest(request);
  request.vias();
  request.contacts();
  request.routes();
  request.recordRoutes();
  request.maxForwards();
  request.uri();
  inspectRequest(request, "UDP", DEFAULT_POLICY);
  callerOf(request);
  ownCallsIn(request, signer);
  reasonsOf(request);
  passedHeaders(request, ["x-*"]);
  withoutTag(request.header("From") ?? "");
  parseChallenges(request.headerLines("WWW-Authenticate"));
  for (const line of request.headerLines("Authorization")) parseCredentials(line);
  requestInDialog(dialogOfUas(request, flow, "t", "sip:x@y", true), "BYE", 2, { headers: [], body: "" });
  const response = serializeResponse(buildResponse(request, 400, undefined, { toTag: "t", received: { address, rport: 1 } }));
  responseDestination(response, flow);
  topBranch(response);
  const body = sdpBodyOf(request);
  const description = body.type === "sdp" ? parseSdp(body.text) : undefined;
  if (description?.ok !== true) return;
  description.value.media.forEach(codecsOf);
  const local = { address, port: 4000, rtcpPort: 4001 };
  const relayed = relayDescription({
    received: description.value,
    origin: { sessionId: "1", sessionVersion: "1", address },
    local,
    rtcpMux: false,
    role: "offer",
  });
  if (relayed.ok) writeSdp(relayed.value);
}

function read(wire: string): void {
  const message = parseMessage(wire);
  if (!message.ok) answerable(wire);
  else if (message.value.kind === "request") readAll(message.value);
}

function processorMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

test("no pattern in any value of an INVITE makes reading it quadratic", () => {
  const slow: string[] = [];
  for (const [name, plain] of Object.entries(PLAIN)) {
    for (const pattern of PATTERNS) {
      for (const before of ["", plain]) {
        const wire = wireWith(name, before + pattern.repeat(VALUE_CHARS / pattern.length));
        // A collection of garbage can fall into one run, hardly into three.
        const times = [0, 0, 0].map(() => Infinity);
        for (let i = 0; i < times.length && Math.min(...times) > MESSAGE_MS_MAX; i++) times[i] = processorMs(() => read(wire));
        if (Math.min(...times) > MESSAGE_MS_MAX) slow.push(`${name} ${JSON.stringify(pattern)}: ${Math.round(Math.min(...times))} ms`);
      }
    }
  }
  assert.deepEqual(slow, []);
});
