/** A refusal that the caller hears first: a tone as early media (RFC 3960 §2), then the status. */
import type { Tone } from "#media/engine.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import type { IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { Call } from "./call.ts";
import type { Told } from "./media-session.ts";
import { sdpBodyOf } from "./sdp-body.ts";

/** How long a tone is heard before the refusal. */
const TONE_MS = 4_000;

/** The caller offered audio, and the engine can play. */
export function canHear({ ports, media }: Call, { request }: IncomingInvite): boolean {
  const body = sdpBodyOf(request);
  return body.type === "sdp" && ports.media.capabilities.has("play") && media.callerOffers(body.text).ok;
}

/** Whoever hangs up before has heard enough. */
export function refuseAudibly(call: Call, invite: IncomingInvite, tone: Tone, refuse: () => void): void {
  const isOver = (): boolean => !invite.pending || call.state === "ending";
  const end = (): void => call.guard(() => (isOver() ? undefined : refuse()));
  const heard = (told: Told): void => {
    if (!told.ok || isOver()) return end();
    invite.provisional(183, reasonPhraseOf(183), { headers: [], contentType: "application/sdp", body: told.sdp });
    call.publish({ type: "media", what: "tone", side: "a", detail: tone });
    call.ports.clock.after(TONE_MS, end);
  };
  call.media.tone(tone, invite.flow.remoteAddress, TONE_MS).then((told) => call.guard(() => heard(told)), end);
}
