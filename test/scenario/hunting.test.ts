/** Every row of the hunting table as it looks on the wire. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Located } from "#call/ports.ts";
import { audio, Stage } from "./stage.ts";

const NONE = { headers: [], body: "" };
const statusOf = (call: { failure: unknown }): number => {
  const failure = call.failure as { type: string; response?: { status: number } } | undefined;
  return failure?.response?.status ?? 0;
};
/** The second gateway gets the call, answers, and the caller hangs up. */
async function secondAnswers(stage: Stage, call: ReturnType<Stage["dial"]>): Promise<void> {
  stage.gateway(2).answer(audio(stage.gateway(2).address, 6000));
  await stage.wait(10);
  assert.ok(call.dialog, "the caller has a dialog");
  assert.equal(stage.media.session?.pair, "b2");
  call.dialog.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
  assert.equal(stage.cdr.attempts.length, 2);
}

describe("the hunting table", () => {
  test("nothing listens there: next at once", async () => {
    const stage = new Stage({ gateways: 2 });
    stage.gateway(1).transport.close();
    const call = stage.dial();
    await stage.wait(10);
    assert.equal(stage.gateway(2).invites.length, 1);
    assert.ok(stage.clock.nowMs() <= 10);
    await secondAnswers(stage, call);
    assert.match(stage.cdr.attempts[0]!.reason, /ECONNREFUSED/);
    assert.deepEqual(
      stage.attempts.map(({ peer, alive }) => [peer, alive]),
      [
        ["g1", false],
        ["g2", true],
      ],
    );
  });

  test("a name that does not resolve: next at once, also when DNS answers later", async () => {
    for (const later of [false, true]) {
      const missing = { ok: false, code: "NOT_FOUND", detail: "no such name" } as const;
      const stage = new Stage({
        gateways: 2,
        locate: (host) =>
          host.endsWith(".1")
            ? later
              ? Promise.resolve(missing)
              : missing
            : { ok: true, targets: [{ transport: "UDP", listener: "outside", address: host, port: 5060 }] },
      });
      const call = stage.dial();
      await stage.wait(10);
      await secondAnswers(stage, call);
      assert.match(stage.cdr.attempts[0]!.reason, /NOT_FOUND/);
    }
  });

  test("a name server that says nothing takes no longer than a silent gateway; its late answer changes nothing", async () => {
    const found = (address: string): Located => ({ ok: true, targets: [{ transport: "UDP", listener: "outside", address, port: 5060 }] });
    const { promise, resolve } = Promise.withResolvers<Located>();
    const stage = new Stage({ gateways: 2, locate: (host) => (host.endsWith(".1") ? promise : found(host)) });
    const call = stage.dial();
    await stage.wait(1990);
    assert.equal(stage.gateway(2).invites.length, 0);
    await stage.wait(20);
    assert.equal(stage.gateway(2).invites.length, 1);
    resolve(found("198.51.100.11"));
    await stage.wait(10);
    assert.equal(stage.gateway(1).invites.length, 0);
    await secondAnswers(stage, call);
    assert.match(stage.cdr.attempts[0]!.reason, /DNS_FAILED: no answer within 2000 ms/);
  });

  test("silent for tryTimeoutMs: next; its late 180 gets CANCEL", async () => {
    const stage = new Stage({ gateways: 2 });
    stage.network.fault = (packet) => (packet.from === "g1" && packet.atMs < 3000 ? "drop" : undefined);
    const call = stage.dial();
    await stage.wait(1990);
    assert.equal(stage.gateway(2).invites.length, 0);
    await stage.wait(20);
    assert.equal(stage.gateway(2).invites.length, 1);
    await stage.wait(1500);
    stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
    await stage.wait(10);
    assert.ok(stage.received("g1").includes("CANCEL"));
    await secondAnswers(stage, call);
    assert.match(stage.cdr.attempts[0]!.reason, /no response within 2000 ms/);
  });

  test("silent for tryTimeoutMs: its late 200 gets ACK and BYE", async () => {
    const stage = new Stage({ gateways: 2 });
    stage.network.fault = (packet) => (packet.from === "g1" && packet.atMs < 2500 ? "drop" : undefined);
    const call = stage.dial();
    await stage.wait(2600);
    stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
    await stage.wait(600);
    assert.ok(stage.received("g1").includes("ACK") && stage.received("g1").includes("BYE"));
    await secondAnswers(stage, call);
  });

  test("100 only for progressTimeoutMs: CANCEL, next", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(4990);
    assert.equal(stage.gateway(2).invites.length, 0);
    await stage.wait(20);
    assert.ok(stage.received("g1").includes("CANCEL"));
    assert.equal(stage.gateway(2).invites.length, 1);
    await secondAnswers(stage, call);
  });

  for (const status of [403, 404, 407, 408, 480, 488, 500, 503]) {
    test(`${status} from an AI gateway: next`, async () => {
      const stage = new Stage({ gateways: 2 });
      const call = stage.dial();
      await stage.wait(10);
      stage.gateway(1).lastInvite.reject(status, "Own words of 10.9.8.7");
      await stage.wait(10);
      await secondAnswers(stage, call);
      assert.equal(stage.cdr.attempts[0]!.status, status);
    });
  }

  for (const status of [486, 600, 603, 604, 606]) {
    test(`${status}: stop, and the caller hears it in our words with a Q.850 cause`, async () => {
      const stage = new Stage({ gateways: 2 });
      const call = stage.dial();
      await stage.wait(10);
      stage.gateway(1).lastInvite.reject(status, "Own words of 10.9.8.7", [
        ["Reason", 'Q.850;cause=17;text="secret.example"'],
        ["Warning", '399 10.9.8.7 "x"'],
      ]);
      await stage.wait(10);
      assert.equal(statusOf(call), status);
      assert.equal(stage.gateway(2).invites.length, 0);
      const wire = stage.wireTo("carrier", `${status} INVITE`);
      assert.match(wire, /Reason: Q\.850;cause=17\r\n/);
      assert.doesNotMatch(wire, /10\.9\.8\.7|secret/);
      assert.deepEqual(await stage.quiet(), []);
      assert.equal(stage.cdr.endedBy, "callee");
      assert.equal(stage.cdr.sipStatus, status);
    });
  }

  test("302: stop, and its Contact stays here; followed where the gateway may", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.reject(302, "Moved", [["Contact", "<sip:else@203.0.113.2>"]]);
    await stage.wait(10);
    assert.equal(statusOf(call), 502);
    assert.doesNotMatch(stage.wireTo("carrier", "502 INVITE"), /203\.0\.113/);
    assert.deepEqual(await stage.quiet(), []);

    const follows = new Stage({ gateways: 2, gateway: { followRedirects: true } });
    const moved = follows.dial();
    await follows.wait(10);
    follows.gateway(1).lastInvite.reject(302, "Moved", [["Contact", "<sip:else@203.0.113.2>"]]);
    await follows.wait(10);
    assert.equal(follows.gateway(2).lastInvite.request.requestUri, "sip:else@203.0.113.2");
    await secondAnswers(follows, moved);
  });

  test("503 with Retry-After: next, and the gateway rests", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.reject(503, "Busy", [["Retry-After", "30 (maintenance)"]]);
    await stage.wait(10);
    assert.equal(stage.attempts[0]?.restS, 30);
    await secondAnswers(stage, call);
  });

  test("180 without an answer in ringTimeoutMs: CANCEL, next", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
    await stage.wait(19_900);
    assert.equal(stage.gateway(2).invites.length, 0);
    await stage.wait(200);
    assert.ok(stage.received("g1").includes("CANCEL"));
    await secondAnswers(stage, call);
  });

  test("setupBudgetMs over: CANCEL, and the caller hears 480", async () => {
    const stage = new Stage();
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
    await stage.wait(54_900);
    assert.equal(call.failure, undefined);
    await stage.wait(200);
    assert.equal(statusOf(call), 480);
    assert.ok(stage.received("g1").includes("CANCEL"));
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.outcome, "no_answer");
    assert.equal(stage.cdr.endedBy, "us");
  });

  test("all dead: 502 with a cause, never the gateway's 503", async () => {
    const stage = new Stage({ gateways: 2 });
    stage.gateway(1).transport.close();
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(2).lastInvite.reject(503, "Overload");
    await stage.wait(10);
    assert.equal(statusOf(call), 502);
    assert.match(stage.wireTo("carrier", "502 INVITE"), /Reason: Q\.850;cause=\d+\r\n/);
    assert.deepEqual(await stage.quiet(), []);
  });

  test("a 200 without a description: ACK and BYE, next", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).answer(NONE);
    await stage.wait(10);
    assert.deepEqual(stage.gateway(1).heard.slice(-2), ["ACK", "BYE"]);
    await secondAnswers(stage, call);
  });

  test("further addresses of one gateway are tried before the next gateway", async () => {
    const stage = new Stage({
      gateways: 2,
      locate: (host) => ({
        ok: true,
        targets: (host.endsWith(".1") ? ["203.0.113.77", "203.0.113.1"] : [host]).map((address) => ({
          transport: "UDP",
          listener: "outside",
          address,
          port: 5060,
        })),
      }),
    });
    const call = stage.dial();
    await stage.wait(10);
    assert.equal(stage.gateway(1).invites.length, 1);
    stage.gateway(1).answer(audio(stage.gateway(1).address, 6000));
    await stage.wait(10);
    call.dialog!.bye();
    assert.deepEqual(await stage.quiet(), []);
    assert.deepEqual(
      stage.cdr.attempts.map(({ peer, target, outcome }) => [peer, target, outcome]),
      [
        ["g1", "udp:203.0.113.77:5060", "failed"],
        ["g1", "udp:203.0.113.1:5060", "answered"],
      ],
    );
  });
});

