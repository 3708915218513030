/** Whole calls between two agents on a virtual network: what the wire shows and what the users hear. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualAgent, noSdp, sdp, wordOf } from "../../../test/kit/virtual-agent.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { VirtualNetwork } from "../../../test/kit/virtual-network.ts";
import { virtualPair as two } from "../../../test/kit/virtual-pair.ts";
import { respondInDialog } from "./respond.ts";

const ladder = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.slice(4))
    .slice(1, -1)
    .join("\n");
const field = (wire: string, name: string): string | undefined => new RegExp(`\\r\\n${name}: ([^\\r]*)`).exec(wire)?.[1];

test("a call: INVITE, ringing, answer, ACK, BYE", () => {
  const { clock, network, alice, bob, end } = two();
  const call = alice.call(bob);
  clock.advance(100);
  bob.lastInvite.provisional(180, "Ringing", noSdp);
  clock.advance(2900);
  bob.answer();
  clock.advance(1000);
  call.dialog!.bye();
  clock.advance(1000);
  assert.equal(
    network.ladder(),
    ladder(`
         0  alice → bob    INVITE
        10  bob: INVITE
        10  bob   → alice  100 INVITE
        20  alice: trying
       100  bob   → alice  180 INVITE
       110  alice: 180
      3000  bob   → alice  200 INVITE
      3010  alice: answered
      3010  alice → bob    ACK
      3020  bob: ACK
      4000  alice → bob    BYE
      4010  bob: BYE
      4010  bob   → alice  200 BYE
    `),
  );
  assert.equal(wordOf(call.answer), "answer");
  end();
});

test("the callee ends a call as well", () => {
  const { clock, alice, bob, up, end } = two();
  up().toAlice.bye([["Reason", "Q.850;cause=16"]]);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["BYE"]);
  assert.deepEqual(bob.heard, []);
  end();
});

test("BYEs that cross are both answered 200", () => {
  const { clock, alice, bob, up, end, count } = two();
  const { toBob, toAlice } = up();
  toBob.bye();
  toAlice.bye();
  clock.advance(100);
  assert.equal(count("200 BYE"), 2);
  assert.deepEqual([...alice.heard, ...bob.heard], []);
  end();
});

test("requests and responses carry tags, Contact, Allow and nothing else of ours", () => {
  const { clock, up, wire } = two();
  up().toBob.bye();
  clock.advance(100);
  const invite = wire("INVITE");
  assert.equal(field(invite, "From"), `"alice" <sip:alice@example.com>;tag=alice-1-1`);
  assert.equal(field(invite, "To"), "<sip:callee@example.net>");
  assert.equal(field(invite, "Contact"), "<sip:alice-1-1@192.0.2.1:5060>");
  assert.equal(field(invite, "Supported"), undefined);
  assert.equal(field(invite, "User-Agent"), undefined);
  assert.equal(field(invite, "Allow"), "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE");
  const answer = wire("200 INVITE");
  assert.equal(field(answer, "To"), "<sip:callee@example.net>;tag=bob-1-1");
  assert.equal(field(answer, "Contact"), "<sip:bob-1-1@192.0.2.2:5060>");
  const bye = wire("BYE");
  assert.match(bye, /^BYE sip:bob-1-1@192.0.2.2:5060 SIP/);
  assert.equal(field(bye, "CSeq"), "2 BYE");
  assert.equal(field(bye, "To"), "<sip:callee@example.net>;tag=bob-1-1");
  assert.equal(field(bye, "Contact"), undefined);
});

test("a late offer: the 2xx offers and the ACK answers", () => {
  const { clock, alice, bob, end } = two();
  const call = alice.call(bob, noSdp);
  clock.advance(100);
  bob.answer(sdp("offer of bob"));
  clock.advance(100);
  assert.equal(wordOf(call.answer), "offer of bob");
  assert.deepEqual(bob.heard, ["INVITE", "ACK with answer"]);
  call.dialog!.bye();
  end();
});

test("a provisional response is repeated every minute while the call rings (§13.3.1.1)", () => {
  const { clock, alice, bob, end } = two();
  alice.call(bob);
  clock.advance(10);
  bob.lastInvite.provisional(180, "Ringing", noSdp);
  clock.advance(150_000);
  assert.deepEqual(alice.heard, ["trying", "180", "180", "180"]);
  bob.lastInvite.reject(486, "Busy Here");
  clock.advance(100);
  assert.equal(alice.heard.at(-1), "failed 486");
  end();
});

test("a refused call is acknowledged and forgotten", () => {
  const { alice, bob, end, count } = two();
  bob.onCall = (invite) => invite.reject(486, "Busy Here", [["Reason", "Q.850;cause=17"]]);
  alice.call(bob);
  end();
  assert.deepEqual(alice.heard, ["failed 486"]);
  assert.equal(count("ACK"), 1);
});

test("a lost ACK: the 2xx is repeated and each repeat acknowledged (§13.3.1.4)", () => {
  const { clock, alice, bob, end, count, drop } = two();
  drop("ACK 1", "ACK 2");
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob, noSdp);
  clock.advance(5000);
  assert.deepEqual(bob.heard, ["INVITE", "ACK with answer"]);
  assert.deepEqual(alice.heard, ["answered"]);
  assert.equal(count("200 INVITE"), 3);
  assert.equal(count("ACK"), 3);
  call.dialog!.bye();
  end();
});

test("a lost 2xx comes again", () => {
  const { clock, alice, bob, end, drop } = two();
  drop("100 INVITE 1", "200 INVITE 1", "200 INVITE 2");
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob);
  clock.advance(10_000);
  assert.deepEqual(alice.heard, ["answered"]);
  assert.deepEqual(bob.heard, ["INVITE", "ACK"]);
  call.dialog!.bye();
  end();
});

test("the owner's slow ACK is not forestalled by repeats of the 2xx", () => {
  const { clock, alice, bob, end, count } = two();
  bob.onCall = () => void bob.answer(sdp("offer of bob"));
  const call = alice.call(bob, noSdp, false);
  clock.advance(8000);
  assert.equal(count("ACK"), 0);
  call.dialog!.ack(sdp("slow").body);
  clock.advance(1000);
  assert.deepEqual(bob.heard, ["INVITE", "ACK with slow"]);
  assert.equal(count("ACK"), 1);
  call.dialog!.bye();
  end();
});

test("no ACK at all: the 2xx is repeated for 64*T1, then the owner hears it and says BYE", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => (packet.summary === "ACK" ? "drop" : undefined);
  bob.onCall = () => void bob.answer();
  bob.onNoAck = () => bob.dialog!.bye();
  alice.call(bob);
  clock.advance(32_000);
  assert.deepEqual(bob.heard, ["INVITE"]);
  assert.equal(count("200 INVITE"), 11);
  clock.advance(100);
  assert.deepEqual(bob.heard, ["INVITE", "no ACK"]);
  assert.deepEqual(alice.heard, ["answered", "BYE"]);
  end();
});

test("the callee's BYE waits for the ACK (§15)", () => {
  const { clock, alice, bob, end, count, drop } = two();
  drop("ACK 1");
  bob.onCall = () => bob.answer().bye();
  alice.call(bob);
  clock.advance(400);
  assert.equal(count("BYE"), 0);
  clock.advance(1000);
  assert.deepEqual(alice.heard, ["answered", "BYE"]);
  assert.deepEqual(bob.heard, ["INVITE"]);
  end();
});

test("the callee's BYE goes after 64*T1 where the ACK never comes (§15)", () => {
  const { clock, network, alice, bob, end, count } = two();
  network.fault = (packet) => (packet.summary === "ACK" ? "drop" : undefined);
  bob.onCall = () => bob.answer().bye();
  alice.call(bob);
  clock.advance(31_999);
  assert.equal(count("BYE"), 0);
  clock.advance(100);
  assert.deepEqual(alice.heard, ["answered", "BYE"]);
  assert.deepEqual(bob.heard, ["INVITE"]);
  end();
});

test("BYE of the caller before its ACK arrives ends the repeats (RFC 5407 §3.1.6)", () => {
  const { clock, network, bob, alice, end, count } = two();
  network.fault = (packet) => (packet.summary === "ACK" ? { delayMs: 300 } : undefined);
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob);
  clock.advance(20);
  call.dialog!.bye();
  clock.advance(5000);
  assert.deepEqual(bob.heard, ["INVITE", "BYE"]);
  assert.equal(count("200 INVITE"), 1);
  end();
});

test("an owner that says BYE without ACK leaves the ACK to the agent", () => {
  const { clock, alice, bob, end, count } = two();
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob, {}, false);
  clock.advance(20);
  call.dialog!.bye();
  clock.advance(100);
  assert.equal(count("ACK"), 1);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"]);
  end();
});

test("INFO and UPDATE pass both ways; the 2xx to UPDATE refreshes the target", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob, toAlice } = up();
  alice.request(toBob, "INFO", { headers: [], contentType: "application/dtmf-relay", body: "Signal=1\r\n" });
  clock.advance(100);
  bob.onDialogRequest = (transaction) => respondInDialog(transaction, 200, "OK", sdp("moved"), "sip:elsewhere@192.0.2.2:5060");
  alice.request(toBob, "UPDATE", sdp("update"));
  clock.advance(100);
  bob.request(toAlice, "INFO");
  clock.advance(100);
  assert.deepEqual(alice.heard, ["INFO 200", "UPDATE 200", "INFO"]);
  assert.deepEqual(bob.heard, ["INFO", "UPDATE", "INFO 200"]);
  assert.equal(toBob.state.remoteTarget, "sip:elsewhere@192.0.2.2:5060");
  toBob.bye();
  end();
});

test("a request that nobody answers ends in a timeout, the dialog stays", () => {
  const { clock, network, alice, up, end, bob } = two();
  const { toBob } = up();
  network.fault = (packet) => (packet.summary === "INFO" ? "drop" : undefined);
  alice.request(toBob, "INFO");
  clock.advance(33_000);
  assert.deepEqual(alice.heard, ["INFO timeout"]);
  toBob.bye();
  clock.advance(100);
  assert.deepEqual(bob.heard, ["BYE"]);
  end();
});

test("a request in a dialog that nobody knows is answered 481", () => {
  const { clock, alice, bob, up, end } = two();
  const { toBob } = up();
  bob.boot();
  alice.request(toBob, "INFO");
  clock.advance(100);
  assert.deepEqual(alice.heard, ["INFO 481"]);
  toBob.bye();
  end();
});

test("tags that fit with another Call-ID belong to no dialog: 481", () => {
  const { clock, network, alice, bob, up, end, wire } = two();
  const { toBob } = up();
  toBob.request("INFO", noSdp, () => undefined);
  clock.advance(100);
  const forged = wire("INFO")
    .replace(/Call-ID: [^\r]*/, "Call-ID: other")
    .replace(/branch=[^;]*/, "branch=z9hG4bKforged");
  alice.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 }, forged);
  clock.advance(100);
  assert.equal(network.packets.at(-1)!.summary, "481 INFO");
  assert.deepEqual(bob.heard, ["INFO"]);
  toBob.bye();
  end();
});

