/** What the driver answers itself, how it matches, and the bytes it makes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Bench, bench, request } from "../../../test/kit/transaction-bench.ts";
import { sipCallIdOf } from "#observe/ladder-records.ts";
import { serializeRequest } from "#sip/message/serialize.ts";
import type { HeaderField } from "#sip/message/message.ts";
import { T1_MS } from "./transactions.ts";

/** A request as a stranger's stack would write it, past alice's transaction layer. */
function inject(at: Bench, method: string, via: string, change: (headers: HeaderField[]) => HeaderField[] = (same) => same): void {
  const plain = request(method);
  const wire = serializeRequest({ ...plain, headers: change([["Via", via], ...plain.headers]) });
  at.alice.transport.inject(at.bob.target(), wire);
}
const VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx1;rport";
const replace =
  (name: string, value: string) =>
  (headers: HeaderField[]): HeaderField[] =>
    headers.map((field) => (field[0] === name ? [name, value] : field));
const sent = (at: Bench, from: string): string[] =>
  at.network.packets.filter((packet) => packet.from === from).map((packet) => packet.summary);
const wiresOf = (at: Bench, summary: string): string[] =>
  at.network.packets.filter((packet) => packet.summary === summary).map((packet) => packet.wire);

test("an INVITE leaves with our Via on top; ACK to a refusal has the same one and the To of the response (RFC 3261 §17.1.1.3)", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 486);
  const route: HeaderField = ["Route", "<sip:192.0.2.2;lr>"];
  at.alice.send("INVITE", at.bob, { headers: [route, ["Contact", "<sip:t@192.0.2.1>"]] });
  at.clock.run();
  assert.equal(wiresOf(at, "INVITE")[0]!.split("\r\n")[1], "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb1;rport");
  assert.equal(
    wiresOf(at, "ACK")[0],
    [
      "ACK sip:bob@192.0.2.2 SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb1;rport",
      "Route: <sip:192.0.2.2;lr>",
      "Max-Forwards: 70",
      "From: <sip:alice@192.0.2.1>;tag=alice1",
      "To: <sip:bob@192.0.2.2>;tag=bob1",
      "Call-ID: call1",
      "CSeq: 1 ACK",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
});

test("CANCEL has the Via, Route, From, To and CSeq number of its INVITE, and the caller's Reason (§9.1)", () => {
  const at = bench();
  const invite = at.alice.send("INVITE", at.bob, {
    headers: [
      ["Route", "<sip:192.0.2.2;lr>"],
      ["Contact", "<sip:t@192.0.2.1>"],
    ],
  });
  at.clock.advance(100);
  invite.cancel([["Reason", "Q.850;cause=16"]]);
  at.clock.run();
  assert.equal(
    wiresOf(at, "CANCEL")[0],
    [
      "CANCEL sip:bob@192.0.2.2 SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb1;rport",
      "Route: <sip:192.0.2.2;lr>",
      "Max-Forwards: 70",
      "From: <sip:alice@192.0.2.1>;tag=alice1",
      "To: <sip:bob@192.0.2.2>",
      "Call-ID: call1",
      "CSeq: 1 CANCEL",
      "Reason: Q.850;cause=16",
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
});

test("the 200 to CANCEL has the To tag of the INVITE's answers (§9.2)", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 180, "ours7");
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.cancel();
  at.clock.run();
  assert.match(wiresOf(at, "200 CANCEL")[0]!, /\r\nTo: <sip:bob@192\.0\.2\.2>;tag=ours7\r\n/);
});

test("a CANCEL for nothing gets 481, for a sender that is admitted (§9.2)", () => {
  const at = bench();
  inject(at, "CANCEL", VIA);
  at.clock.advance(100);
  at.bob.admits = false;
  inject(at, "CANCEL", VIA);
  at.clock.advance(100);
  assert.deepEqual(sent(at, "bob"), ["481 CANCEL"]);
  assert.equal(at.bob.layer.size.server, 0);
});

