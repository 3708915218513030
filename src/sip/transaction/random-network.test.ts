/** Whatever a network loses, doubles, delays and reorders: both ends finish, nothing stays, one final is heard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type Bench, bench } from "../../../test/kit/transaction-bench.ts";
import { T1_MS } from "./transactions.ts";

const scenario = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  quality: fc.record({
    delayMs: fc.integer({ min: 0, max: 300 }),
    jitterMs: fc.integer({ min: 0, max: 1500 }),
    lossRate: fc.constantFrom(0, 0.1, 0.3, 0.6, 0.9, 1),
    duplicateRate: fc.constantFrom(0, 0.2, 0.9),
  }),
  transport: fc.constantFrom("UDP" as const, "TCP" as const),
  final: fc.constantFrom(200, 302, 408, 486, 487, 503, 603),
  ringsMs: fc.integer({ min: 0, max: 50_000 }),
  rings: fc.boolean(),
  cancelMs: fc.option(fc.integer({ min: 0, max: 50_000 }), { nil: undefined }),
  bobDiesMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
});

/** What the client's user heard as an end: each 2xx counts as one, its repeats do not. */
function finals(heard: readonly string[]): readonly string[] {
  const ends = heard.filter((text) => /hears ([2-6]\d\d|timeout|transport-error)/.test(text));
  return ends.filter((text, i) => !text.startsWith("hears 2") || ends.indexOf(text) === i);
}

/**
 * The last repeat leaves T1 before the transaction ends at its server: when it is delayed by more than that,
 * it is a new request (§17.2.1, §17.2.2), and then only.
 */
const atMostOnce = (jitterMs: number, times: number): boolean => times <= 1 || jitterMs >= T1_MS;

function finished(at: Bench): void {
  assert.deepEqual(
    [at.alice.layer.size, at.bob.layer.size],
    [
      { client: 0, server: 0 },
      { client: 0, server: 0 },
    ],
  );
  assert.equal(at.clock.pending, 0);
}

test("an INVITE ends at both ends, and its user hears exactly one final (property)", () => {
  fc.assert(
    fc.property(scenario, (given) => {
      const at = bench({ seed: given.seed, quality: given.quality });
      at.bob.serve = (invite) => {
        if (given.rings) at.bob.respond(invite, 180);
        at.clock.after(given.ringsMs, () => at.bob.respond(invite, given.final));
      };
      const invite = at.alice.send("INVITE", at.bob.target(given.transport));
      if (given.cancelMs !== undefined) at.clock.after(given.cancelMs, () => invite.cancel());
      if (given.bobDiesMs !== undefined) at.clock.after(given.bobDiesMs, () => at.bob.transport.close());
      at.clock.run(200_000);
      // A ringing INVITE has no timer of its own (§17.1.1.2): where its final was lost for good, the caller cancels.
      if (at.alice.layer.size.client > 0) invite.cancel();
      at.clock.run();
      finished(at);
      assert.equal(finals(at.alice.heard).length, 1, at.network.ladder());
      const times = (what: string): number => at.bob.heard.filter((text) => text === what).length;
      assert.ok(atMostOnce(given.quality.jitterMs, times("gets INVITE")), at.network.ladder());
      assert.ok(times("is cancelled") <= times("gets INVITE"));
    }),
    { numRuns: 400 },
  );
});

test("a non-INVITE ends at both ends, is served once, and its user hears exactly one final (property)", () => {
  fc.assert(
    fc.property(scenario, (given) => {
      const at = bench({ seed: given.seed, quality: given.quality });
      at.bob.serve = (info) => at.clock.after(given.rings ? given.ringsMs : 0, () => at.bob.respond(info, given.final));
      at.alice.send("INFO", at.bob.target(given.transport));
      if (given.bobDiesMs !== undefined) at.clock.after(given.bobDiesMs, () => at.bob.transport.close());
      at.clock.run();
      finished(at);
      assert.equal(finals(at.alice.heard).length, 1, at.network.ladder());
      assert.ok(atMostOnce(given.quality.jitterMs, at.bob.served.length), at.network.ladder());
    }),
    { numRuns: 400 },
  );
});

test("whatever arrives in whatever order, nothing throws and nothing stays (property)", () => {
  const piece = fc.record({
    method: fc.constantFrom("INVITE", "ACK", "CANCEL", "BYE", "INFO"),
    status: fc.option(fc.constantFrom(100, 180, 200, 486), { nil: undefined }),
    branch: fc.constantFrom("z9hG4bKb1", "z9hG4bKb2", "old", "z9hG4bK"),
    waitMs: fc.constantFrom(0, 1, 600, 33_000),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const at = bench();
      at.bob.serve = (transaction) => at.clock.after(700, () => at.bob.respond(transaction, 486));
      at.network.fault = ({ from, summary }) => (from === "bob" && summary === "INVITE" ? "drop" : undefined);
      const invite = at.bob.send("INVITE", at.alice, { branch: "b1" });
      for (const { method, status, branch, waitMs } of pieces) {
        const start = status === undefined ? `${method} sip:bob@192.0.2.2 SIP/2.0` : `SIP/2.0 ${status} x`;
        at.alice.transport.inject(
          at.bob.target(),
          [
            start,
            `Via: SIP/2.0/UDP 192.0.2.1:5060;branch=${branch}`,
            "From: <sip:a@b>;tag=1",
            "To: <sip:c@d>",
            "Call-ID: 1",
            `CSeq: 1 ${method}`,
            "",
            "",
          ].join("\r\n"),
        );
        at.clock.advance(waitMs);
      }
      invite.cancel();
      at.clock.run();
      finished(at);
    }),
    { numRuns: 200 },
  );
});
