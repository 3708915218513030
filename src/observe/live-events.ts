/**
 * Live events for those outside: call, trunk and gateway events made from the one schema, kept in a bounded ring so that
 * a follower that was away goes on where it stopped. Made when they are told, so that they cost nothing while nobody
 * listens; told in batches, so that a follower costs the calls' loop one write per 50 ms however many calls there are.
 * Does not know who listens: webhooks and SSE stand behind the follower.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { LiveEvent, LiveEventType, Stamped, TandemEvent } from "./event.ts";
import type { Sink } from "./publish.ts";

export interface LiveBatch {
  readonly events: readonly LiveEvent[];
  /** The ring had no longer, or never, all that came after the follower's place. */
  readonly missed: boolean;
}

export interface LiveEvents extends Sink {
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

/** Registering is on its way to one of the others, and not told. */
const TOLD: ReadonlySet<TandemEvent["type"]> = new Set([
  "call-started",
  "call-ringing",
  "call-answered",
  "call-transferred",
  "call-ended",
  "registration",
  "gateway-health",
] as const);

/** What happened, until somebody wants to be told. */
interface Kept {
  readonly number: number;
  readonly at: number;
  readonly event: TandemEvent;
  /** How its call began: what its later events repeat. */
  readonly opening: Opening | undefined;
}
interface Opening {
  readonly at: number;
  readonly event: Extract<TandemEvent, { type: "call-started" }>;
}
interface Made {
  readonly type: LiveEventType;
  readonly data: LiveEvent["data"];
}

export function createLiveEvents(options: LiveEventsOptions): LiveEvents {
  return new LiveEventRing(options);
}

class LiveEventRing implements LiveEvents {
  readonly name = "live events";
  readonly takes = (type: TandemEvent["type"]): boolean => TOLD.has(type);
  readonly #options: LiveEventsOptions;
  readonly #ringMax: number;
  /** Oldest first; the first has number `#first`. */
  #ring: Kept[] = [];
  #first = 1;
  /** Of the calls that are up. */
  readonly #calls = new Map<string, Opening>();
  readonly #followers = new Set<(batch: LiveBatch) => void>();
  #batch: Kept[] = [];
  #timer: Timer | undefined;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    this.#ringMax = options.ringMax ?? RING_MAX;
  }

  accept({ event, at }: Stamped): void {
    if (!TOLD.has(event.type) || (event.type === "registration" && event.standing === "registering")) return;
    const kept: Kept = { number: this.#first + this.#ring.length, at, event, opening: this.#openingOf(event, at) };
    this.#ring.push(kept);
    // Half at a time: shifting a long array for each event would cost more than the event.
    if (this.#ring.length > 2 * this.#ringMax) {
      this.#first += this.#ring.length - this.#ringMax;
      this.#ring = this.#ring.slice(-this.#ringMax);
    }
    if (this.#followers.size === 0) return;
    this.#batch.push(kept);
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
    const kept = this.#batch;
    this.#batch = [];
    if (kept.length === 0 || this.#followers.size === 0) return;
    const batch: LiveBatch = { events: this.#liveEvents(kept), missed: false };
    for (const tell of this.#followers) tell(batch);
  }

  #since(after: string | undefined): LiveBatch {
    if (after === undefined) return { events: [], missed: false };
    const [boot, number] = after.split(".");
    // Of another process: all that this one has is new.
    if (boot !== this.#options.boot) return { events: this.#liveEvents(this.#ring.slice(-this.#ringMax)), missed: true };
    const from = Number(number) + 1 - this.#first;
    return { events: this.#liveEvents(this.#ring.slice(Math.max(0, from))), missed: !(from >= 0) };
  }

  #openingOf(event: TandemEvent, at: number): Opening | undefined {
    const { callId } = event;
    if (callId === undefined) return undefined;
    if (event.type === "call-started") {
      const opening = { at, event };
      if (this.#calls.size < CALLS_MAX) this.#calls.set(callId, opening);
      return opening;
    }
    const opening = this.#calls.get(callId);
    if (event.type === "call-ended") this.#calls.delete(callId);
    return opening;
  }

  #liveEvents(kept: readonly Kept[]): readonly LiveEvent[] {
    return kept.flatMap((each) => liveEventOf(each, `${this.#options.boot}.${each.number}`) ?? []);
  }
}

function liveEventOf({ event, at, opening }: Kept, place: string): LiveEvent | undefined {
  const made = translate(event, opening);
  if (made === undefined) return undefined;
  const { callId } = event;
  return {
    // Transferred it may be several times.
    id: callId === undefined ? place : `${callId}.${made.type}${made.type === "call.transferred" ? `.${place}` : ""}`,
    place,
    type: made.type,
    atMs: at,
    tenant: event.tenant ?? "*",
    callId,
    webhookUrl: opening?.event.webhookUrl,
    data: made.data,
  };
}

function translate(event: TandemEvent, opening: Opening | undefined): Made | undefined {
  const ofCall = (more: LiveEvent["data"]): LiveEvent["data"] => ({ ...openingData(event.callId, opening), ...more });
  switch (event.type) {
    case "call-started":
      return { type: "call.started", data: ofCall({}) };
    case "call-ringing":
      return { type: "call.ringing", data: ofCall({}) };
    case "call-answered":
      return { type: "call.answered", data: ofCall({ to_peer: event.peer, setup_ms: event.setupMs }) };
    case "call-transferred":
      return { type: "call.transferred", data: ofCall({ replaced_peer: event.from, new_peer: event.to }) };
    case "call-ended": {
      const { outcome, sipStatus, endedBy, reason, durationMs } = event;
      const duration_seconds = Math.round(durationMs) / 1000;
      return {
        type: "call.ended",
        data: ofCall({ outcome, sip_status: sipStatus, ended_by: endedBy, end_reason: reason, duration_seconds }),
      };
    }
    case "registration":
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

/** Of a call that a former process took, only the id is known. */
function openingData(callId = "", opening: Opening | undefined): LiveEvent["data"] {
  if (opening === undefined) return { call_id: callId, from_number: null, to_number: null, from_peer: null, started_at: null };
  const { caller, called, peer } = opening.event;
  return { call_id: callId, from_number: caller, to_number: called, from_peer: peer, started_at: new Date(opening.at).toISOString() };
}
