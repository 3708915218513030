/** Calls that Tandem places and moves, under loss, duplication, reordering and kill -9: Tandem keeps nothing, with one CDR. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { absentPeer } from "#routing/absent-peer.ts";
import type { DialPlan, PlannedAttempt } from "#routing/decision.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import { audio, HUNT, NUMBER, Stage } from "./stage.ts";

const CUSTOMER = "+4930222";
const NONE = { headers: [], body: "" };
const WHO = ["carrier", "g1", "g2"] as const;
const ACTIONS = ["ring", "answer", "reject", "bye", "reinvite", "refer", "move-gateway", "move-customer", "hang-up", "kill"] as const;

function dialled(stage: Stage, name: string, called: string, caller: string): DialPlan {
  const peer = name === "carrier" ? stage.trunk : stage.peers.find((one) => one.name === name)!;
  const attempt: PlannedAttempt = { peer, requestUri: peer.uri!.replace("sip:", `sip:${called}@`), called, caller };
  return { type: "dial", tenant: DEFAULT_TENANT, route: name, called, caller, attempts: [attempt], skipped: [], hunt: HUNT };
}

test("any order of actions in any weather ends with nothing left and one CDR", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.record({
        delayMs: fc.integer({ min: 0, max: 200 }),
        jitterMs: fc.integer({ min: 0, max: 300 }),
        lossRate: fc.double({ min: 0, max: 0.3, noNaN: true }),
        duplicateRate: fc.double({ min: 0, max: 0.3, noNaN: true }),
      }),
      fc.array(fc.tuple(fc.constantFrom(...ACTIONS), fc.constantFrom(...WHO), fc.integer({ min: 0, max: 2500 })), { maxLength: 16 }),
      // Who answers by himself: without it few calls would get far.
      fc.subarray([...WHO]),
      async (seed, quality, script, answering) => {
        const stage = new Stage({
          gateways: 2,
          network: { seed, quality },
          carrier: { transfers: true },
          gateway: { transfers: true },
          transfer: ({ place, caller }, here) => dialled(here, place.name, NUMBER, caller),
        });
        const sides = { carrier: stage.carrier, g1: stage.gateway(1), g2: stage.gateway(2) };
        let version = 1;
        for (const who of answering)
          sides[who].onCall = (invite) =>
            void stage.clock.after(200, () =>
              invite.pending ? sides[who].answer(audio(sides[who].address, 6000, { formats: "0 101" })) : undefined,
            );
        for (const side of Object.values(sides)) {
          side.onReinvited = (invite) =>
            invite.answer(audio(side.address, 7000, { version: ++version, formats: "0 101" }), side.dialogUser);
          side.onDialogRequest = (transaction) => respondInDialog(transaction, 200, "OK");
        }
        const placed = stage.calls.originate({
          source: absentPeer("gateway", "api", DEFAULT_TENANT),
          plan: () => dialled(stage, "carrier", CUSTOMER, NUMBER),
          connect: () => dialled(stage, "g1", NUMBER, CUSTOMER),
          webhookUrl: undefined,
        });
        assert.ok(placed.ok);
        for (const [action, who, waitMs] of script) {
          await stage.wait(waitMs);
          const side = sides[who];
          const pending = side.invites.at(-1)?.pending === true;
          const { dialog } = side;
          const up =
            dialog !== undefined && !["BYE", "left"].includes(side.heard.findLast((word) => ["BYE", "left", "ACK"].includes(word)) ?? "");
          if (action === "ring" && pending) side.lastInvite.provisional(180, "Ringing", NONE);
          if (action === "answer" && pending) side.answer(audio(side.address, 6000, { formats: "0 101" }));
          if (action === "reject" && pending) side.lastInvite.reject(486, "Busy Here");
          if (action === "bye" && up) {
            side.hear("left");
            dialog.bye();
          }
          if (action === "reinvite" && up)
            side.reinvite(dialog, audio(side.address, 6100 + version, { version: ++version, formats: "0 101" }));
          if (action === "refer" && up)
            side.request(dialog, "REFER", { headers: [["Refer-To", `<sip:${who === "g1" ? "g2" : "g1"}@example.com>`]], body: "" });
          if (action === "move-gateway") stage.calls.transfer(placed.callId, { kind: "gateway", name: who }, undefined);
          if (action === "move-customer") stage.calls.transfer(placed.callId, { kind: "gateway", name: who }, "callee");
          if (action === "hang-up") stage.calls.hangUp(placed.callId, "an operator");
          if (action === "kill") {
            stage.boot();
            stage.calls.restore([...stage.journaled.values()]);
            stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
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
        assert.equal(stage.cdrs.length, 1);
        assert.deepEqual(
          stage.events.filter((event) => event.type === "process" && /failed|error/.test(event.what)),
          [],
        );
      },
    ),
    { numRuns: 200 },
  );
});
