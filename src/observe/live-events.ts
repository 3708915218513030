/**
 * Live events for those outside: call, trunk and gateway events made from the one schema, kept in a bounded ring so that
 * a follower that was away goes on where it stopped. Told in batches, so that a follower costs the calls' loop one
 * write per 50 ms however many calls there are. Does not know who listens: webhooks and SSE stand behind the follower.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { LiveEvent, LiveEventType, Stamped, TandemEvent } from "./event.ts";

export interface LiveBatch {
  readonly events: readonly LiveEvent[];
  /** The ring had no longer, or never, all that came after the follower's place. */
  readonly missed: boolean;
}

export interface LiveEvents {
  readonly name: string;
  accept(stamped: Stamped): void;
  /** @param after the place of the last event that the follower has; @returns what stops it */
  follow(after: string | undefined, tell: (batch: LiveBatch) => void): () => void;
}

export interface LiveEventsOptions {
  readonly clock: Clock;
  /** Different for each start of the process: [0-9a-z]. */
  readonly boot: string;
  readonly ringMax?: number;
  readonly batchMs?: number;
}

/** Ten seconds of 200 calls a second. */
const RING_MAX = 10_000;
const BATCH_MS = 50;
/** Of the calls that are up, what their later events repeat. */
const CALLS_MAX = 200_000;

interface Opening {
  readonly data: LiveEvent["data"];
  readonly webhookUrl: string | undefined;
}

export function createLiveEvents(options: LiveEventsOptions): LiveEvents {
  return new LiveEventRing(options);
}

class LiveEventRing implements LiveEvents {
  readonly name = "live events";
  readonly #options: LiveEventsOptions;
  readonly #ringMax: number;
  /** Oldest first; the first has number `#first`. */
  #ring: LiveEvent[] = [];
  #first = 1;
  readonly #calls = new Map<string, Opening>();
  readonly #followers = new Set<(batch: LiveBatch) => void>();
  #batch: LiveEvent[] = [];
  #timer: Timer | undefined;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    this.#ringMax = options.ringMax ?? RING_MAX;
  }

  accept({ event, at }: Stamped): void {
    const made = this.#translate(event, at);
    if (made === undefined) return;
    const number = this.#first + this.#ring.length;
    const place = `${this.#options.boot}.${number}`;
    const callId = event.callId;
    const live: LiveEvent = {
      // Transferred it may be several times.
      id: callId === undefined ? place : `${callId}.${made.type}${made.type === "call.transferred" ? `.${place}` : ""}`,
      place,
      type: made.type,
      atMs: at,
      tenant: event.tenant ?? "*",
      callId,
      webhookUrl: made.webhookUrl,
      data: made.data,
    };
    this.#ring.push(live);
    // Half at a time: shifting a long array for each event would cost more than the event.
    if (this.#ring.length > 2 * this.#ringMax) {
      this.#first += this.#ring.length - this.#ringMax;
      this.#ring = this.#ring.slice(-this.#ringMax);
    }
    if (this.#followers.size === 0) return;
    this.#batch.push(live);
    this.#timer ??= this.#options.clock.after(this.#options.batchMs ?? BATCH_MS, () => this.#flush());
  }

  follow(after: string | undefined, tell: (batch: LiveBatch) => void): () => void {
    this.#flush();
    const found = this.#since(after);
    if (found.events.length > 0 || found.missed) tell(found);
    this.#followers.add(tell);
    return () => this.#followers.delete(tell);
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const batch: LiveBatch = { events: this.#batch, missed: false };
    this.#batch = [];
    if (batch.events.length > 0) for (const tell of this.#followers) tell(batch);
  }

  #since(after: string | undefined): LiveBatch {
    if (after === undefined) return { events: [], missed: false };
    const [boot, number] = after.split(".");
    // Of another process: all that this one has is new.
    if (boot !== this.#options.boot) return { events: this.#ring.slice(-this.#ringMax), missed: true };
    const from = Number(number) + 1 - this.#first;
    return { events: this.#ring.slice(Math.max(0, from)), missed: !(from >= 0) };
  }

  #translate(
    event: TandemEvent,
    at: number,
  ): { readonly type: LiveEventType; readonly webhookUrl?: string | undefined; readonly data: LiveEvent["data"] } | undefined {
    switch (event.type) {
      case "call-started": {
        const { caller, called, peer, callId = "", webhookUrl } = event;
        const started_at = new Date(at).toISOString();
        const data = { call_id: callId, from_number: caller, to_number: called, from_peer: peer, started_at };
        if (this.#calls.size < CALLS_MAX) this.#calls.set(callId, { data, webhookUrl });
        return { type: "call.started", webhookUrl, data };
      }
      case "call-ringing":
        return this.#ofCall("call.ringing", event.callId, {});
      case "call-answered":
        return this.#ofCall("call.answered", event.callId, { to_peer: event.peer, setup_ms: event.setupMs });
      case "call-transferred":
        return this.#ofCall("call.transferred", event.callId, { replaced_peer: event.from, new_peer: event.to });
      case "call-ended": {
        const { outcome, sipStatus, endedBy, reason, durationMs, callId } = event;
        const said = this.#ofCall("call.ended", callId, {
          outcome,
          sip_status: sipStatus,
          ended_by: endedBy,
          end_reason: reason,
          duration_seconds: Math.round(durationMs) / 1000,
        });
        this.#calls.delete(callId ?? "");
        return said;
      }
      case "registration":
        if (event.standing === "registering") return undefined;
        return {
          type: event.standing === "registered" ? "trunk.registered" : "trunk.unregistered",
          data: { trunk_id: event.trunk, state: event.standing, reason: event.reason },
        };
      case "gateway-health":
        return {
          type: event.up ? "gateway.up" : "gateway.down",
          data: { gateway: event.gateway, target: event.target, reason: event.reason },
        };
      default:
        return undefined;
    }
  }

  #ofCall(type: LiveEventType, callId = "", more: LiveEvent["data"]) {
    const opening = this.#calls.get(callId);
    return { type, webhookUrl: opening?.webhookUrl, data: { ...(opening?.data ?? unknownCall(callId)), ...more } };
  }
}

/** Of a call that a former process took, only the id is known. */
const unknownCall = (callId: string): LiveEvent["data"] => ({
  call_id: callId,
  from_number: null,
  to_number: null,
  from_peer: null,
  started_at: null,
});