test("a CANCEL that we send alone, for an INVITE of a former process, is a transaction of its own", () => {
  const at = bench();
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.abandon();
  at.alice.send("CANCEL", at.bob, { branch: "b1" });
  at.clock.run(64 * T1_MS + 1000);
  const heard = at.alice.heard.map((text) => text.replace(/ \(.*/, ""));
  assert.deepEqual(heard.slice(0, 3), ["hears 100", "hears 200", "stray 487"]);
});

test("a sender that is not admitted gets silence, and costs no transaction", () => {
  const at = bench();
  at.bob.admits = false;
  inject(at, "INVITE", VIA);
  inject(at, "OPTIONS", VIA, replace("CSeq", "7 NONSENSE"));
  at.alice.transport.inject(at.bob.target(), "OPTIONS sip:x SIP/2.0\r\nno colon here\r\n\r\n");
  at.clock.run();
  assert.deepEqual(sent(at, "bob"), []);
  assert.deepEqual(at.bob.layer.size, { client: 0, server: 0 });
  assert.equal(at.bob.layer.counters.refused, 2);
});

test("a request that breaks RFC 3261 is answered without a transaction, each repeat alike (§8.2.7)", () => {
  const at = bench();
  for (let i = 0; i < 2; i++) inject(at, "OPTIONS", VIA, replace("CSeq", "7 NONSENSE"));
  at.clock.run();
  const [first, second] = wiresOf(at, "400 NONSENSE");
  assert.match(first!, /^SIP\/2\.0 400 CSeq names another method\r\n/);
  assert.equal(first, second);
  assert.deepEqual([at.bob.heard, at.bob.layer.size.server], [[], 0]);
});

test("a Via that can't be read is refused all the same, a missing one is not (RFC 4475 §3.1.2.1, §3.1.2.16)", () => {
  const at = bench();
  inject(at, "OPTIONS", "SIP/2.0/UDP 192.0.2.15;;,;,,");
  inject(at, "ACK", "SIP/2.0/UDP 192.0.2.15;;,;,,");
  at.alice.transport.inject(at.bob.target(), serializeRequest(request("OPTIONS")));
  at.clock.run();
  assert.deepEqual(sent(at, "bob"), ["400 OPTIONS"]);
});

test("garbage that names its sender gets 400; other garbage and a broken ACK get nothing", () => {
  const at = bench();
  const options = serializeRequest({ ...request("OPTIONS"), headers: [["Via", VIA], ...request("OPTIONS").headers] });
  at.alice.transport.inject(at.bob.target(), options.replace("Max-Forwards: 70", "Max-Forwards 70"));
  at.alice.transport.inject(at.bob.target(), "\0\0\0");
  inject(at, "ACK", VIA, replace("CSeq", "7 NONSENSE"));
  at.clock.run();
  assert.deepEqual(sent(at, "bob"), ["400 OPTIONS"]);
  assert.deepEqual([at.bob.layer.counters.garbage, at.bob.layer.counters.badRequests], [2, 1]);
});

test("a request that comes by two ways is served once, the other gets 482 (§8.2.2.2)", () => {
  const at = bench();
  inject(at, "INVITE", VIA);
  at.clock.advance(50);
  inject(at, "INVITE", VIA.replace("x1", "x2"));
  at.clock.advance(50);
  assert.deepEqual([at.bob.heard, sent(at, "bob")], [["gets INVITE"], ["100 INVITE", "482 INVITE"]]);
  assert.equal(at.bob.layer.isMerged(at.bob.last.request), true);
  // Once refused it may be tried again by another way (RFC 3263 §4.3).
  at.bob.respond(at.bob.last, 503);
  inject(at, "INVITE", VIA.replace("x1", "x3"));
  at.clock.advance(50);
  assert.deepEqual(at.bob.heard, ["gets INVITE", "gets INVITE"]);
});

test("within a dialog nothing is merged", () => {
  const at = bench();
  const inDialog = replace("To", "<sip:bob@192.0.2.2>;tag=bob1");
  inject(at, "INFO", VIA, inDialog);
  inject(at, "INFO", VIA.replace("x1", "x2"), inDialog);
  at.clock.advance(50);
  assert.deepEqual(at.bob.heard, ["gets INFO", "gets INFO"]);
});

test("the same branch from another sent-by is another transaction (§17.2.3)", () => {
  const at = bench();
  inject(at, "INVITE", VIA);
  inject(at, "INVITE", VIA.replace("192.0.2.1", "192.0.2.77"), replace("Call-ID", "call2"));
  at.clock.advance(50);
  assert.deepEqual(at.bob.heard, ["gets INVITE", "gets INVITE"]);
});

test("a sender of RFC 2543 is matched by what identifies its request (§17.2.3)", () => {
  const at = bench();
  const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=1";
  inject(at, "INVITE", via);
  at.clock.advance(50);
  inject(at, "INVITE", via);
  at.clock.advance(50);
  inject(at, "CANCEL", via);
  at.clock.advance(50);
  inject(at, "ACK", via, replace("To", "<sip:bob@192.0.2.2>;tag=bob1"));
  at.clock.run();
  assert.deepEqual(at.bob.heard, ["gets INVITE", "is cancelled"]);
  assert.deepEqual(sent(at, "bob"), ["100 INVITE", "100 INVITE", "200 CANCEL", "487 INVITE"]);
  assert.equal(at.bob.layer.size.server, 0);
});

test("an ACK to a 2xx goes up, whether its branch is new or the INVITE's", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 200);
  inject(at, "INVITE", VIA);
  at.clock.advance(50);
  inject(at, "ACK", VIA);
  inject(at, "ACK", VIA.replace("x1", "x2"));
  at.clock.advance(50);
  assert.deepEqual(at.bob.heard, ["gets INVITE", "gets ACK", "gets ACK"]);
});

