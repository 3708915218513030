/** How an outcome is coloured. */
import type { Tone } from "../parts/basics.tsx";

export const OUTCOMES = [
  "answered",
  "busy",
  "no_answer",
  "rejected",
  "invalid_number",
  "carrier_blocked",
  "rate_limited",
  "capacity",
  "auth_failed",
  "media_failed",
  "timeout",
  "cancelled",
  "failed",
] as const;
const IDLE = ["cancelled", "busy", "no_answer", "rejected"];
export const toneOfOutcome = (outcome: string): Tone =>
  outcome === "answered" ? "good" : IDLE.includes(outcome) ? "idle" : outcome === "invalid_number" ? "warn" : "bad";
