import assert from "node:assert/strict";
import { test } from "node:test";
import { narrate } from "../../../test/kit/narrate.ts";
import { type NonInviteClient, type NonInviteClientEvent, startNonInviteClient, stepNonInviteClient } from "./non-invite-client.ts";

const play = (reliable: boolean, ...events: NonInviteClientEvent[]): string =>
  narrate<NonInviteClient, NonInviteClientEvent, string>(startNonInviteClient(reliable), stepNonInviteClient, events);

test("over UDP the request is repeated on timer E, doubled up to T2, until timer F (RFC 3261 §17.1.2.2)", () => {
  assert.equal(
    play(false, "timerE", "timerE", "timerE", "timerE", "timerF"),
    `
trying: start timerF 32000, start timerE 500, send-request
timerE → trying: start timerE 1000, send-request
timerE → trying: start timerE 2000, send-request
timerE → trying: start timerE 4000, send-request
timerE → trying: start timerE 4000, send-request
timerF → terminated: tell-timeout`,
  );
});

test("after a provisional it is repeated every T2 (§17.1.2.2)", () => {
  assert.equal(
    play(false, "1xx", "timerE", "1xx", "timerE", "timerF"),
    `
trying: start timerF 32000, start timerE 500, send-request
1xx → proceeding: tell-response
timerE → proceeding: start timerE 4000, send-request
1xx → proceeding: tell-response
timerE → proceeding: start timerE 4000, send-request
timerF → terminated: tell-timeout`,
  );
});

test("over UDP repeats of the final response are absorbed until timer K", () => {
  for (const final of ["2xx", "3xx-6xx"] as const) {
    assert.equal(
      play(false, final, "2xx", "3xx-6xx", "1xx", "transport-error", "timerK").split("\n").slice(2).join("\n"),
      `
${final} → completed: stop repeat, start timerK 5000, tell-response
2xx → completed: -
3xx-6xx → completed: -
1xx → completed: -
transport-error → completed: -
timerK → terminated: -`.slice(1),
    );
  }
});

test("over TCP the request is sent once and the final response ends it", () => {
  assert.equal(
    play(true, "1xx", "2xx"),
    `
trying: start timerF 32000, send-request
1xx → proceeding: tell-response
2xx → terminated: tell-response`,
  );
});

test("a transport error ends it while it waits", () => {
  assert.match(play(false, "transport-error"), /→ terminated: tell-transport-error$/);
  assert.match(play(false, "1xx", "transport-error"), /→ terminated: tell-transport-error$/);
});
