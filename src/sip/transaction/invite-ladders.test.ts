/** Races of INVITE transactions on a virtual network, as ladders: time in ms, who → whom, what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, type Side, bench } from "../../../test/kit/transaction-bench.ts";
import type { Packet } from "../../../test/kit/virtual-network.ts";
import type { ClientTransaction } from "./transactions.ts";

/** Runs until nothing is left, and sees that nothing is left. */
function ladder(at: Bench): string {
  at.clock.run();
  assert.deepEqual(
    [at.alice.layer.size, at.bob.layer.size],
    [
      { client: 0, server: 0 },
      { client: 0, server: 0 },
    ],
  );
  assert.equal(at.clock.pending, 0);
  return `\n${at.network.ladder()}`;
}

/** Loses the packets named so: "bob 100 INVITE 1" is bob's first 100 to INVITE. */
const losing =
  (...packets: string[]) =>
  ({ from, summary, nth }: Packet) =>
    packets.includes(`${from} ${summary} ${nth}`) ? ("drop" as const) : undefined;

/** An INVITE whose user acknowledges each 2xx. */
function call(from: Side, to: Side): ClientTransaction {
  return from.send("INVITE", to, { onResponse: (response) => response.status === 200 && from.ack(to) });
}

test("an answered call", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 180);
  call(at.alice, at.bob);
  at.clock.advance(1000);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  180 INVITE
    20  alice: hears 180 (bob1)
  1000  bob   → alice  200 INVITE
  1010  alice: hears 200 (bob1)
  1010  alice → bob    ACK
  1020  bob: gets ACK`,
  );
});

test("a lost INVITE is repeated; a repeat gets the lost 100 again (RFC 3261 §17.2.1)", () => {
  const at = bench();
  at.network.fault = losing("alice INVITE 1", "bob 100 INVITE 1");
  at.alice.send("INVITE", at.bob);
  at.clock.advance(3000);
  at.bob.respond(at.bob.last, 180);
  at.clock.advance(1000);
  at.bob.respond(at.bob.last, 486);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE (lost)
   500  alice → bob    INVITE
   510  bob: gets INVITE
   510  bob   → alice  100 INVITE (lost)
  1500  alice → bob    INVITE
  1510  bob   → alice  100 INVITE
  1520  alice: hears 100
  3000  bob   → alice  180 INVITE
  3010  alice: hears 180 (bob1)
  4000  bob   → alice  486 INVITE
  4010  alice → bob    ACK
  4010  alice: hears 486`,
  );
});

test("a doubled INVITE makes one transaction", () => {
  const at = bench();
  at.network.fault = ({ summary }) => (summary === "INVITE" ? "duplicate" : undefined);
  at.bob.serve = (invite) => at.bob.respond(invite, 180);
  call(at.alice, at.bob);
  at.clock.advance(100);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE (doubled)
    10  bob: gets INVITE
    10  bob   → alice  180 INVITE
    10  bob   → alice  180 INVITE
    20  alice: hears 180 (bob1)
    20  alice: hears 180 (bob1)
   100  bob   → alice  200 INVITE
   110  alice: hears 200 (bob1)
   110  alice → bob    ACK
   120  bob: gets ACK`,
  );
});

test("an INVITE that comes again after the 2xx is absorbed (RFC 6026 §7.1)", () => {
  const at = bench();
  at.network.fault = ({ summary, nth }) => (summary === "INVITE" && nth === 1 ? { delayMs: 700 } : undefined);
  at.bob.serve = (invite) => at.bob.respond(invite, 200);
  call(at.alice, at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
   500  alice → bob    INVITE
   510  bob: gets INVITE
   510  bob   → alice  200 INVITE
   520  alice: hears 200 (bob1)
   520  alice → bob    ACK
   530  bob: gets ACK`,
  );
});

test("a lost 2xx and a lost ACK are repeated by the users, through the same transactions", () => {
  const at = bench();
  at.network.fault = losing("bob 200 INVITE 1", "alice ACK 1");
  call(at.alice, at.bob);
  for (const afterMs of [100, 500, 1000]) {
    at.clock.advance(afterMs);
    at.bob.respond(at.bob.last, 200);
  }
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  bob   → alice  200 INVITE (lost)
   600  bob   → alice  200 INVITE
   610  alice: hears 200 (bob1)
   610  alice → bob    ACK (lost)
  1600  bob   → alice  200 INVITE
  1610  alice: hears 200 (bob1)
  1610  alice → bob    ACK
  1620  bob: gets ACK`,
  );
});

test("a provisional that comes after the final response is absorbed", () => {
  const at = bench();
  at.network.fault = ({ summary }) => (summary === "180 INVITE" ? { delayMs: 200 } : undefined);
  call(at.alice, at.bob);
  at.clock.advance(100);
  at.bob.respond(at.bob.last, 180);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  bob   → alice  180 INVITE
   100  bob   → alice  200 INVITE
   110  alice: hears 200 (bob1)
   110  alice → bob    ACK
   120  bob: gets ACK`,
  );
});

