/** How an outcome is coloured. */
import type { Tone } from "../parts/basics.tsx";

const IDLE = ["cancelled", "busy", "no_answer", "rejected"];
export const toneOfOutcome = (outcome: string): Tone =>
  outcome === "answered" ? "good" : IDLE.includes(outcome) ? "idle" : outcome === "invalid_number" ? "warn" : "bad";
