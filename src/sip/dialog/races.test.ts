/** What crosses on the wire: CANCEL, forks, late answers, restarts (RFC 3261 §9, §13.2.2.4; RFC 5407). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualAgent, noSdp, sdp } from "../../../test/kit/virtual-agent.ts";
import { virtualPair as two } from "../../../test/kit/virtual-pair.ts";
import type { Flow } from "#sip/transport/transport.ts";
import type { IncomingInvite } from "./user-agent.ts";

const accept =
  (word: string) =>
  (invite: IncomingInvite): void =>
    void invite.answer(sdp(word), undefined as never);

const flowFromAlice = (localAddress: string): Flow => ({
  transport: "UDP",
  listener: "main",
  localAddress,
  localPort: 5060,
  remoteAddress: "192.0.2.1",
  remotePort: 5060,
  connection: 0,
});

// CANCEL

test("CANCEL waits for the first provisional response (§9.1)", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => (packet.summary === "100 INVITE" && packet.nth < 3 ? "drop" : undefined);
  const call = alice.call(bob);
  call.invite.cancel();
  clock.advance(1000);
  assert.equal(count("CANCEL"), 0);
  clock.advance(1000);
  assert.equal(count("CANCEL"), 1);
  assert.deepEqual(alice.heard, ["trying", "failed 487"]);
  assert.deepEqual(bob.heard, ["INVITE", "CANCEL"]);
  end();
});

test("CANCEL after 180", () => {
  const { clock, alice, bob, end } = two();
  bob.onCall = (invite) => invite.provisional(180, "Ringing", noSdp);
  const call = alice.call(bob);
  clock.advance(1000);
  call.invite.cancel([["Reason", 'SIP;cause=200;text="Call completed elsewhere"']]);
  clock.advance(1000);
  assert.deepEqual(alice.heard, ["180", "failed 487"]);
  assert.deepEqual(bob.heard, ["INVITE", "CANCEL"]);
  assert.equal(bob.lastInvite.pending, false);
  end();
});

test("a 2xx that crosses CANCEL gets ACK and BYE", () => {
  const { clock, network, alice, bob, end, count } = two();
  const call = alice.call(bob);
  clock.advance(1000);
  bob.answer();
  call.invite.cancel();
  clock.advance(1000);
  assert.deepEqual(alice.heard, ["trying", "failed timeout"]);
  assert.equal(call.dialog, undefined);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"]);
  assert.equal(count("BYE"), 1);
  assert.ok(network.packets.some(({ summary }) => summary === "200 CANCEL"));
  end();
});

test("CANCEL that crosses the ACK of a 2xx changes nothing", () => {
  const { clock, alice, bob, up, end } = two();
  const { call, toBob } = up();
  call.invite.cancel();
  call.invite.abandon();
  clock.advance(1000);
  assert.deepEqual([...alice.heard, ...bob.heard], []);
  toBob.bye();
  end();
});

test("an abandoned INVITE is cancelled, and its owner hears nothing more", () => {
  const { clock, alice, bob, end } = two();
  bob.onCall = (invite) => invite.provisional(180, "Ringing", noSdp);
  const call = alice.call(bob);
  clock.advance(1000);
  call.invite.abandon();
  clock.advance(1000);
  assert.deepEqual(alice.heard, ["180"]);
  assert.deepEqual(bob.heard, ["INVITE", "CANCEL"]);
  end();
});

test("an abandoned INVITE that is answered late gets ACK and BYE", () => {
  const { clock, network, alice, bob, end } = two();
  network.fault = (packet) => (packet.summary === "100 INVITE" ? "drop" : undefined);
  const call = alice.call(bob);
  clock.advance(2000);
  call.invite.abandon();
  bob.answer();
  clock.advance(1000);
  assert.deepEqual(alice.heard, []);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"]);
  end();
});

test("a 2xx that comes when the transaction is gone gets ACK and one BYE, however often it comes", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => {
    if (packet.from === "bob" && clock.nowMs() < 33_000) return "drop";
    return packet.summary === "ACK" && packet.nth < 3 ? "drop" : undefined;
  };
  alice.call(bob);
  clock.advance(25_000);
  bob.answer();
  clock.advance(20_000);
  assert.deepEqual(alice.heard, ["failed timeout"]);
  assert.deepEqual(bob.heard, ["INVITE", "BYE"]);
  assert.equal(count("BYE"), 1);
  end();
});

test("a late 2xx repeats until an ACK arrives where BYE is lost", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => {
    if (packet.from === "bob" && clock.nowMs() < 33_000) return "drop";
    return (packet.summary === "ACK" || packet.summary === "BYE") && packet.nth < 3 ? "drop" : undefined;
  };
  alice.call(bob);
  clock.advance(25_000);
  bob.answer();
  clock.advance(30_000);
  assert.deepEqual(bob.heard.slice(1), ["BYE"]);
  assert.ok(count("ACK") >= 1);
  end();
});

test("BYE of the caller in an early dialog ends it like CANCEL (§15)", () => {
  const { clock, network, alice, bob, end } = two();
  bob.onCall = (invite) => invite.provisional(183, "Session Progress", noSdp);
  alice.call(bob);
  clock.advance(100);
  const invite = network.packets[0]!.wire;
  const bye = invite
    .replaceAll("INVITE", "BYE")
    .replace("CSeq: 1", "CSeq: 2")
    .replace(/(\r\nTo: [^\r]*)/, "$1;tag=bob-1-1")
    .replace(/branch=[^;]*/, "branch=z9hG4bKbye");
  alice.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 }, bye);
  clock.advance(100);
  assert.deepEqual(bob.heard, ["INVITE", "BYE"]);
  assert.deepEqual(alice.heard, ["183", "failed 487"]);
  end();
});