test("each fork's 2xx goes up (RFC 6026 §7.2)", () => {
  const at = bench();
  at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  for (const fork of ["fork1", "fork2"]) at.bob.respond(at.bob.last, 180, fork);
  for (const fork of ["fork1", "fork2"]) at.bob.respond(at.bob.last, 200, fork);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  bob   → alice  180 INVITE
   100  bob   → alice  180 INVITE
   100  bob   → alice  200 INVITE
   100  bob   → alice  200 INVITE
   110  alice: hears 180 (fork1)
   110  alice: hears 180 (fork2)
   110  alice: hears 200 (fork1)
   110  alice: hears 200 (fork2)`,
  );
});

test("486 is repeated until its ACK arrives; each repeat is acknowledged, and told once (§17.1.1.2)", () => {
  const at = bench();
  at.network.fault = losing("bob 486 INVITE 1", "alice ACK 1", "alice ACK 2");
  at.bob.serve = (invite) => at.bob.respond(invite, 486);
  at.alice.send("INVITE", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  486 INVITE (lost)
   500  alice → bob    INVITE
   510  bob   → alice  486 INVITE
   510  bob   → alice  486 INVITE
   520  alice → bob    ACK (lost)
   520  alice: hears 486
   520  alice → bob    ACK (lost)
  1510  bob   → alice  486 INVITE
  1520  alice → bob    ACK`,
  );
});

test("486 that nobody acknowledges is repeated on timer G until timer H", () => {
  const at = bench();
  at.network.fault = ({ from }) => (from === "alice" ? undefined : "drop");
  at.bob.serve = (invite) => at.bob.respond(invite, 486);
  at.network.fault = ({ summary, nth }) => (summary === "ACK" || (summary === "486 INVITE" && nth > 1) ? "drop" : undefined);
  at.alice.send("INVITE", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  486 INVITE
    20  alice → bob    ACK (lost)
    20  alice: hears 486
   510  bob   → alice  486 INVITE (lost)
  1510  bob   → alice  486 INVITE (lost)
  3510  bob   → alice  486 INVITE (lost)
  7510  bob   → alice  486 INVITE (lost)
 11510  bob   → alice  486 INVITE (lost)
 15510  bob   → alice  486 INVITE (lost)
 19510  bob   → alice  486 INVITE (lost)
 23510  bob   → alice  486 INVITE (lost)
 27510  bob   → alice  486 INVITE (lost)
 31510  bob   → alice  486 INVITE (lost)
 32010  bob: fails: no-ack`,
  );
});

test("nobody there: timer A doubles until timer B", () => {
  const at = bench();
  at.network.fault = () => "drop";
  at.alice.send("INVITE", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob  INVITE (lost)
   500  alice → bob  INVITE (lost)
  1500  alice → bob  INVITE (lost)
  3500  alice → bob  INVITE (lost)
  7500  alice → bob  INVITE (lost)
 15500  alice → bob  INVITE (lost)
 31500  alice → bob  INVITE (lost)
 32000  alice: hears timeout`,
  );
});

test("a final response after timer B is a stray", () => {
  const at = bench();
  at.network.fault = ({ summary }) => (summary === "100 INVITE" ? "drop" : undefined);
  at.alice.send("INVITE", at.bob);
  at.clock.advance(33_000);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE (lost)
   500  alice → bob    INVITE
   510  bob   → alice  100 INVITE (lost)
  1500  alice → bob    INVITE
  1510  bob   → alice  100 INVITE (lost)
  3500  alice → bob    INVITE
  3510  bob   → alice  100 INVITE (lost)
  7500  alice → bob    INVITE
  7510  bob   → alice  100 INVITE (lost)
 15500  alice → bob    INVITE
 15510  bob   → alice  100 INVITE (lost)
 31500  alice → bob    INVITE
 31510  bob   → alice  100 INVITE (lost)
 32000  alice: hears timeout
 33000  bob   → alice  200 INVITE
 33010  alice: stray 200`,
  );
});

test("CANCEL waits for a provisional (§9.1)", () => {
  const at = bench();
  at.network.fault = losing("bob 100 INVITE 1");
  at.alice.send("INVITE", at.bob).cancel();
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE (lost)
   500  alice → bob    INVITE
   510  bob   → alice  100 INVITE
   520  alice → bob    CANCEL
   520  alice: hears 100
   530  bob   → alice  200 CANCEL
   530  bob: is cancelled
   530  bob   → alice  487 INVITE
   540  alice → bob    ACK
   540  alice: hears 487`,
  );
});