test("a CSeq lower than the last is answered 500, a gap is fine (§12.2.2)", () => {
  const { clock, network, alice, bob, up, end, wire } = two();
  const { toBob } = up();
  alice.request(toBob, "INFO");
  clock.advance(100);
  const send = (number: number) => {
    const again = wire("INFO")
      .replace(/CSeq: \d+/, `CSeq: ${number}`)
      .replace(/branch=[^;]*/, `branch=z9hG4bKagain${number}`);
    alice.transport.inject({ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 }, again);
    clock.advance(100);
    return network.packets.at(-1)!.summary;
  };
  assert.equal(send(900), "200 INFO");
  assert.equal(send(899), "500 INFO");
  assert.equal(bob.states.get("bob-1-1")!.remoteSequence, 900);
  bob.dialog!.bye();
  end();
});

test("BYE is tried again where the transport fails, and then given up", () => {
  const { clock, bob, up, count, alice } = two();
  const { toBob } = up();
  bob.transport.close();
  toBob.bye();
  clock.advance(2000);
  assert.equal(count("BYE"), 2);
  bob.transport.reopen();
  clock.run();
  assert.deepEqual(bob.heard, ["BYE"]);
  assert.equal(count("BYE"), 3);
  assert.ok(alice.idle && bob.idle);
});

