/** What the media engine says of a call, in the words of ladder and log. */
import type { MediaEvent } from "#media/engine.ts";

export type SessionEvent = Extract<MediaEvent, { readonly session: string }>;

export function toldOf(event: SessionEvent): { readonly what: string; readonly side: string; readonly detail: string } {
  switch (event.type) {
    case "timeout":
      return { what: "timeout", side: event.side, detail: `nothing for ${event.silentMs} ms` };
    case "gone":
      return { what: "gone", side: "", detail: event.reason };
    case "first-packet":
      return { what: "first packet", side: event.side, detail: event.from };
    case "stray":
      return { what: "stray", side: event.side, detail: `${event.from}, ${event.packets} packets` };
  }
}