test("UPDATE in an early dialog is for the owner, else answered 500 with Retry-After (RFC 3311 §5.2)", () => {
  const { clock, network, alice, bob, end } = two();
  bob.onCall = (invite) => invite.provisional(183, "Session Progress", noSdp);
  const call = alice.call(bob);
  clock.advance(100);
  const target = { transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 } as const;
  const send = (cseq: number): string => {
    const update = network.packets[0]!.wire.replaceAll("INVITE", "UPDATE")
      .replace("CSeq: 1", `CSeq: ${cseq}`)
      .replace(/(\r\nTo: [^\r]*)/, "$1;tag=bob-1-1")
      .replace(/branch=[^;]*/, `branch=z9hG4bKupdate${cseq}`);
    alice.transport.inject(target, update);
    clock.advance(100);
    return network.packets.at(-1)!.wire;
  };
  assert.match(send(2), /^SIP\/2.0 500 [^]*\r\nRetry-After: \d+\r\n/);
  bob.lastInvite.onRequest = (transaction) => bob.onDialogRequest(transaction);
  assert.match(send(3), /^SIP\/2.0 200 /);
  call.invite.cancel();
  end();
});

test("requests of the callee in an early dialog reach the owner of the INVITE, or are answered", () => {
  const { clock, network, alice, bob, end } = two();
  bob.onCall = (invite) => invite.provisional(183, "Session Progress", noSdp);
  const call = alice.call(bob);
  clock.advance(100);
  const ringing = network.packets.find(({ summary }) => summary === "183 INVITE")!.wire;
  const value = (name: string) => new RegExp(`\\r\\n${name}: ([^\\r]*)`).exec(ringing)![1]!;
  const send = (method: string) => {
    const request =
      `${method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK${method}\r\nMax-Forwards: 70\r\n` +
      `From: ${value("To")}\r\nTo: ${value("From")}\r\nCall-ID: ${value("Call-ID")}\r\nCSeq: 7 ${method}\r\nContent-Length: 0\r\n\r\n`;
    bob.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.1", port: 5060 }, request);
    clock.advance(100);
    return network.packets.at(-1)!.summary;
  };
  assert.equal(send("OPTIONS"), "200 OPTIONS");
  assert.equal(send("INFO"), "500 INFO");
  assert.equal(send("BYE"), "481 BYE");
  call.invite.cancel();
  end();
});