test("a response matches by branch and CSeq method (§17.1.3); one that breaks RFC 3261 is dropped", () => {
  const at = bench();
  at.alice.send("INVITE", at.bob);
  at.clock.advance(50);
  const trying = wiresOf(at, "100 INVITE")[0]!;
  const back = { ...at.alice.target(), address: "192.0.2.1" };
  at.bob.transport.inject(back, trying.replace("CSeq: 1 INVITE", "CSeq: 1 BYE").replace("100 Trying", "200 OK"));
  at.bob.transport.inject(back, trying.replace("z9hG4bKb1", "z9hG4bKb9").replace("100 Trying", "200 OK"));
  at.bob.transport.inject(back, trying.replace("CSeq: 1 INVITE", "CSeq: INVITE"));
  at.clock.advance(50);
  assert.deepEqual(at.alice.heard, ["hears 100", "stray 200", "stray 200"]);
  assert.equal(at.alice.layer.counters.badResponses, 1);
});

test("a flooding sender is answered without a transaction, each time the same (§8.2.7)", () => {
  const at = bench();
  at.bob.admits = { status: 503, headers: [["Retry-After", "1"]] };
  for (let i = 0; i < 2; i++) inject(at, "INVITE", VIA);
  at.clock.run();
  const answers = wiresOf(at, "503 INVITE");
  assert.equal(answers.length, 2);
  assert.equal(answers[0], answers[1]);
  assert.match(answers[0]!, /\r\nTo: [^\r]*;tag=s/);
  assert.match(answers[0]!, /\r\nRetry-After: 1\r\n/);
  assert.deepEqual([at.bob.heard, at.bob.layer.size.server, at.bob.layer.counters.refused], [[], 0, 2]);
});

