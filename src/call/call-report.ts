/** What is told of a call that is up: its line in a list, and what the engine has counted so far. */
import type { Call } from "./call.ts";
import { type CallState, towards } from "./call-state.ts";
import type { CallSummary, LegQuality } from "./control.ts";

export const summaryOf = (call: Pick<Call, "id" | "state" | "source">, is: CallState): CallSummary => ({
  callId: call.id,
  tenant: is.tenant,
  state: call.state,
  caller: is.core?.caller ?? "",
  called: is.core?.called ?? "",
  from: call.source.name,
  to: towards(is).join(", "),
  startedAtMs: is.core?.startedAtMs ?? 0,
  answeredAtMs: is.answered?.answeredAtMs,
  held: is.held,
});

export async function qualityOf({ id, ports }: Pick<Call, "id" | "ports">, is: CallState): Promise<readonly LegQuality[]> {
  if (!is.media.opened) return [];
  const stats = await ports.media.stats(id);
  return [is.a, is.b].flatMap((leg) => {
    const counted = stats?.sides.find(({ side }) => side === leg?.name);
    if (leg === undefined || counted === undefined) return [];
    const { packetsReceived, packetsSent, lost: packetsLost, jitterMs, strays } = counted;
    const codec = is.media.codec(leg.side);
    return [{ leg: leg.name, peer: leg.peer.name, codec, packetsReceived, packetsSent, packetsLost, jitterMs, strays }];
  });
}