// Forks

test("forks ring side by side; the second to answer gets ACK and BYE", () => {
  const { clock, network, alice, bob, end, count } = two();
  const carol = new VirtualAgent(network, clock, { name: "carol", address: "192.0.2.3", seed: 30 });
  // Bob's element forks: carol gets the same INVITE and answers along the same Via.
  const ring = (invite: IncomingInvite): void => invite.provisional(180, "Ringing", noSdp);
  bob.onCall = ring;
  carol.onCall = ring;
  const call = alice.call(bob);
  clock.advance(50);
  carol.transport.receive(network.packets[0]!.wire, flowFromAlice("192.0.2.3"));
  clock.advance(50);
  assert.deepEqual(alice.heard, ["180", "180"]);
  network.fault = (packet) => (packet.summary === "ACK" && packet.to === "carol" && packet.nth === 1 ? "drop" : undefined);
  bob.answer();
  carol.answer();
  clock.advance(5000);
  assert.deepEqual(alice.heard, ["180", "180", "answered"]);
  assert.equal(call.dialog!.state.remoteTag, "bob-1-1");
  assert.deepEqual(bob.heard, ["INVITE", "ACK"]);
  assert.equal(carol.heard.at(-1), "BYE");
  assert.equal(count("BYE"), 1);
  call.dialog!.bye();
  end();
  assert.ok(carol.idle);
});

test("a fork that answers when the call is over gets ACK and one BYE, however often it comes", () => {
  const { clock, network, alice, bob, end, count } = two();
  const carol = new VirtualAgent(network, clock, { name: "carol", address: "192.0.2.3", seed: 30 });
  const ring = (invite: IncomingInvite): void => invite.provisional(180, "Ringing", noSdp);
  bob.onCall = ring;
  carol.onCall = ring;
  const call = alice.call(bob);
  clock.advance(50);
  carol.transport.receive(network.packets[0]!.wire, flowFromAlice("192.0.2.3"));
  clock.advance(50);
  bob.answer();
  clock.advance(1000);
  call.dialog!.bye();
  clock.advance(1000);
  network.fault = (packet) => (packet.summary === "ACK" && packet.to === "carol" && packet.nth < 3 ? "drop" : undefined);
  carol.answer();
  clock.advance(5000);
  assert.deepEqual(alice.heard, ["180", "180", "answered"]);
  assert.equal(carol.heard.at(-1), "BYE");
  assert.equal(count("BYE"), 2);
  end();
  assert.ok(carol.idle);
});

