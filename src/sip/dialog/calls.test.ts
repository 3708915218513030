/** Whole calls between two agents on a virtual network: what the wire shows and what the users hear. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualAgent, noSdp, sdp, wordOf } from "../../../test/kit/virtual-agent.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { type LinkQuality, VirtualNetwork } from "../../../test/kit/virtual-network.ts";

function two(quality: Partial<LinkQuality> = { delayMs: 10 }, seed = 1) {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, seed, quality });
  const alice = new VirtualAgent(network, clock, { name: "alice", address: "192.0.2.1", seed: 10 });
  const bob = new VirtualAgent(network, clock, { name: "bob", address: "192.0.2.2", seed: 20 });
  const up = (): ReturnType<VirtualAgent["call"]> => {
    bob.onCall = (invite) => void invite.answer(sdp("answer"), bob.dialogUser);
    const call = alice.call(bob);
    clock.advance(100);
    return call;
  };
  const bobsDialog = () => bob.lastInvite.answer(noSdp, bob.dialogUser);
  const end = (): void => {
    clock.run();
    assert.equal(clock.pending, 0);
    assert.ok(alice.idle, "alice keeps something");
    assert.ok(bob.idle, "bob keeps something");
  };
  return { clock, network, alice, bob, up, bobsDialog, end };
}
const ladder = (text: string): string => text.split("\n").map((line) => line.slice(4)).slice(1, -1).join("\n");

test("a call: INVITE, ringing, answer, ACK, BYE", () => {
  const { clock, network, alice, bob, end } = two();
  const call = alice.call(bob);
  clock.advance(100);
  bob.lastInvite.provisional(180, "Ringing", noSdp);
  clock.advance(2900);
  bob.lastInvite.answer(sdp("answer"), bob.dialogUser);
  clock.advance(1000);
  call.dialog!.bye();
  clock.advance(1000);
  assert.equal(network.ladder(), ladder(`
         0  alice → bob    INVITE
        10  bob   → bob    INVITE
        10  bob   → alice  100 INVITE
        20  alice → alice  trying
       100  bob   → alice  180 INVITE
       110  alice → alice  180
      3000  bob   → alice  200 INVITE
      3010  alice → alice  answered
      3010  alice → bob    ACK
      3020  bob   → bob    ACK
      4000  alice → bob    BYE
      4010  bob   → alice  200 BYE
      4010  bob   → bob    BYE
    `));
  assert.equal(wordOf(call.answer), "answer");
  end();
});