test("a BYE that waits to be tried again is over when the peer's comes", () => {
  const { clock, network, alice, bob, up, count } = two();
  const { toBob, toAlice } = up();
  bob.transport.close();
  toBob.bye();
  clock.advance(500);
  bob.transport.reopen();
  toAlice.bye();
  clock.advance(10_000);
  assert.equal(count("BYE", alice), 1);
  assert.equal(network.packets.at(-1)!.summary, "200 BYE");
  clock.run();
  assert.ok(alice.idle && bob.idle);
});

test("over TCP the dialog keeps to the connection, both ways", () => {
  const { clock, network, alice, bob, end } = two();
  bob.onCall = () => void bob.answer();
  const target = { transport: "TCP", listener: "main", address: "192.0.2.2", port: 5060 } as const;
  const call = alice.call(bob, { target, localContact: "sip:alice@10.9.9.9:5060;transport=tcp" });
  clock.advance(100);
  assert.notEqual(bob.dialog!.state.target.connection, undefined);
  // The Contact leads nowhere; the connection leads back.
  bob.request(bob.dialog!, "INFO");
  clock.advance(100);
  assert.deepEqual(alice.heard, ["answered", "INFO"]);
  call.dialog!.bye();
  end();
  assert.deepEqual([...new Set(network.packets.map(({ transport }) => transport))], ["TCP"]);
});