test("a repeat of the 2xx that arrives after the call gets its ACK, in the same dialog and with the same CSeq", () => {
  const { clock, network, alice, up, end, count } = two();
  const { call } = up();
  const answer = network.packets.find(({ summary }) => summary === "200 INVITE")!;
  const first = network.packets.find(({ summary }) => summary === "ACK")!;
  call.dialog!.bye();
  clock.advance(1000);
  const acks = count("ACK");
  alice.transport.receive(answer.wire, { ...flowFromAlice("192.0.2.1"), remoteAddress: "192.0.2.2" });
  clock.advance(1000);
  assert.equal(count("ACK"), acks + 1);
  assert.equal(count("BYE"), 1);
  const again = network.packets.findLast(({ summary }) => summary === "ACK")!;
  const field = (wire: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(wire)?.[1];
  for (const name of ["From", "To", "Call-ID", "CSeq"]) assert.equal(field(again.wire, name), field(first.wire, name));
  assert.equal(again.wire.split("\r\n")[0], first.wire.split("\r\n")[0]);
  assert.equal(again.to, "bob");
  end();
});

// Crash and restart

test("a restored dialog goes on where it was: INFO, re-INVITE, BYE", () => {
  const { clock, alice, bob, up, end } = two();
  const { toAlice } = up();
  const state = JSON.parse(JSON.stringify(toAlice.state));
  bob.boot();
  const restored = bob.agent.restore(state, bob.dialogUser);
  assert.equal(bob.agent.dialogs, 1);
  alice.onReinvited = accept("answer");
  bob.request(restored, "INFO");
  clock.advance(100);
  bob.reinvite(restored);
  clock.advance(100);
  restored.bye();
  clock.advance(100);
  assert.deepEqual(bob.heard, ["INFO 200", "re-INVITE answered"]);
  assert.deepEqual(alice.heard, ["INFO", "re-INVITE", "ACK", "BYE"]);
  end();
});

test("after a restart the repeated 2xx of an ACK that nobody remembers is acknowledged", () => {
  const { clock, alice, bob, end, drop } = two();
  drop("ACK 1");
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob);
  clock.advance(100);
  const { state } = call.dialog!;
  alice.boot();
  const restored = alice.agent.restore(state, alice.dialogUser);
  clock.advance(1000);
  assert.deepEqual(bob.heard, ["INVITE", "ACK"]);
  restored.bye();
  end();
});

test("after a restart an INVITE that still rings is cancelled, and its 487 acknowledged", () => {
  const { clock, alice, bob, end, count } = two();
  bob.onCall = (invite) => invite.provisional(180, "Ringing", noSdp);
  const parameters = alice.parameters(bob);
  alice.call(bob, parameters);
  clock.advance(100);
  alice.boot();
  alice.agent.recoverInvite(JSON.parse(JSON.stringify(parameters)), [["Reason", "SIP;cause=500"]]);
  clock.advance(100);
  assert.deepEqual(bob.heard, ["INVITE", "CANCEL"]);
  assert.deepEqual([count("487 INVITE"), count("ACK")], [1, 1]);
  end();
});

test("after a restart a 2xx to an INVITE of the former process gets ACK and BYE", () => {
  const { clock, alice, bob, end, count } = two();
  const parameters = alice.parameters(bob);
  alice.call(bob, parameters);
  clock.advance(100);
  alice.boot();
  bob.answer();
  alice.agent.recoverInvite(parameters);
  clock.advance(100);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"]);
  assert.equal(count("BYE"), 1);
  end();
});

test("a 2xx that nobody waits for gets nothing", () => {
  const { clock, alice, bob, count, network } = two();
  alice.call(bob);
  clock.advance(100);
  alice.boot();
  bob.onNoAck = () => bob.dialog!.bye();
  bob.answer();
  clock.advance(33_000);
  assert.equal(count("ACK"), 0);
  assert.equal(bob.heard.at(-1), "no ACK");
  assert.equal(network.packets.at(-1)!.summary, "481 BYE");
});

test("what the owner does after the end has no effect", () => {
  const { clock, network, alice, bob, up, end } = two();
  const { toBob, toAlice } = up();
  toBob.bye();
  clock.advance(100);
  const packets = network.packets.length;
  for (const dialog of [toBob, toAlice]) {
    dialog.bye();
    dialog.ack("");
    alice.request(dialog, "INFO");
    alice.reinvite(dialog);
  }
  bob.lastInvite.reject(500, "Server Internal Error");
  bob.lastInvite.provisional(180, "Ringing", noSdp);
  clock.advance(100);
  assert.equal(network.packets.length, packets);
  end();
});

test("an answer after CANCEL says nothing on the wire", () => {
  const { clock, alice, bob, end, count } = two();
  const call = alice.call(bob);
  clock.advance(100);
  call.invite.cancel();
  clock.advance(100);
  bob.answer().bye();
  clock.advance(1000);
  assert.deepEqual([count("200 INVITE"), count("BYE")], [0, 0]);
  end();
});
