/** When two descriptions say the same of media. */
import type { Origin, SessionDescription } from "./description.ts";
import { writeSdp } from "./write-sdp.ts";

const NO_ORIGIN: Origin = { username: "-", sessionId: "0", sessionVersion: "0", addressType: "IP4", address: "0.0.0.0" };
const content = (description: SessionDescription): string => writeSdp({ ...description, origin: NO_ORIGIN, sessionName: "-" });

/** Whatever o= and s= say: a session refresh (RFC 4028 §7.4), also with a raised version. */
export const sameMedia = (a: SessionDescription, b: SessionDescription): boolean => content(a) === content(b);
