/**
 * The exchange of offers and answers in one dialog (RFC 3264, RFC 6337) as state and events, and the
 * comparisons that it needs. What is put into an offer or answer is `relay-description.ts`'s subject.
 */
import { codecsOf } from "./codecs.ts";
import type { Codec, MediaDescription, Origin, SessionDescription } from "./description.ts";
import { writeSdp } from "./write-sdp.ts";

/** Immutable. `local` and `remote` are in force; `offer` is one that awaits its answer. */
export interface Negotiation {
  readonly local: SessionDescription | undefined;
  readonly remote: SessionDescription | undefined;
  readonly pending: { readonly by: "local" | "remote"; readonly offer: SessionDescription } | undefined;
  /** The o= version of what we sent last; 0 before the first. */
  readonly version: number;
}

export const NOTHING_NEGOTIATED: Negotiation = { local: undefined, remote: undefined, pending: undefined, version: 0 };

export type NegotiationEvent =
  | { readonly type: "offer-sent" | "offer-received" | "answer-sent" | "answer-received"; readonly description: SessionDescription }
  /** The request with the offer failed (488, 491 …): what was in force stays (RFC 3261 §14.1). */
  | { readonly type: "rolled-back" };

export type Negotiated =
  | { readonly ok: true; readonly value: Negotiation }
  /** glare: an offer while another is pending (491); unexpected: an answer to nothing. */
  | { readonly ok: false; readonly reason: "glare" | "unexpected-answer" | "fewer-streams" };

export function negotiate(state: Negotiation, event: NegotiationEvent): Negotiated {
  switch (event.type) {
    case "rolled-back":
      return { ok: true, value: { ...state, pending: undefined } };
    case "offer-sent":
    case "offer-received": {
      // RFC 3264 §4: no second offer before the answer to the first.
      if (state.pending !== undefined) return { ok: false, reason: "glare" };
      const by = event.type === "offer-sent" ? "local" : "remote";
      // §8: m-lines never vanish.
      const before = by === "local" ? state.local : state.remote;
      if (before !== undefined && event.description.media.length < before.media.length) return { ok: false, reason: "fewer-streams" };
      return { ok: true, value: { ...state, pending: { by, offer: event.description }, version: versionAfter(state, event) } };
    }
    case "answer-sent":
    case "answer-received": {
      const answered = event.type === "answer-sent" ? "remote" : "local";
      if (state.pending?.by !== answered) return { ok: false, reason: "unexpected-answer" };
      const { offer } = state.pending;
      const [local, remote] = answered === "local" ? [offer, event.description] : [event.description, offer];
      return { ok: true, value: { local, remote, pending: undefined, version: versionAfter(state, event) } };
    }
  }
}

function versionAfter(state: Negotiation, event: Exclude<NegotiationEvent, { type: "rolled-back" }>): number {
  if (event.type !== "offer-sent" && event.type !== "answer-sent") return state.version;
  return versionFor(state, event.description);
}

/** The o= version that a description must carry: the same for the same, one more for another (RFC 3264 §8). */
export function versionFor(state: Negotiation, description: SessionDescription): number {
  if (state.version === 0) return 1;
  return state.local !== undefined && sameMedia(state.local, description) ? state.version : state.version + 1;
}

const NO_ORIGIN: Origin = { username: "-", sessionId: "0", sessionVersion: "0", addressType: "IP4", address: "0.0.0.0" };
const content = (description: SessionDescription): string => writeSdp({ ...description, origin: NO_ORIGIN, sessionName: "-" });

/** Says the same of media, whatever o= and s= say: a session refresh (RFC 4028 §7.4), also with a raised version. */
export const sameMedia = (a: SessionDescription, b: SessionDescription): boolean => content(a) === content(b);

/** Codecs of `own` that `other` has too (name, rate, channels), in the order and with the numbers of `own`. */
export function intersectCodecs(own: MediaDescription, other: MediaDescription): Codec[] {
  const theirs = codecsOf(other);
  return codecsOf(own).filter((codec) => theirs.some((their) => sameCodec(codec, their)));
}

export const sameCodec = (a: Codec, b: Codec): boolean =>
  a.name.toLowerCase() === b.name.toLowerCase() && a.clockRateHz === b.clockRateHz && a.channels === b.channels;
