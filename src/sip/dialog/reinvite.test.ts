/** Re-INVITEs: one after the other, at once, refused, cancelled, and as the dialog ends (RFC 3261 §14; RFC 5407). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { noSdp, sdp } from "../../../test/kit/virtual-agent.ts";
import { virtualPair as two } from "../../../test/kit/virtual-pair.ts";
import type { IncomingInvite } from "./user-agent.ts";

const accept =
  (word: string) =>
  (invite: IncomingInvite): void =>
    void invite.answer(sdp(word), undefined as never);

test("re-INVITE both ways, one after the other", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob, toAlice } = up();
  alice.onReinvited = accept("answer of alice");
  bob.onReinvited = accept("answer of bob");
  alice.reinvite(toBob);
  assert.equal(toBob.invitePending, true);
  clock.advance(100);
  bob.reinvite(toAlice, noSdp, sdp("late answer").body);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["re-INVITE answered", "re-INVITE", "ACK with late answer"]);
  assert.deepEqual(bob.heard, ["re-INVITE", "ACK", "re-INVITE answered"]);
  assert.equal(toBob.invitePending, false);
  toBob.bye();
  end();
});

test("a refused re-INVITE leaves the dialog as it was", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob } = up();
  bob.onReinvited = (invite) => invite.reject(488, "Not Acceptable Here");
  alice.reinvite(toBob);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["re-INVITE failed 488"]);
  toBob.bye();
  end();
  assert.deepEqual(bob.heard, ["re-INVITE", "BYE"]);
});

test("re-INVITEs that cross are both answered 491 (§14.2)", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob, toAlice } = up();
  alice.reinvite(toBob);
  bob.reinvite(toAlice);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["re-INVITE failed 491"]);
  assert.deepEqual(bob.heard, ["re-INVITE failed 491"]);
  toBob.bye();
  end();
});

test("a second INVITE while the first is pending is answered 500 with Retry-After (§14.2)", () => {
  const { clock, network, alice, up, end, bob } = two();
  const { toBob } = up();
  alice.reinvite(toBob);
  clock.advance(100);
  const second = network.packets
    .findLast(({ summary }) => summary === "INVITE")!
    .wire.replace("CSeq: 2", "CSeq: 3")
    .replace(/branch=[^;]*/, "branch=z9hG4bKsecond");
  alice.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 }, second);
  clock.advance(11);
  assert.match(network.packets.at(-1)!.wire, /^SIP\/2.0 500 [^]*\r\nRetry-After: \d+\r\n/);
  bob.lastReinvite.answer(sdp("answer"), bob.dialogUser);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["re-INVITE answered"]);
  bob.dialog!.bye();
  end();
});

test("CANCEL of a pending re-INVITE ends it with 487, not the dialog", () => {
  const { clock, network, alice, bob, up, end } = two();
  const { toBob } = up();
  alice.reinvite(toBob);
  clock.advance(100);
  bob.lastReinvite.onCancelled = () => bob.hear("CANCEL");
  const invite = network.packets.findLast(({ summary }) => summary === "INVITE")!.wire;
  const cancel = invite
    .replaceAll("INVITE", "CANCEL")
    .replace(/Content-Type[^\r]*\r\n/, "")
    .replace(/Content-Length[^]*$/, "Content-Length: 0\r\n\r\n");
  alice.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 }, cancel);
  clock.advance(100);
  assert.deepEqual(bob.heard, ["re-INVITE", "CANCEL"]);
  assert.deepEqual(alice.heard, ["re-INVITE failed 487"]);
  alice.request(toBob, "INFO");
  clock.advance(100);
  assert.equal(alice.heard.at(-1), "INFO 200");
  toBob.bye();
  end();
});

test("BYE ends a pending re-INVITE of the same side with 487 (§15.1.2)", () => {
  const { clock, alice, bob, up, end, count } = two();
  const { toBob } = up();
  alice.reinvite(toBob);
  clock.advance(100);
  toBob.bye();
  clock.advance(100);
  assert.deepEqual(bob.heard, ["re-INVITE", "BYE"]);
  assert.deepEqual(alice.heard, []);
  assert.equal(count("487 INVITE"), 1);
  end();
});

