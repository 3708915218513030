import assert from "node:assert/strict";
import { test } from "node:test";
import { type InviteClient, type InviteClientEvent, startInviteClient, stepInviteClient } from "./invite-client.ts";
import { narrate } from "../../../test/kit/narrate.ts";

/** The states and effects that the events lead through, one line each. */
const play = (reliable: boolean, ...events: InviteClientEvent[]): string =>
  narrate<InviteClient, InviteClientEvent, string>(startInviteClient(reliable), stepInviteClient, events);

test("over UDP the INVITE is repeated on timer A, doubled each time, until timer B (RFC 3261 §17.1.1.2)", () => {
  assert.equal(
    play(false, "timerA", "timerA", "timerA", "timerB"),
    `
calling: start timerB 32000, start timerA 500, send-request
timerA → calling: start timerA 1000, send-request
timerA → calling: start timerA 2000, send-request
timerA → calling: start timerA 4000, send-request
timerB → terminated: tell-timeout`,
  );
});

test("over TCP timer A is never started", () => {
  assert.equal(
    play(true, "timerB"),
    `
calling: start timerB 32000, send-request
timerB → terminated: tell-timeout`,
  );
});

test("a provisional stops both timers; each provisional is told", () => {
  assert.equal(
    play(false, "1xx", "1xx", "timerA", "timerB"),
    `
calling: start timerB 32000, start timerA 500, send-request
1xx → proceeding: stop repeat, stop limit, tell-response
1xx → proceeding: tell-response
timerA → proceeding: -
timerB → proceeding: -`,
  );
});

test("every 2xx is told until timer M, whatever came before (RFC 6026 §7.2)", () => {
  assert.equal(
    play(false, "1xx", "2xx", "2xx", "1xx", "3xx-6xx", "transport-error", "2xx", "timerM", "2xx").split("\n").slice(3).join("\n"),
    `
2xx → accepted: stop repeat, start timerM 32000, tell-response
2xx → accepted: tell-response
1xx → accepted: -
3xx-6xx → accepted: -
transport-error → accepted: -
2xx → accepted: tell-response
timerM → terminated: -
2xx → terminated: -`.slice(1),
  );
});

test("timer M runs over TCP as well (RFC 6026 §7.2)", () => {
  assert.match(play(true, "2xx"), /accepted: stop repeat, start timerM 32000, tell-response$/);
});

test("a refusal is acknowledged here, its repeats again, until timer D (§17.1.1.2)", () => {
  assert.equal(
    play(false, "3xx-6xx", "3xx-6xx", "1xx", "2xx", "transport-error", "timerD").split("\n").slice(2).join("\n"),
    `
3xx-6xx → completed: stop repeat, start timerD 32000, send-ack, tell-response
3xx-6xx → completed: send-ack
1xx → completed: -
2xx → completed: tell-stray
transport-error → completed: -
timerD → terminated: -`.slice(1),
  );
});

test("over TCP a refusal ends the transaction with its ACK", () => {
  assert.match(play(true, "3xx-6xx"), /3xx-6xx → terminated: send-ack, tell-response$/);
  assert.match(play(true, "1xx", "3xx-6xx"), /3xx-6xx → terminated: send-ack, tell-response$/);
});

test("CANCEL waits for a provisional (§9.1)", () => {
  assert.equal(
    play(false, "cancel", "timerA", "cancel", "1xx", "1xx"),
    `
calling: start timerB 32000, start timerA 500, send-request
cancel → calling: -
timerA → calling: start timerA 1000, send-request
cancel → calling: -
1xx → proceeding: stop repeat, start timerCancel 32000, send-cancel, tell-response
1xx → proceeding: tell-response`,
  );
});

test("CANCEL is sent once, and 64*T1 later the INVITE counts as cancelled (§9.1)", () => {
  assert.equal(
    play(false, "1xx", "cancel", "cancel", "timerCancel").split("\n").slice(3).join("\n"),
    `
cancel → proceeding: start timerCancel 32000, send-cancel
cancel → proceeding: -
timerCancel → terminated: tell-timeout`.slice(1),
  );
});

test("CANCEL after a final response does nothing", () => {
  for (const final of ["2xx", "3xx-6xx"] as const) assert.match(play(false, final, "cancel"), /\ncancel → \w+: -$/);
});

test("a CANCEL that was wanted before the final response is forgotten", () => {
  assert.doesNotMatch(play(false, "cancel", "2xx"), /send-cancel/);
  assert.doesNotMatch(play(false, "cancel", "3xx-6xx"), /send-cancel/);
});

test("a transport error ends a calling transaction, and is absorbed once the peer has answered", () => {
  assert.match(play(false, "transport-error"), /transport-error → terminated: tell-transport-error$/);
  assert.match(play(true, "cancel", "transport-error"), /transport-error → terminated: tell-transport-error$/);
  assert.match(play(false, "1xx", "transport-error"), /transport-error → proceeding: -$/);
});
