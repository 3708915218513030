/** Gateways that ring at once: who wins, what the others hear, and what is left of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DialPlan } from "#routing/decision.ts";
import { Stage, type StageOptions, audio } from "./stage.ts";

const NONE = { headers: [], body: "" };
const address = (number: number): string => `203.0.113.${number}`;
const statusOf = (call: ReturnType<Stage["dial"]>): number => (call.failure?.type === "response" ? call.failure.response.status : 0);
const outcomes = (stage: Stage): unknown[] => stage.cdr.attempts.map(({ peer, status, outcome }) => [peer, status, outcome]);

/** @param steps of each gateway: those of one number ring at once, 0 is tried by itself */
function ringing(steps: readonly number[], options: StageOptions = {}): Stage {
  const plan = (made: Extract<DialPlan, { type: "dial" }>): DialPlan => ({
    ...made,
    attempts: made.attempts.map((attempt, i) => (steps[i] === 0 ? attempt : { ...attempt, together: `ai ${steps[i]}` })),
  });
  return new Stage({ gateways: steps.length, plan, ...options });
}

test("three ring, the second answers: the others get CANCEL with the reason, and a record each", async () => {
  const stage = ringing([1, 1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  for (const gateway of stage.gateways) gateway.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(1000);
  assert.deepEqual(stage.calls.list()[0]?.to, "g1, g2, g3");
  assert.deepEqual(
    [1, 2, 3].map((number) => stage.calls.callsOf(`g${number}`)),
    [1, 1, 1],
  );
  stage.gateway(2).answer(audio(address(2), 6002));
  await stage.wait(100);
  assert.ok(call.dialog);
  assert.equal(stage.received("carrier").filter((summary) => summary === "180 INVITE").length, 1);
  for (const loser of ["g1", "g3"]) {
    assert.match(stage.wireTo(loser, "CANCEL"), /Reason: SIP;cause=200;text="Call completed elsewhere"\r\n/);
    assert.equal(stage.calls.callsOf(loser), 0);
  }
  assert.equal(stage.calls.callsOf("g2"), 1);
  assert.equal(stage.media.session?.pair, "b2");
  assert.deepEqual([...stage.media.session!.sides.keys()].toSorted(), ["a", "b2"]);
  call.dialog.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(outcomes(stage), [
    ["g1", 487, "cancelled"],
    ["g2", 200, "answered"],
    ["g3", 487, "cancelled"],
  ]);
  assert.deepEqual(stage.cdr.attempts[2]?.reason, "cancelled, g2 answered first");
  assert.equal(stage.cdr.legs[1]?.peer, "g2");
});

test("two 200s at once: the caller hears one, the other gateway gets ACK and BYE", async () => {
  const stage = ringing([1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(2).answer(audio(address(2), 6002));
  stage.gateway(1).answer(audio(address(1), 6001));
  await stage.wait(100);
  const won = stage.calls.list()[0]?.to;
  const lost = stage.gateway(won === "g1" ? 2 : 1);
  assert.deepEqual(
    stage.received("carrier").filter((summary) => summary === "200 INVITE"),
    ["200 INVITE"],
  );
  assert.deepEqual(lost.heard.slice(-2), ["ACK", "BYE"]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "answered");
});

test("a 200 that can't be used loses to one that can", async () => {
  const stage = ringing([1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).answer(NONE);
  await stage.wait(100);
  assert.deepEqual(stage.gateway(1).heard.slice(-2), ["ACK", "BYE"]);
  assert.equal(call.dialog, undefined);
  stage.gateway(2).answer(audio(address(2), 6002));
  await stage.wait(100);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(outcomes(stage), [
    ["g1", 502, "media_failed"],
    ["g2", 200, "answered"],
  ]);
});

test("all fail: the caller hears the best response, only when the last has failed", async () => {
  const stage = ringing([1, 1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.reject(486, "Busy Here");
  stage.gateway(2).lastInvite.reject(500, "Oops");
  await stage.wait(1000);
  assert.equal(call.failure, undefined);
  stage.gateway(3).lastInvite.reject(404, "Not Found");
  await stage.wait(10);
  assert.equal(statusOf(call), 486);
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "busy");
  assert.deepEqual(outcomes(stage), [
    ["g1", 486, "busy"],
    ["g2", 500, "failed"],
    ["g3", 404, "invalid_number"],
  ]);
});

test("a 6xx is for all that ring (RFC 3261 §16.7 step 5)", async () => {
  const stage = ringing([1, 1, 0]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(2).lastInvite.provisional(180, "Ringing", NONE);
  stage.gateway(1).lastInvite.reject(603, "Decline");
  await stage.wait(10);
  assert.equal(statusOf(call), 603);
  assert.match(stage.wireTo("g2", "CANCEL"), /Reason: SIP;cause=603\r\n/);
  assert.equal(stage.gateway(3).invites.length, 0);
  assert.deepEqual(await stage.quiet(), []);
});

test("then the next priority, and what follows the group", async () => {
  const stage = ringing([1, 1, 2, 2, 0]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.reject(480, "Away");
  await stage.wait(10);
  assert.equal(stage.gateway(3).invites.length, 0);
  stage.gateway(2).lastInvite.reject(503, "Overload");
  await stage.wait(10);
  assert.deepEqual(
    [3, 4, 5].map((number) => stage.gateway(number).invites.length),
    [1, 1, 0],
  );
  // The third says 100 and nothing else, so its time to progress runs.
  stage.gateway(4).lastInvite.reject(404, "Not Found");
  await stage.wait(6000);
  stage.gateway(5).answer(audio(address(5), 6005));
  await stage.wait(10);
  assert.ok(call.dialog);
  assert.equal(stage.media.session?.pair, "b5");
  call.dialog.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(
    stage.cdr.attempts.map(({ number, peer }) => `${number} ${peer}`),
    ["1 g1", "2 g2", "3 g3", "4 g4", "5 g5"],
  );
});

test("one that rings in vain is cancelled when others follow, and rings for the whole budget when none does", async () => {
  const stage = ringing([1, 1, 0]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
  stage.gateway(2).lastInvite.reject(480, "Away");
  await stage.wait(20_100);
  assert.ok(stage.gateway(1).heard.includes("CANCEL"));
  stage.gateway(3).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(34_000);
  assert.equal(call.failure, undefined);
  // The budget counts from the INVITE, not from the round.
  await stage.wait(1000);
  assert.equal(statusOf(call), 480);
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "no_answer");
});

test("setupBudgetMs over while two ring: both get CANCEL, the caller one 480", async () => {
  const stage = ringing([1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  for (const gateway of stage.gateways) gateway.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(55_100);
  assert.equal(statusOf(call), 480);
  assert.ok(stage.gateways.every((gateway) => gateway.heard.includes("CANCEL")));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(
    stage.received("carrier").filter((summary) => summary.endsWith(" INVITE")),
    ["100 INVITE", "180 INVITE", "480 INVITE"],
  );
});

test("CANCEL of the caller reaches all, whatever they said", async () => {
  const stage = ringing([1, 1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(10);
  call.invite.cancel();
  await stage.wait(100);
  assert.ok(stage.gateways.every((gateway) => gateway.heard.includes("CANCEL")));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(
    stage.cdr.attempts.map(({ outcome }) => outcome),
    ["cancelled", "cancelled", "cancelled"],
  );
});

test("an operator's hang-up ends all", async () => {
  const stage = ringing([1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  for (const gateway of stage.gateways) gateway.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(10);
  stage.calls.hangUpAll("maintenance");
  await stage.wait(100);
  assert.equal(statusOf(call), 480);
  assert.ok(stage.gateways.every((gateway) => gateway.heard.includes("CANCEL")));
  assert.deepEqual(await stage.quiet(), []);
});

test("no early media while several ring; of a 200 without a description the early one counts", async () => {
  const stage = ringing([1, 1], { gateway: { earlyMedia: "relay" } });
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.provisional(183, "Progress", audio(address(1), 6001));
  stage.gateway(2).lastInvite.provisional(183, "Progress", audio(address(2), 6002));
  await stage.wait(10);
  assert.ok(!stage.received("carrier").includes("183 INVITE"));
  assert.equal(stage.media.session?.pair, undefined);
  stage.gateway(1).answer(NONE);
  await stage.wait(10);
  assert.match(call.answer, /m=audio 20000/);
  assert.equal(stage.media.session?.pair, "b1");
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("who is full is left out, and capacity is taken by each that rings", async () => {
  const stage = ringing([1, 1], { each: [{ callsMax: 1 }, {}] });
  const first = stage.dial();
  await stage.wait(10);
  const second = stage.dial();
  await stage.wait(10);
  assert.deepEqual(
    [1, 2].map((number) => stage.gateway(number).invites.length),
    [1, 2],
  );
  stage.gateway(2).answer(audio(address(2), 6002));
  await stage.wait(10);
  second.dialog!.bye();
  first.invite.cancel();
  assert.deepEqual(await stage.quiet(), []);
  const full = stage.cdrs.flatMap(({ attempts }) => attempts).filter(({ outcome }) => outcome === "capacity");
  assert.deepEqual(
    full.map(({ peer, reason }) => [peer, reason]),
    [["g1", "full, 1 of 1 calls"]],
  );
});

test("ports run out for one of them: the other rings on", async () => {
  const stage = ringing([1, 1]);
  const prepare = stage.media.prepare.bind(stage.media);
  stage.media.prepare = (session, sides) =>
    sides.some(({ side }) => side === "b2")
      ? Promise.resolve({ ok: false, code: "PORTS_EXHAUSTED", detail: "on demand" })
      : prepare(session, sides);
  const call = stage.dial();
  await stage.wait(10);
  assert.deepEqual(
    [1, 2].map((number) => stage.gateway(number).invites.length),
    [1, 0],
  );
  stage.gateway(1).answer(audio(address(1), 6001));
  await stage.wait(10);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("the engine makes one session, however many ring", async () => {
  const stage = ringing([1, 1, 1]);
  const prepare = stage.media.prepare.bind(stage.media);
  const asked: string[][] = [];
  stage.media.prepare = async (session, sides) => {
    asked.push(sides.map(({ side }) => side));
    await new Promise((resolve) => stage.clock.after(50, () => resolve(undefined)));
    return prepare(session, sides);
  };
  const call = stage.dial();
  await stage.wait(300);
  assert.deepEqual(asked, [["a", "b1"], ["b2"], ["b3"]]);
  call.invite.cancel();
  assert.deepEqual(await stage.quiet(), []);
});

test("a restart while several ring cancels them all, and not those that had failed", async () => {
  const stage = ringing([1, 1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.gateway(1).lastInvite.reject(480, "Away");
  for (const number of [2, 3]) stage.gateway(number).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(100);
  const before = stage.received("g1").length;
  stage.boot();
  assert.deepEqual(stage.calls.restore([...stage.journaled.values()]), { running: 0, ended: 1, unreadable: 0 });
  await stage.wait(1000);
  assert.equal(statusOf(call), 500);
  assert.equal(stage.received("g1").length, before);
  for (const number of [2, 3]) assert.ok(stage.gateway(number).heard.includes("CANCEL"));
  await stage.wait(70_000);
  assert.equal(stage.agent.dialogs, 0);
  assert.deepEqual(
    stage.cdr.attempts.map(({ peer, reason }) => [peer, reason]),
    [
      ["g1", "answered 480"],
      ["g2", "restart during set-up"],
      ["g3", "restart during set-up"],
    ],
  );
});

test("an attempt as a former version journaled it is cancelled too", async () => {
  const stage = new Stage();
  const call = stage.dial();
  await stage.wait(10);
  const [written] = [...stage.journaled.values()];
  const { attempt } = written!.sections as { readonly attempt: readonly unknown[] };
  assert.equal(attempt.length, 1);
  stage.boot();
  stage.calls.restore([{ ...written!, sections: { ...written!.sections, attempt: attempt[0] } } as typeof written & object]);
  await stage.wait(1000);
  assert.equal(statusOf(call), 500);
  assert.ok(stage.gateway(1).heard.includes("CANCEL"));
  assert.equal(stage.cdr.attempts.length, 1);
});

test("a mistake of ours while several ring: all are cancelled, the caller hears 500", async () => {
  const stage = ringing([1, 1]);
  const call = stage.dial();
  await stage.wait(10);
  stage.media.commit = () => {
    throw new Error("broken");
  };
  stage.gateway(1).answer(audio(address(1), 6001));
  await stage.wait(100);
  assert.equal(statusOf(call), 500);
  assert.deepEqual(stage.gateway(1).heard.slice(-2), ["ACK", "BYE"]);
  assert.ok(stage.gateway(2).heard.includes("CANCEL"));
  assert.deepEqual(await stage.quiet(), []);
});

/** Two ring, the second answers, the caller ends it. */
async function wholeCall(stage: Stage): Promise<ReturnType<Stage["dial"]>> {
  for (const [i, gateway] of stage.gateways.entries())
    gateway.onCall = (invite) => {
      invite.provisional(180, "Ringing", NONE);
      if (i === 1) stage.clock.after(200, () => invite.pending && gateway.answer(audio(gateway.address, 6002)));
    };
  const call = stage.dial();
  await stage.wait(3000);
  call.dialog?.bye();
  await stage.wait(100);
  return call;
}

test("killed after anything it does in such a call: all sides come to an end, and one CDR says what the caller saw", async () => {
  const undisturbed = ringing([1, 1]);
  await wholeCall(undisturbed);
  const { acts } = undisturbed;
  assert.ok(acts > 15, `${acts} acts`);
  for (let diesAfter = 1; diesAfter <= acts; diesAfter++) {
    const stage = ringing([1, 1]);
    stage.diesAfter = diesAfter;
    const restart = (): void => {
      if (stage.acts < diesAfter) return void stage.clock.after(50, restart);
      stage.diesAfter = Infinity;
      stage.boot();
      stage.calls.restore([...stage.journaled.values()]);
    };
    stage.clock.after(50, restart);
    const call = await wholeCall(stage);
    await stage.wait(1000);
    const where = `killed after act ${diesAfter} of ${acts}\n${stage.network.ladder()}`;
    if (stage.acts < diesAfter) continue;
    assert.deepEqual(await stage.quiet(), [], where);
    assert.equal(stage.cdrs.length, 1, where);
    assert.equal(stage.cdr.outcome === "answered", call.dialog !== undefined, where);
  }
});

const ACTIONS = ["ring", "answer", "reject", "decline", "cancel", "bye"] as const;

test("any race in any weather leaves one winner at most, empty rooms and one CDR", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.record({
        delayMs: fc.integer({ min: 0, max: 100 }),
        jitterMs: fc.integer({ min: 0, max: 200 }),
        lossRate: fc.double({ min: 0, max: 0.2, noNaN: true }),
        duplicateRate: fc.double({ min: 0, max: 0.2, noNaN: true }),
      }),
      fc.constantFrom([1, 1, 1], [1, 1, 2], [1, 1, 0], [0, 1, 1]),
      fc.array(fc.tuple(fc.constantFrom(...ACTIONS), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 1500 })), { maxLength: 10 }),
      async (seed, quality, steps, script) => {
        const stage = ringing(steps, { network: { seed, quality } });
        const call = stage.dial();
        for (const [action, number, waitMs] of script) {
          await stage.wait(waitMs);
          const gateway = stage.gateway(number);
          const pending = gateway.invites.at(-1)?.pending === true;
          if (action === "ring" && pending) gateway.lastInvite.provisional(180, "Ringing", NONE);
          if (action === "answer" && pending) gateway.answer(audio(gateway.address, 6000 + number));
          if (action === "reject" && pending) gateway.lastInvite.reject(480, "No");
          if (action === "decline" && pending) gateway.lastInvite.reject(603, "Decline");
          if (action === "cancel" && call.dialog === undefined && call.failure === undefined) call.invite.cancel();
          if (
            action === "bye" &&
            call.dialog !== undefined &&
            !stage.carrier.heard.includes("BYE") &&
            !stage.carrier.heard.includes("left")
          ) {
            stage.carrier.hear("left");
            call.dialog.bye();
          }
        }
        await stage.wait(200_000);
        stage.calls.hangUpAll("the end");
        const left = await stage.quiet();
        assert.deepEqual(
          left.filter((line) => !/^(?:carrier|g\d) is|^\d+ timers$/.test(line)),
          [],
          stage.network.ladder(),
        );
        assert.ok(stage.cdrs.length <= 1);
        const winners = stage.cdrs.flatMap(({ attempts }) => attempts.filter(({ outcome }) => outcome === "answered"));
        assert.ok(winners.length <= 1, stage.network.ladder());
      },
    ),
    { numRuns: 100 },
  );
});
