/** Non-INVITE transactions on a virtual network, as ladders: time in ms, who → whom, what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bench, bench } from "../../../test/kit/transaction-bench.ts";

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

test("an OPTIONS that is answered at once", () => {
  const at = bench();
  at.bob.serve = (options) => at.bob.respond(options, 200);
  at.alice.send("OPTIONS", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    OPTIONS
    10  bob: gets OPTIONS
    10  bob   → alice  200 OPTIONS
    20  alice: hears 200 (bob1)`,
  );
});

test("a lost answer is given again to the repeat (RFC 3261 §17.2.2)", () => {
  const at = bench();
  at.network.fault = ({ summary, nth }) => (summary === "200 BYE" && nth < 3 ? "drop" : undefined);
  at.bob.serve = (bye) => at.bob.respond(bye, 200);
  at.alice.send("BYE", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    BYE
    10  bob: gets BYE
    10  bob   → alice  200 BYE (lost)
   500  alice → bob    BYE
   510  bob   → alice  200 BYE (lost)
  1500  alice → bob    BYE
  1510  bob   → alice  200 BYE
  1520  alice: hears 200 (bob1)`,
  );
});

test("nobody there: timer E doubles up to T2 until timer F (§17.1.2.2)", () => {
  const at = bench();
  at.network.fault = () => "drop";
  at.alice.send("BYE", at.bob);
  assert.equal(
    ladder(at),
    `
     0  alice → bob  BYE (lost)
   500  alice → bob  BYE (lost)
  1500  alice → bob  BYE (lost)
  3500  alice → bob  BYE (lost)
  7500  alice → bob  BYE (lost)
 11500  alice → bob  BYE (lost)
 15500  alice → bob  BYE (lost)
 19500  alice → bob  BYE (lost)
 23500  alice → bob  BYE (lost)
 27500  alice → bob  BYE (lost)
 31500  alice → bob  BYE (lost)
 32000  alice: hears timeout`,
  );
});

test("a slow answer: 100 only after 3.5 s, then the client repeats every 4 s (RFC 4320 §4.1)", () => {
  const at = bench();
  at.alice.send("INFO", at.bob);
  at.clock.advance(9000);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INFO
    10  bob: gets INFO
   500  alice → bob    INFO
  1500  alice → bob    INFO
  3500  alice → bob    INFO
  3510  bob   → alice  100 INFO
  3510  bob   → alice  100 INFO
  3520  alice: hears 100
  3520  alice: hears 100
  7500  alice → bob    INFO
  7510  bob   → alice  100 INFO
  7520  alice: hears 100
  9000  bob   → alice  200 INFO
  9010  alice: hears 200 (bob1)`,
  );
});

test("an answer later than 64*T1 is not sent (RFC 4320 §4.2)", () => {
  const at = bench();
  at.network.fault = ({ summary, nth }) => (summary === "INFO" ? (nth > 1 ? "drop" : undefined) : "drop");
  at.alice.send("INFO", at.bob);
  at.clock.advance(32_100);
  at.bob.respond(at.bob.last, 200);
  assert.equal(at.bob.last.pending, false);
  assert.match(ladder(at), /32000 {2}alice: hears timeout$/);
});

test("408 is never sent (RFC 4320 §4.2)", () => {
  const at = bench();
  at.bob.serve = (info) => at.bob.respond(info, 408);
  at.alice.send("INFO", at.bob);
  assert.doesNotMatch(ladder(at), /408/);
  assert.deepEqual(at.bob.heard, ["gets INFO"]);
});

test("doubled requests and doubled answers are heard once", () => {
  const at = bench();
  at.network.fault = () => "duplicate";
  at.bob.serve = (bye) => at.bob.respond(bye, 200);
  at.alice.send("BYE", at.bob);
  ladder(at);
  assert.deepEqual([at.alice.heard, at.bob.heard], [["hears 200 (bob1)"], ["gets BYE"]]);
  assert.equal(at.alice.layer.counters.retransmissionsIn, 3);
});

test("over TCP nothing is repeated", () => {
  const at = bench();
  at.alice.send("INFO", at.bob.target("TCP"));
  at.clock.advance(2000);
  at.bob.respond(at.bob.last, 200);
  assert.equal(
    ladder(at),
    `
     0  alice → bob    INFO [TCP]
    10  bob: gets INFO
  2000  bob   → alice  200 INFO [TCP]
  2010  alice: hears 200 (bob1)`,
  );
});

test("nothing listens: the user hears it at once; a listener of ours that does not exist likewise", () => {
  const at = bench();
  at.bob.transport.close();
  at.alice.send("BYE", at.bob);
  at.alice.send("BYE", { ...at.bob.target(), listener: "elsewhere" }, { branch: "b2" });
  assert.equal(
    ladder(at),
    `
     0  alice → bob  BYE
     0  alice: hears transport-error NO_LISTENER
    20  alice: hears transport-error ECONNREFUSED`,
  );
});
