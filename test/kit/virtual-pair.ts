/** Alice and Bob, the two ends of most ladders, with what tests ask of them. */
import assert from "node:assert/strict";
import { VirtualAgent, type VirtualCall } from "./virtual-agent.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { type LinkQuality, type Packet, VirtualNetwork } from "./virtual-network.ts";
import type { Dialog } from "#sip/dialog/user-agent.ts";

export interface VirtualPair {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly alice: VirtualAgent;
  readonly bob: VirtualAgent;
  /** A call that is up, its beginning forgotten. */
  up(): { readonly call: VirtualCall; readonly toBob: Dialog; readonly toAlice: Dialog };
  /** Lets every timer run out, and sees that nothing is left. */
  end(): void;
  /** Packets sent with that summary. */
  count(summary: string, from?: VirtualAgent): number;
  /** Loses packets: "ACK 2" is the second ACK of either side. */
  drop(...summaries: readonly string[]): void;
  wire(summary: string, nth?: number): string;
}

export function virtualPair(quality: Partial<LinkQuality> = { delayMs: 10 }): VirtualPair {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, quality });
  const alice = new VirtualAgent(network, clock, { name: "alice", address: "192.0.2.1", seed: 10 });
  const bob = new VirtualAgent(network, clock, { name: "bob", address: "192.0.2.2", seed: 20 });
  return {
    clock,
    network,
    alice,
    bob,
    up: () => {
      bob.onCall = () => void bob.answer();
      const call = alice.call(bob);
      clock.advance(100);
      assert.deepEqual([alice.heard, bob.heard], [["answered"], ["INVITE", "ACK"]]);
      alice.heard.splice(0);
      bob.heard.splice(0);
      return { call, toBob: call.dialog!, toAlice: bob.dialog! };
    },
    end: () => {
      clock.run();
      assert.equal(clock.pending, 0);
      assert.ok(alice.idle, "alice keeps something");
      assert.ok(bob.idle, "bob keeps something");
    },
    count: (summary, from) =>
      network.packets.filter((packet) => packet.summary === summary && (from === undefined || packet.from === from.name)).length,
    drop: (...summaries) => {
      network.fault = (packet: Packet) => (summaries.includes(`${packet.summary} ${packet.nth}`) ? "drop" : undefined);
    },
    wire: (summary, nth = 1) => network.packets.find((packet) => packet.summary === summary && packet.nth === nth)!.wire,
  };
}