test("BYE of the side that was asked ends the re-INVITE too", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob, toAlice } = up();
  alice.reinvite(toBob);
  clock.advance(100);
  toAlice.bye();
  clock.advance(100);
  assert.deepEqual(alice.heard, ["re-INVITE failed 487", "BYE"]);
  assert.deepEqual(bob.heard, ["re-INVITE"]);
  assert.equal(bob.lastReinvite.pending, false);
  end();
});

test("BYE that crosses the 2xx of a re-INVITE: the 2xx is still acknowledged (RFC 5407 §3.2)", () => {
  const { clock, alice, bob, up, end, count } = two();
  const { toBob } = up();
  alice.reinvite(toBob);
  clock.advance(100);
  bob.lastReinvite.answer(sdp("answer"), bob.dialogUser);
  toBob.bye();
  clock.advance(1000);
  assert.deepEqual(bob.heard, ["re-INVITE", "BYE"]);
  assert.equal(count("ACK"), 2);
  end();
});

test("a re-INVITE that overtakes the first ACK is served, unless that ACK owes an answer (RFC 5407 §3.1.4, §3.1.5)", () => {
  for (const [offer, expected] of [
    ["offer", "re-INVITE answered"],
    ["", "re-INVITE failed 491"],
  ] as const) {
    const { clock, network, alice, bob, end } = two();
    network.fault = (packet) => (packet.summary === "ACK" && packet.nth === 1 ? "drop" : undefined);
    bob.onCall = () => void bob.answer();
    bob.onReinvited = accept("answer");
    const call = alice.call(bob, offer === "" ? noSdp : {});
    clock.advance(100);
    alice.reinvite(call.dialog!);
    clock.advance(5000);
    assert.equal(alice.heard.at(-1), expected);
    assert.equal(bob.heard.filter((line) => line.startsWith("ACK")).length, offer === "" ? 1 : 2);
    call.dialog!.bye();
    end();
  }
});

test("our re-INVITE waits until the peer acknowledged our 2xx (§14.1)", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => (packet.summary === "ACK" && packet.nth === 1 ? "drop" : undefined);
  alice.onReinvited = accept("answer");
  bob.onCall = () => {
    bob.answer();
    bob.reinvite(bob.dialog!);
  };
  const call = alice.call(bob);
  clock.advance(400);
  assert.equal(count("INVITE"), 1);
  clock.advance(1000);
  assert.deepEqual(alice.heard, ["answered", "re-INVITE", "ACK"]);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "re-INVITE answered"]);
  call.dialog!.bye();
  end();
});

test("a lost ACK of a re-INVITE comes again with the repeated 2xx", () => {
  const { clock, alice, bob, up, end, drop } = two();
  const { toBob } = up();
  drop("ACK 2", "ACK 3");
  bob.onReinvited = accept("answer");
  alice.reinvite(toBob, noSdp, sdp("late").body);
  clock.advance(5000);
  assert.deepEqual(bob.heard, ["re-INVITE", "ACK with late"]);
  toBob.bye();
  end();
});

test("a re-INVITE that nobody answers is a timeout; its late 2xx is acknowledged", () => {
  const { clock, network, alice, bob, up, end } = two();
  const { toBob } = up();
  network.fault = (packet) => (packet.from === "bob" && clock.nowMs() < 33_000 ? "drop" : undefined);
  alice.reinvite(toBob);
  clock.advance(25_000);
  bob.lastReinvite.answer(sdp("late"), bob.dialogUser);
  clock.advance(20_000);
  assert.deepEqual(alice.heard, ["re-INVITE failed timeout"]);
  assert.deepEqual(bob.heard, ["re-INVITE", "ACK"]);
  toBob.bye();
  end();
});
