/** Loss, duplication and reordering under whole calls: both ends come to rest, with one CDR for each call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { audio, CARRIER, Stage } from "./stage.ts";

const NONE = { headers: [], body: "" };
const ACTIONS = [
  "ring",
  "answer",
  "reject",
  "cancel",
  "bye-caller",
  "bye-callee",
  "reinvite-caller",
  "reinvite-callee",
  "info",
  "wait",
] as const;

test("any order of actions in any weather ends in silence, empty rooms and one CDR a call", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.record({
        delayMs: fc.integer({ min: 0, max: 200 }),
        jitterMs: fc.integer({ min: 0, max: 300 }),
        lossRate: fc.double({ min: 0, max: 0.3, noNaN: true }),
        duplicateRate: fc.double({ min: 0, max: 0.3, noNaN: true }),
      }),
      fc.array(fc.tuple(fc.constantFrom(...ACTIONS), fc.integer({ min: 0, max: 3000 })), { maxLength: 12 }),
      async (seed, quality, script) => {
        const stage = new Stage({ gateways: 2, network: { seed, quality } });
        const call = stage.dial();
        for (const gateway of [stage.carrier, ...stage.gateways])
          gateway.onReinvited = (invite) => invite.answer(audio(gateway.address, 7000, { version: 5 }), gateway.dialogUser);
        let version = 1;
        for (const [action, waitMs] of script) {
          await stage.wait(waitMs);
          const gateway = stage.gateway(2).invites.length > 0 ? stage.gateway(2) : stage.gateway(1);
          const pending = gateway.invites.at(-1)?.pending === true;
          const up = call.dialog !== undefined && !stage.carrier.heard.includes("BYE") && !stage.carrier.heard.includes("left");
          const far = gateway.dialog !== undefined && !gateway.heard.includes("BYE") && !gateway.heard.includes("left");
          if (action === "ring" && pending) gateway.lastInvite.provisional(180, "Ringing", NONE);
          if (action === "answer" && pending) gateway.answer(audio(gateway.address, 6000));
          if (action === "reject" && pending) gateway.lastInvite.reject(480, "No");
          if (action === "cancel" && call.dialog === undefined && call.failure === undefined) call.invite.cancel();
          if (action === "bye-caller" && up) {
            stage.carrier.hear("left");
            call.dialog!.bye();
          }
          if (action === "bye-callee" && far) {
            gateway.hear("left");
            gateway.dialog!.bye();
          }
          if (action === "reinvite-caller" && up)
            stage.carrier.reinvite(call.dialog!, audio(CARRIER, 4100 + version, { version: ++version }));
          if (action === "reinvite-callee" && far)
            gateway.reinvite(gateway.dialog!, audio(gateway.address, 6100 + version, { version: ++version }));
          if (action === "info" && up)
            stage.carrier.request(call.dialog!, "INFO", { headers: [], contentType: "application/dtmf", body: "1" });
        }
        await stage.wait(200_000);
        // What nobody ended is ended by the operator, and everything has gone then.
        stage.calls.hangUpAll("the end");
        // A played end that lost every CANCEL may ring for ever; what counts is that Tandem keeps nothing.
        const left = await stage.quiet();
        assert.deepEqual(
          left.filter((line) => !/^(?:carrier|g\d) is|^\d+ timers$/.test(line)),
          [],
          stage.network.ladder(),
        );
        assert.ok(stage.cdrs.length <= 1);
        if (stage.received("tandem").includes("INVITE") && stage.gateways.some((gateway) => gateway.invites.length > 0))
          assert.equal(stage.cdrs.length, 1);
      },
    ),
    { numRuns: 150 },
  );
});