test("CANCEL before a provisional that never comes is never sent", () => {
  const at = bench();
  at.network.fault = losing("bob 100 INVITE 1");
  at.bob.serve = (invite) => at.bob.respond(invite, 603);
  at.alice.send("INVITE", at.bob).cancel();
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  603 INVITE
    20  alice → bob    ACK
    20  alice: hears 603`,
  );
});

test("CANCEL crosses the 200: the call stands, and its user has to end it", () => {
  const at = bench();
  const invite = call(at.alice, at.bob);
  at.clock.advance(100);
  invite.cancel();
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  alice → bob    CANCEL
   100  bob   → alice  200 INVITE
   110  bob   → alice  200 CANCEL
   110  alice: hears 200 (bob1)
   110  alice → bob    ACK
   120  bob: gets ACK`,
  );
});

test("a lost CANCEL is repeated, a doubled one is heard once", () => {
  const at = bench();
  at.network.fault = ({ summary, nth }) => (summary === "CANCEL" ? (nth === 1 ? "drop" : "duplicate") : undefined);
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.cancel();
  invite.cancel();
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  alice → bob    CANCEL (lost)
   600  alice → bob    CANCEL (doubled)
   610  bob   → alice  200 CANCEL
   610  bob: is cancelled
   610  bob   → alice  487 INVITE
   610  bob   → alice  200 CANCEL
   620  alice → bob    ACK
   620  alice: hears 487`,
  );
});

test("487 overtakes the 200 to CANCEL", () => {
  const at = bench();
  at.network.fault = ({ summary }) => (summary === "200 CANCEL" ? { delayMs: 300 } : undefined);
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.cancel();
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  alice → bob    CANCEL
   110  bob   → alice  200 CANCEL
   110  bob: is cancelled
   110  bob   → alice  487 INVITE
   120  alice → bob    ACK
   120  alice: hears 487`,
  );
});

test("no final response within 64*T1 of the CANCEL: timeout, and a late 200 is a stray (§9.1)", () => {
  const at = bench();
  at.bob.cancelled = () => undefined;
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.cancel();
  at.clock.advance(40_000);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  alice → bob    CANCEL
   110  bob   → alice  200 CANCEL
   110  bob: is cancelled
 32100  alice: hears timeout
 40100  bob   → alice  200 INVITE
 40110  alice: stray 200`,
  );
});

test("an abandoned INVITE is forgotten at once", () => {
  const at = bench();
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  invite.abandon();
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE
    20  alice: hears 100
   100  bob   → alice  200 INVITE
   110  alice: stray 200`,
  );
});

test("over TCP nothing is repeated, and a refusal ends with its ACK", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 486);
  at.alice.send("INVITE", at.bob.target("TCP"));
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE [TCP]
    10  bob: gets INVITE
    10  bob   → alice  486 INVITE [TCP]
    20  alice → bob    ACK [TCP]
    20  alice: hears 486`,
  );
});

test("over TCP CANCEL takes the connection of its INVITE", () => {
  const at = bench();
  const invite = at.alice.send("INVITE", at.bob.target("TCP"));
  at.clock.advance(100);
  invite.cancel();
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE [TCP]
    10  bob: gets INVITE
    10  bob   → alice  100 INVITE [TCP]
    20  alice: hears 100
   100  alice → bob    CANCEL [TCP]
   110  bob   → alice  200 CANCEL [TCP]
   110  bob: is cancelled
   110  bob   → alice  487 INVITE [TCP]
   120  alice → bob    ACK [TCP]
   120  alice: hears 487`,
  );
});

test("nothing listens: the user hears it at once, over UDP and TCP", () => {
  const at = bench();
  at.bob.transport.close();
  at.alice.send("INVITE", at.bob);
  at.alice.send("INVITE", at.bob.target("TCP"), { branch: "b2" });
  assert.equal(
    ladder(at),
    `
     0  alice → bob  INVITE
     0  alice → bob  INVITE [TCP]
    20  alice: hears transport-error ECONNREFUSED
    20  alice: hears transport-error ECONNREFUSED`,
  );
});

test("the peer dies while it rings: a CANCEL is refused, and 64*T1 later the INVITE is over", () => {
  const at = bench();
  at.bob.serve = (invite) => at.bob.respond(invite, 180);
  const invite = at.alice.send("INVITE", at.bob);
  at.clock.advance(100);
  at.bob.transport.close();
  invite.cancel();
  at.clock.advance(1000);
  at.bob.respond(at.bob.last, 487);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INVITE
    10  bob: gets INVITE
    10  bob   → alice  180 INVITE
    20  alice: hears 180 (bob1)
   100  alice → bob    CANCEL
 32100  alice: hears timeout
 33100  bob: fails: no-ack`,
  );
});

test("a response that cannot be sent is told, and the transaction stays (RFC 6026 §7.1)", () => {
  const at = bench();
  const invite = at.alice.send("INVITE", at.bob.target("TCP"));
  at.clock.advance(100);
  invite.abandon();
  at.alice.transport.close();
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob              INVITE [TCP]
    10  bob: gets INVITE
    10  bob   → alice            100 INVITE [TCP]
    20  alice: hears 100
   100  bob   → 192.0.2.1:40001  200 INVITE [TCP]
   120  bob: fails: transport-error`,
  );
});
