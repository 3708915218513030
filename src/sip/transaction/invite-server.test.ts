import assert from "node:assert/strict";
import { test } from "node:test";
import { narrate } from "../../../test/kit/narrate.ts";
import { type InviteServer, type InviteServerEvent, startInviteServer, stepInviteServer } from "./invite-server.ts";

const play = (reliable: boolean, ...events: InviteServerEvent[]): string =>
  narrate<InviteServer, InviteServerEvent, string>([startInviteServer(reliable), []], stepInviteServer, events);

test("an unanswered INVITE gets 100; repeats get the last provisional (RFC 3261 §17.2.1)", () => {
  assert.equal(
    play(false, "unanswered", "request", "respond-1xx", "request"),
    `
proceeding: -
unanswered → proceeding: send-trying
request → proceeding: resend
respond-1xx → proceeding: send-response
request → proceeding: resend`,
  );
});

test("over UDP a refusal is repeated on timer G up to T2, until the ACK; timer I absorbs more ACKs", () => {
  assert.equal(
    play(false, "respond-final", "timerG", "timerG", "timerG", "timerG", "request", "ack", "ack", "request", "timerI"),
    `
proceeding: -
respond-final → completed: start timerH 32000, start timerG 500, send-response
timerG → completed: start timerG 1000, resend
timerG → completed: start timerG 2000, resend
timerG → completed: start timerG 4000, resend
timerG → completed: start timerG 4000, resend
request → completed: resend
ack → confirmed: stop repeat, start timerI 5000
ack → confirmed: -
request → confirmed: -
timerI → terminated: -`,
  );
});

test("over TCP a refusal is sent once and ends with its ACK", () => {
  assert.equal(
    play(true, "respond-final", "ack"),
    `
proceeding: -
respond-final → completed: start timerH 32000, send-response
ack → terminated: -`,
  );
});

test("without an ACK timer H tells the user", () => {
  for (const reliable of [true, false]) {
    assert.match(play(reliable, "respond-final", "timerH"), /timerH → terminated: tell-no-ack$/);
  }
});

test("after a 2xx repeats of the INVITE are absorbed and the user repeats the 2xx, until timer L (RFC 6026 §7.1)", () => {
  assert.equal(
    play(false, "respond-2xx", "request", "respond-2xx", "ack", "respond-2xx", "timerL"),
    `
proceeding: -
respond-2xx → accepted: start timerL 32000, send-response
request → accepted: -
respond-2xx → accepted: send-response
ack → accepted: tell-ack
respond-2xx → accepted: send-response
timerL → terminated: -`,
  );
});

test("no response changes after the final one", () => {
  assert.match(play(false, "respond-2xx", "respond-final", "respond-1xx"), /respond-final → accepted: -\nrespond-1xx → accepted: -$/);
  assert.match(play(false, "respond-final", "respond-2xx", "respond-1xx", "respond-final"), /(respond-\S+ → completed: -\n?){3}$/);
  assert.match(play(false, "respond-final", "ack", "respond-2xx"), /respond-2xx → confirmed: -$/);
});

test("a transport error is told and ends nothing (RFC 6026 §7.1)", () => {
  assert.match(play(true, "respond-1xx", "transport-error"), /→ proceeding: tell-transport-error$/);
  assert.match(play(true, "respond-2xx", "transport-error"), /→ accepted: tell-transport-error$/);
  assert.match(play(true, "respond-final", "transport-error"), /→ completed: tell-transport-error$/);
  assert.match(play(false, "respond-final", "ack", "transport-error"), /→ confirmed: -$/);
});
