/**
 * Whatever the network loses, doubles and reorders, and whatever both owners do at random times: in the end
 * both sides agree whether the call is up, each heard one end of it, and nothing is left behind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { seededRandom } from "#base/random.ts";
import { VirtualAgent, noSdp, sdp } from "../../../test/kit/virtual-agent.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { VirtualNetwork } from "../../../test/kit/virtual-network.ts";
import type { Dialog } from "./user-agent.ts";

const DEEDS = [
  "cancel",
  "abandon",
  "alice-bye",
  "bob-bye",
  "answer",
  "reject",
  "ring",
  "alice-reinvite",
  "bob-reinvite",
  "alice-info",
  "bob-info",
] as const;
type Deed = (typeof DEEDS)[number];
interface Script {
  readonly seed: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly jitterMs: number;
  readonly lateOffer: boolean;
  readonly transport: "UDP" | "TCP";
  readonly answerAtMs: number | undefined;
  readonly deeds: readonly (readonly [atMs: number, deed: Deed])[];
}

const script: fc.Arbitrary<Script> = fc.record({
  seed: fc.nat(),
  lossRate: fc.double({ min: 0, max: 0.6, noNaN: true }),
  duplicateRate: fc.double({ min: 0, max: 0.4, noNaN: true }),
  jitterMs: fc.integer({ min: 0, max: 800 }),
  lateOffer: fc.boolean(),
  transport: fc.constantFrom("UDP", "UDP", "UDP", "TCP"),
  answerAtMs: fc.option(fc.integer({ min: 0, max: 6000 }), { nil: undefined }),
  deeds: fc.array(fc.tuple(fc.integer({ min: 0, max: 12_000 }), fc.constantFrom(...DEEDS)), { minLength: 1, maxLength: 12 }),
});

/** The network behaves from then on; before Timer B and F give up. */
const LOSS_ENDS_MS = 15_000;

/** One side as its owner sees it. */
class Side {
  readonly agent: VirtualAgent;
  dialog: Dialog | undefined;
  over = false;
  constructor(agent: VirtualAgent) {
    this.agent = agent;
    agent.onBye = () => {
      assert.ok(!this.over, `${agent.name} heard BYE after the end`);
      this.over = true;
    };
    agent.onNoAck = () => this.bye();
    agent.onReinvited = (invite) => {
      assert.ok(!this.over, `${agent.name} heard a re-INVITE after the end`);
      invite.answer(sdp("answer"), agent.dialogUser);
    };
  }
  get up(): boolean {
    return this.dialog !== undefined && !this.over;
  }
  bye(): void {
    if (!this.up) return;
    this.over = true;
    this.dialog!.bye();
  }
  reinvite(): void {
    if (!this.up) return;
    const { dialog } = this;
    dialog!.reinvite(sdp("re-offer"), {
      onAnswer: () => dialog!.ack(""),
      // The owner ends a call whose peer is gone (§12.2.1.2).
      onFailure: (outcome) => {
        if (outcome.type !== "response" || outcome.response.status === 481) this.bye();
      },
    });
  }
  info(): void {
    if (!this.up) return;
    this.dialog!.request("INFO", noSdp, (outcome) => {
      assert.ok(!this.over, `${this.agent.name} heard of its INFO after the end`);
      if (outcome.type !== "response" || outcome.response.status === 481) this.bye();
    });
  }
}

function play({ seed, lossRate, duplicateRate, jitterMs, lateOffer, transport, answerAtMs, deeds }: Script): void {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, seed, quality: { delayMs: 20, jitterMs } });
  const dice = seededRandom(seed);
  network.fault = () => {
    if (clock.nowMs() > LOSS_ENDS_MS) return undefined;
    if (dice.fraction() < lossRate) return "drop";
    return dice.fraction() < duplicateRate ? "duplicate" : undefined;
  };
  const alice = new Side(new VirtualAgent(network, clock, { name: "alice", address: "192.0.2.1", seed: 10 }));
  const bob = new Side(new VirtualAgent(network, clock, { name: "bob", address: "192.0.2.2", seed: 20 }));
  const target = { transport, listener: "main", address: "192.0.2.2", port: 5060 } as const;
  let abandoned = false;
  const call = alice.agent.call(bob.agent, { target, ...(lateOffer ? noSdp : {}) });
  const invite = () => bob.agent.invites[0];
  const perform: Readonly<Record<Deed, () => void>> = {
    cancel: () => call.invite.cancel(),
    abandon: () => {
      abandoned ||= call.dialog === undefined && call.failure === undefined;
      call.invite.abandon();
    },
    "alice-bye": () => alice.bye(),
    "bob-bye": () => bob.bye(),
    answer: () => {
      if (invite()?.pending === true) bob.dialog = bob.agent.answer();
    },
    reject: () => invite()?.reject(486, "Busy Here"),
    ring: () => invite()?.provisional(180, "Ringing", noSdp),
    "alice-reinvite": () => alice.reinvite(),
    "bob-reinvite": () => bob.reinvite(),
    "alice-info": () => alice.info(),
    "bob-info": () => bob.info(),
  };
  const planned = answerAtMs === undefined ? deeds : [...deeds, [answerAtMs, "answer"] as const];
  for (const [atMs, deed] of planned) {
    clock.after(atMs, () => {
      alice.dialog = call.dialog;
      perform[deed]();
    });
  }
  clock.advance(40_000);
  // Nobody rings for ever.
  perform.reject();
  clock.advance(200_000);
  alice.dialog = call.dialog;
  assert.equal(alice.up, bob.up, "one side believes in a call that the other ended");
  const ends = [call.dialog, call.failure].filter((end) => end !== undefined).length;
  assert.equal(ends, abandoned ? 0 : 1, "the owner of the INVITE hears exactly one end");
  assert.ok(bob.agent.invites.length <= 1, "an INVITE came up twice");
  alice.bye();
  clock.run();
  assert.equal(bob.up, false);
  assert.equal(clock.pending, 0, "a timer is left");
  assert.ok(alice.agent.idle && bob.agent.idle, "a dialog or transaction is left");
}

test("both sides agree in the end, whatever is lost, doubled or reordered", () => {
  fc.assert(fc.property(script, play), { numRuns: 400, seed: 20260 });
});
