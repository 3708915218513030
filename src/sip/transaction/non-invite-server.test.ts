import assert from "node:assert/strict";
import { test } from "node:test";
import { narrate } from "../../../test/kit/narrate.ts";
import { type NonInviteServer, type NonInviteServerEvent, startNonInviteServer, stepNonInviteServer } from "./non-invite-server.ts";

const play = (reliable: boolean, ...events: NonInviteServerEvent[]): string =>
  narrate<NonInviteServer, NonInviteServerEvent, string>([startNonInviteServer(reliable), []], stepNonInviteServer, events);

test("a request that is answered at once needs timer J alone; repeats get the same answer (RFC 3261 §17.2.2)", () => {
  assert.equal(
    play(false, "respond-final", "request", "request", "respond-final", "timerJ"),
    `
trying: -
respond-final → completed: stop repeat, start timerJ 32000, send-response
request → completed: resend
request → completed: resend
respond-final → completed: -
timerJ → terminated: -`,
  );
});

test("over TCP the answer ends it", () => {
  assert.match(play(true, "respond-final"), /respond-final → terminated: send-response$/);
});

test("a slow answer: repeats are dropped, 100 after 3.5 s (RFC 4320 §4.1)", () => {
  assert.equal(
    play(false, "unanswered", "request", "timerTrying", "request", "respond-final"),
    `
trying: -
unanswered → trying: start timerTrying 3500, start timerLate 32000
request → trying: -
timerTrying → proceeding: send-trying
request → proceeding: resend
respond-final → completed: stop repeat, start timerJ 32000, send-response`,
  );
});

test("the user's provisional is not sent (RFC 4320 §4.1)", () => {
  assert.match(play(false, "unanswered", "respond-1xx", "timerTrying", "respond-1xx"), /respond-1xx → proceeding: -$/);
});

test("no 408 to a non-INVITE, and no late final either (RFC 4320 §4.2)", () => {
  assert.equal(
    play(false, "unanswered", "respond-408", "request", "respond-final", "timerJ").split("\n").slice(3).join("\n"),
    `
respond-408 → silenced: stop repeat, start timerJ 32000
request → silenced: -
respond-final → silenced: -
timerJ → terminated: -`.slice(1),
  );
  assert.match(
    play(false, "unanswered", "timerTrying", "timerLate", "respond-final"),
    /timerLate → terminated: -\nrespond-final → terminated: -$/,
  );
});

test("a transport error ends it", () => {
  assert.match(play(false, "transport-error"), /→ terminated: -$/);
  assert.match(play(false, "respond-final", "transport-error"), /→ terminated: -$/);
});
