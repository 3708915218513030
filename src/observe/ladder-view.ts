/**
 * A call's ladder as data for whoever draws it: parties, and in order of time messages between them and what was
 * decided. Credentials are masked in the messages already when they are published; here once more, for old rings.
 */
import type { Stamped } from "./event.ts";
import { maskCredentials } from "./mask.ts";
import { findParties, messageLabel, noteOf } from "./render-ladder.ts";

export interface LadderMessage {
  readonly kind: "message";
  /** From 1, as findings name it. */
  readonly number: number;
  readonly atMs: number;
  readonly offsetMs: number;
  /** Places in `parties`. */
  readonly from: number;
  readonly to: number;
  /** "INVITE +SDP", "200 OK (BYE)". */
  readonly summary: string;
  /** 0: a request. */
  readonly status: number;
  readonly retransmission: boolean;
  readonly transport: string;
  readonly listener: string;
  /** The whole message. */
  readonly text: string;
}
export interface LadderNote {
  readonly kind: "note";
  readonly atMs: number;
  readonly offsetMs: number;
  readonly type: string;
  readonly text: string;
}
export interface LadderView {
  readonly parties: readonly { readonly name: string; readonly isUs: boolean }[];
  readonly entries: readonly (LadderMessage | LadderNote)[];
}

/** The longest label there is room for. */
const LABEL_CHARS = 60;

export function ladderView(events: readonly Stamped[]): LadderView {
  const parties = findParties(events);
  const startMs = events[0]?.at ?? 0;
  const entries: (LadderMessage | LadderNote)[] = [];
  let number = 0;
  for (const { at: atMs, event } of events) {
    const offsetMs = atMs - startMs;
    if (event.type === "sip") {
      const other = parties.of(event);
      const inward = event.direction === "in";
      entries.push({
        kind: "message",
        number: ++number,
        atMs,
        offsetMs,
        from: inward ? other : parties.ours,
        to: inward ? parties.ours : other,
        summary: messageLabel({ ...event, retransmission: false }, LABEL_CHARS),
        status: event.wire.startsWith("SIP/2.0 ") ? Number.parseInt(event.wire.slice(8, 11), 10) || 0 : 0,
        retransmission: event.retransmission,
        transport: event.transport,
        listener: event.listener,
        text: maskCredentials(event.wire),
      });
      continue;
    }
    const text = noteOf(event);
    if (text !== undefined) entries.push({ kind: "note", atMs, offsetMs, type: event.type, text });
  }
  return { parties: parties.names.map((name, i) => ({ name, isUs: i === parties.ours })), entries };
}
