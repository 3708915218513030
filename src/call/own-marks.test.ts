import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallId, TokenSigner } from "#base/ids.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { ownCallsIn } from "./own-marks.ts";

const signer = new TokenSigner(new Uint8Array(32).fill(7), "n1");
const OURS = "0123456789abcdef" as CallId;
const TOKEN = signer.sign(OURS);

function request({ callId = "x", tag = "y", vias = ["SIP/2.0/UDP h;branch=z9hG4bKz"], contact = "<sip:u@h>" }): ReceivedRequest {
  const message = parseMessage(
    [
      "INVITE sip:a@b SIP/2.0",
      ...vias.map((via) => `Via: ${via}`),
      `From: <sip:c@d>;tag=${tag}`,
      "To: <sip:a@b>",
      `Call-ID: ${callId}`,
      "CSeq: 1 INVITE",
      `Contact: ${contact}`,
      "",
      "",
    ].join("\r\n"),
  );
  assert.ok(message.ok && message.value.kind === "request");
  return message.value;
}

test("our token is found in Call-ID, From tag, any Via and Contact, once", () => {
  assert.deepEqual(ownCallsIn(request({}), signer), []);
  assert.deepEqual(ownCallsIn(request({ callId: `${TOKEN}b1`, tag: `${TOKEN}b1` }), signer), [OURS]);
  assert.deepEqual(
    ownCallsIn(request({ vias: ["SIP/2.0/UDP p;branch=z9hG4bKp", `SIP/2.0/UDP h;rport;branch=z9hG4bK${TOKEN}b1.1`] }), signer),
    [OURS],
  );
  assert.deepEqual(ownCallsIn(request({ contact: `<sip:${TOKEN}b1@h:5060;transport=tcp>` }), signer), [OURS]);
});

test("a forged or another key's token is nobody's", () => {
  assert.deepEqual(
    ownCallsIn(request({ callId: `${TOKEN.slice(0, -1)}!`, tag: new TokenSigner(new Uint8Array(32), "n1").sign(OURS) }), signer),
    [],
  );
});