describe("early media", () => {
  const ringback = (stage: Stage, number: number, status = 183): void =>
    stage.gateway(number).lastInvite.provisional(status, "Progress", audio(stage.gateway(number).address, 6000 + number));

  test("from the last candidate it is relayed, and the 200 says the same", async () => {
    const stage = new Stage();
    const call = stage.dial();
    await stage.wait(10);
    ringback(stage, 1);
    await stage.wait(10);
    const early = stage.wireTo("carrier", "183 INVITE").split("\r\n\r\n")[1];
    assert.match(early ?? "", /m=audio 20000/);
    assert.equal(stage.media.session?.pair, "b1");
    stage.gateway(1).answer(audio(stage.gateway(1).address, 6001));
    await stage.wait(10);
    assert.equal(call.answer, early);
    call.dialog!.bye();
    assert.deepEqual(await stage.quiet(), []);
  });

  test("while candidates remain a 183 is dropped and a 180 comes without its description", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    ringback(stage, 1);
    await stage.wait(10);
    assert.ok(!stage.received("carrier").includes("183 INVITE"));
    ringback(stage, 1, 180);
    await stage.wait(10);
    assert.match(stage.wireTo("carrier", "180 INVITE"), /Content-Length: 0\r\n|l: 0\r\n/i);
    stage.gateway(1).lastInvite.reject(500, "Oops");
    await stage.wait(10);
    await secondAnswers(stage, call);
  });

  test("a relayed answer is pinned: the next gateway gets an offer of its codecs, and the caller hears the same again", async () => {
    const stage = new Stage({ gateways: 2, gateway: { earlyMedia: "relay" } });
    const call = stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.provisional(183, "Progress", audio(stage.gateway(1).address, 6001, { formats: "8 101" }));
    await stage.wait(10);
    const early = stage.wireTo("carrier", "183 INVITE").split("\r\n\r\n")[1]!;
    assert.match(early, /m=audio 20000 RTP\/AVP 8 101/);
    stage.gateway(1).lastInvite.reject(480, "Gone");
    await stage.wait(10);
    assert.match(stage.gateway(2).lastInvite.request.body, /m=audio \d+ RTP\/AVP 8 101/);
    stage.gateway(2).answer(audio(stage.gateway(2).address, 6000, { formats: "8 101" }));
    await stage.wait(10);
    assert.equal(call.answer, early);
    assert.equal(stage.media.session?.pair, "b2");
    call.dialog!.bye();
    assert.deepEqual(await stage.quiet(), []);
  });

  test("a 200 without a description after a 183 with one uses it", async () => {
    const stage = new Stage({ gateways: 2 });
    const call = stage.dial();
    await stage.wait(10);
    ringback(stage, 1);
    await stage.wait(10);
    stage.gateway(1).answer(NONE);
    await stage.wait(10);
    assert.match(call.answer, /m=audio 20000/);
    call.dialog!.bye();
    assert.deepEqual(await stage.quiet(), []);
  });
});