test("ACKs and responses of nothing of ours are dropped unseen where the user can tell", () => {
  const seen: string[] = [];
  const at = bench({ onWire: (direction, wire) => void (direction === "in" && seen.push(wire.slice(0, 7))) });
  const asked: string[] = [];
  at.bob.recognises = (message) => asked.push(message.kind) > 2;
  const ok = [`SIP/2.0 200 OK`, `Via: ${VIA}`, "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: x", "CSeq: 1 INVITE", "", ""].join(
    "\r\n",
  );
  for (let i = 0; i < 2; i++) {
    at.alice.transport.inject(at.bob.target(), ok);
    inject(at, "ACK", VIA);
    at.clock.advance(50);
  }
  assert.deepEqual(asked, ["response", "request", "response", "request"]);
  assert.deepEqual(
    [at.bob.heard, seen],
    [
      ["stray 200", "gets ACK"],
      ["SIP/2.0", "ACK sip"],
    ],
  );
  assert.equal(at.bob.layer.counters.strays, 2);
});

test("an IPv6 listener stands in brackets in the Via", () => {
  const at = bench();
  const six = at.network.endpoint({ name: "six", address: "2001:db8::1" });
  at.alice.transport.listener = () => six.listener("main");
  at.alice.send("OPTIONS", at.bob);
  assert.match(wiresOf(at, "OPTIONS")[0]!, /\r\nVia: SIP\/2\.0\/UDP \[2001:db8::1\]:5060;branch=z9hG4bKb1;rport\r\n/);
});

test("the wire is shown once each way, repeats marked, refused senders left out", () => {
  const seen: string[] = [];
  const at = bench({
    onWire: (direction, wire, peer, retransmission) => {
      const where = "remoteAddress" in peer ? peer.remoteAddress : peer.address;
      seen.push(
        `${direction} ${wire.split(" SIP")[0]!.split(" ").slice(0, 2).join(" ")} ${sipCallIdOf(wire)} ${where}${retransmission ? " again" : ""}`,
      );
    },
  });
  at.bob.serve = (invite) => at.bob.respond(invite, 486);
  at.network.fault = ({ summary, nth }) => (summary === "486 INVITE" && nth === 1 ? "drop" : undefined);
  at.alice.send("INVITE", at.bob);
  at.clock.run();
  at.bob.admits = false;
  inject(at, "OPTIONS", VIA);
  at.clock.run();
  assert.deepEqual(seen, [
    "in INVITE sip:bob@192.0.2.2 call1 192.0.2.1",
    "out SIP/2.0 486 call1 192.0.2.1",
    "out SIP/2.0 486 call1 192.0.2.1 again",
    "in INVITE sip:bob@192.0.2.2 call1 192.0.2.1 again",
    "out SIP/2.0 486 call1 192.0.2.1 again",
    "in ACK sip:bob@192.0.2.2 call1 192.0.2.1",
    "in ACK sip:bob@192.0.2.2 call1 192.0.2.1 again",
  ]);
});

test("a refused INVITE keeps neither request nor handle until its ACK", async () => {
  const at = bench();
  let request: WeakRef<object> | undefined;
  at.bob.serve = (invite) => {
    request = new WeakRef(invite.request);
    at.bob.respond(invite, 486);
    at.bob.served.length = 0;
  };
  inject(at, "INVITE", VIA);
  at.clock.advance(1_000);
  assert.equal(at.bob.layer.size.server, 1);
  // A WeakRef holds what it refers to until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  assert.equal(request?.deref(), undefined);
  at.clock.run();
  assert.ok(at.bob.heard.includes("fails: no-ack"));
});

test("what was answered and may be answered anew is forgotten at its user's wish, an INVITE never (§8.2.7)", () => {
  const at = bench();
  at.bob.serve = (transaction) => {
    transaction.forget();
    at.bob.respond(transaction, 200);
    transaction.forget();
  };
  inject(at, "OPTIONS", VIA);
  inject(at, "OPTIONS", VIA);
  at.clock.advance(100);
  assert.equal(sent(at, "bob").filter((summary) => summary === "200 OPTIONS").length, 2);
  assert.equal(at.bob.layer.size.server, 0);
  inject(at, "INVITE", VIA);
  at.clock.advance(100);
  assert.equal(at.bob.layer.size.server, 1);
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
