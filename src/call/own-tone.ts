/**
 * A tone to a caller who is going to be refused: our answer to his offer, as early media (RFC 3960 §3.2), and the
 * engine's play. Only G.711, which everybody has; whoever offers none hears the refusal at once.
 */
import type { CallId } from "#base/ids.ts";
import type { MediaEngine, Tone } from "#media/engine.ts";
import type { Peer } from "#routing/snapshot.ts";
import { codecsOf } from "#sdp/codecs.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { relayDescription } from "#sdp/relay-description.ts";
import { audioIndexOf, remoteMediaOf } from "#sdp/remote-media.ts";
import { writeSdp } from "#sdp/write-sdp.ts";
import type { Told } from "./media-session.ts";
import { ownOffer } from "./own-offer.ts";

const G711 = ["PCMU", "PCMA"] as const;

export interface ToneWish {
  readonly session: CallId;
  /** For the o= line. */
  readonly sessionId: number;
  readonly caller: Peer;
  readonly callerAddress: string;
  readonly offer: string;
  readonly tone: Tone;
  readonly durationMs: number;
}

/** @returns the description for a 183; the tone plays already */
export async function playTone(engine: MediaEngine, wish: ToneWish): Promise<Told> {
  const { session, caller, tone, durationMs } = wish;
  const no = (reason: string): Told => ({ ok: false, reason });
  const offer = parseSdp(wish.offer);
  const at = offer.ok ? audioIndexOf(offer.value) : -1;
  const remote = offer.ok ? remoteMediaOf(offer.value, at) : undefined;
  if (!offer.ok || remote === undefined || engine.play === undefined) return no("nothing can be played to him");
  const codec = codecsOf(offer.value.media[at]!).find(({ name }) => G711.some((one) => one === name.toUpperCase()));
  const encoding = G711.find((one) => one === codec?.name.toUpperCase());
  if (codec === undefined || encoding === undefined) return no("the offer has no G.711");
  const side = { side: "a", pool: caller.listener, nat: caller.nat, signallingAddress: wish.callerAddress, rtcpMux: false };
  const prepared = await engine.prepare(session, [side]);
  const local = prepared.ok ? prepared.local["a"] : undefined;
  if (local === undefined) return no(prepared.ok ? "the engine named no port" : prepared.detail);
  const origin = { sessionId: String(wish.sessionId), sessionVersion: "1", address: local.address };
  const answer = relayDescription({
    received: ownOffer([encoding], origin, local),
    origin,
    local,
    rtcpMux: false,
    role: "answer",
    offer: offer.value,
  });
  if (!answer.ok) return no(answer.reason);
  engine.commit({ session, remotes: { a: { ...remote, rtcpMux: false } }, timeoutMs: 0 });
  engine.play({ session, side: "a", tone, encoding, payloadType: codec.payloadType, durationMs });
  return { ok: true, sdp: writeSdp(answer.value) };
}
