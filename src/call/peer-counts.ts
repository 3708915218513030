/** How many calls each peer has, both ways, and what its own fields allow: at once, from it, to it, in a second. */
import { CallRates } from "#routing/call-rates.ts";
import { CALL_QUEUE_MS } from "#routing/peer-rules.ts";
import type { GatewayGroup, Peer } from "#routing/snapshot.ts";

/** `call-house.ts` says what is asked of it. */
export class PeerCounts {
  /** Calls per peer name, both ways and those that came from it. */
  readonly #counts = new Map<string, number>();
  readonly #inbound = new Map<string, number>();
  readonly #rates = new CallRates();

  callsOf(peer: string, way?: "in" | "out"): number {
    const all = this.#counts.get(peer) ?? 0;
    if (way === undefined) return all;
    const inbound = this.#inbound.get(peer) ?? 0;
    return way === "in" ? inbound : all - inbound;
  }
  count(peer: string, change: 1 | -1, way: "in" | "out"): void {
    add(this.#counts, peer, change);
    if (way === "in") add(this.#inbound, peer, change);
  }
  callsAt({ name, kind }: Peer, way: "in" | "out") {
    return { name, kind, calls: this.callsOf(name) - (way === "in" ? 1 : 0) };
  }
  fullness(peer: Peer, way: "in" | "out", group?: GatewayGroup): string | undefined {
    // Who calls is counted already.
    const counted = way === "in" ? 1 : 0;
    const calls = this.callsOf(peer.name) - counted;
    if (peer.callsMax > 0 && calls >= peer.callsMax) return `full, ${calls} of ${peer.callsMax} calls`;
    const most = way === "in" ? peer.inboundCallsMax : peer.outboundCallsMax;
    const thisWay = this.callsOf(peer.name, way) - counted;
    if (most !== undefined && thisWay >= most) return `full, ${thisWay} of ${most} calls ${way === "in" ? "from" : "to"} it`;
    if (group?.callsMax === undefined) return undefined;
    const together = group.members.reduce((sum, { gateway }) => sum + this.callsOf(gateway), 0);
    return together >= group.callsMax ? `group ${group.name} full, ${together} of ${group.callsMax} calls` : undefined;
  }
  turn(peer: Peer, way: "in" | "out", nowMs: number): number | string {
    const perSecond = way === "in" ? peer.inboundCallsPerSecond : peer.outboundCallsPerSecond;
    if (perSecond === undefined) return 0;
    const waitMaxMs = way === "in" ? 0 : (peer.callQueueMs ?? CALL_QUEUE_MS);
    const waitMs = this.#rates.turn(peer.name, way, perSecond, waitMaxMs, nowMs);
    if (waitMs !== undefined) return waitMs;
    return `over ${perSecond} calls a second ${way === "in" ? `from ${peer.name}` : `to ${peer.name}, and none waits longer than ${waitMaxMs} ms`}`;
  }
}

function add(counts: Map<string, number>, peer: string, change: 1 | -1): void {
  const calls = (counts.get(peer) ?? 0) + change;
  if (calls > 0) counts.set(peer, calls);
  else counts.delete(peer);
}