test("OPTIONS outside a dialog leaves no transaction behind", () => {
  const { clock, network, bob } = two();
  const options =
    "OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKprobe;rport\r\nMax-Forwards: 70\r\n" +
    "From: <sip:x@192.0.2.1>;tag=x\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
  const target = { transport: "UDP", listener: "main", address: "192.0.2.2", port: 5060 } as const;
  for (const required of ["", "Require: 100rel\r\n"]) {
    network
      .endpoint({ name: `stranger${required.length}`, address: `192.0.2.${9 + required.length}` })
      .inject(target, options.replace("CSeq", `${required}CSeq`));
    clock.advance(100);
    assert.match(network.packets.at(-1)!.summary, required === "" ? /^200 / : /^420 /);
    assert.equal(bob.layer.size.server, 0);
  }
});

test("an address in Contact that we can't reach as it says is answered where the peer was seen", () => {
  for (const contact of ["sip:b@192.0.2.2:5061;transport=tls", "sip:b@[2001:db8::2]", "sip:b@999.0.2.2"]) {
    const { clock, alice, bob, end } = two();
    bob.newInvite = () => ({ localTag: "b", localContact: contact });
    const call = alice.call(bob);
    clock.advance(100);
    bob.answer();
    clock.advance(100);
    assert.deepEqual(bob.heard, ["INVITE", "ACK"], contact);
    call.dialog!.bye();
    clock.advance(100);
    assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"], contact);
    end();
  }
});

test("both ways, whoever stands behind NAT is met where it was seen, and a crossed answer is ended there too", () => {
  const inside = "sip:b@10.9.9.9:5060";
  for (const behindNat of [true, false]) {
    const { clock, alice, bob } = two();
    bob.newInvite = () => ({ localTag: "b", localContact: inside });
    bob.onCall = () => void bob.answer();
    const call = alice.call(bob, { behindNat });
    clock.advance(100);
    alice.request(call.dialog!, "INFO");
    clock.advance(100);
    call.dialog!.bye();
    clock.run();
    // Otherwise the Contact is believed, and only a BYE that fails there tries where the peer was seen.
    assert.deepEqual(bob.heard, behindNat ? ["INVITE", "ACK", "INFO", "BYE"] : ["INVITE", "BYE"]);
  }
  const { clock, alice, bob, end } = two();
  const called = { ...bob.dialogUser, behindNat: true };
  bob.onCall = (invite) => void (bob.dialog = invite.answer(sdp("answer"), called));
  alice.call(bob, { localContact: inside });
  clock.advance(100);
  bob.dialog!.bye();
  clock.advance(100);
  assert.deepEqual(alice.heard, ["answered", "BYE"]);
  end();

  const crossed = two();
  crossed.bob.newInvite = () => ({ localTag: "b", localContact: inside });
  const outgoing = crossed.alice.call(crossed.bob, { behindNat: true });
  crossed.clock.advance(30);
  crossed.bob.answer();
  outgoing.invite.abandon();
  crossed.clock.advance(200);
  assert.deepEqual(crossed.bob.heard, ["INVITE", "ACK", "BYE"]);
  crossed.end();
});

test("names in Contact go through the locator; what it can't resolve goes where the peer was seen", async () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, quality: { delayMs: 10 } });
  const asked: string[] = [];
  const locate = (uri: string) => {
    asked.push(uri);
    return Promise.resolve(asked.length === 1 ? [] : [{ transport: "UDP", listener: "main", address: "192.0.2.2", port: 5070 } as const]);
  };
  const alice = new VirtualAgent(network, clock, { name: "alice", address: "192.0.2.1", locator: { locate } });
  const bob = new VirtualAgent(network, clock, {
    name: "bob",
    address: "192.0.2.2",
    more: [{ listener: "second", address: "192.0.2.2", port: 5070 }],
  });
  bob.newInvite = () => ({ localTag: "b", localContact: "sip:b@bob.example.com" });
  bob.onCall = () => void bob.answer();
  const call = alice.call(bob);
  await clock.settle(100);
  assert.deepEqual(bob.heard, ["INVITE", "ACK"]);
  call.dialog!.bye();
  await clock.settle(100);
  assert.deepEqual(bob.heard, ["INVITE", "ACK", "BYE"]);
  assert.deepEqual(asked, ["sip:b@bob.example.com", "sip:b@bob.example.com"]);
  clock.run();
  assert.ok(alice.idle && bob.idle);
});
