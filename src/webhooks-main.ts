/**
 * Webhooks of the API's thread: opens their queue, feeds it with live events, and after a start with the calls that
 * ended while nobody looked (their records say so; what was delivered already is not sent again).
 */
import { randomBytes } from "node:crypto";
import { createCallOut } from "#api/call-out.ts";
import type { LiveHub } from "#api/live-hub.ts";
import { WebhookQueue } from "#api/webhook-queue.ts";
import type { WebhookPorts } from "#api/webhook-routes.ts";
import { systemClock as clock } from "#base/clock.ts";
import { systemRandom as random } from "#base/random.ts";
import type { Cdr } from "#cdr/record.ts";
import type { LiveEvent } from "#observe/event.ts";
import { EVERY_TENANT, type CdrStore } from "#store/cdr-store.ts";
import type { WebhookStore } from "#store/webhook-store.ts";
import { followLive } from "./live-main.ts";

export interface WebhooksOptions {
  readonly store: WebhookStore;
  readonly cdrs: Pick<CdrStore, "list">;
  readonly live: LiveHub;
  readonly controlPath: string;
  readonly key: Uint8Array;
  readonly version: string;
  readonly allowPrivate: boolean;
  readonly onProblem: (text: string) => void;
}

/** The store folds what the journal had meanwhile. */
const CATCH_UP_AFTER_MS = 3_000;
const CATCH_UP_CALLS_MAX = 1_000;
const CATCH_UP_MS = 3_600_000;

export function openWebhooks(options: WebhooksOptions) {
  const { store, cdrs, live, controlPath, key, version, allowPrivate, onProblem } = options;
  const callOut = createCallOut({ allowPrivate });
  const queue = new WebhookQueue({ store, callOut, clock, random, key, version, onProblem });
  const ports: WebhookPorts = {
    store,
    callOut,
    allowPrivate,
    random: (digits) => randomBytes(digits / 2).toString("hex"),
    async changed(target) {
      await queue.reload();
      if (target !== undefined) queue.wake(target);
    },
  };
  const catchUp = async (): Promise<void> => {
    const found = await cdrs.list({ limit: CATCH_UP_CALLS_MAX, tenant: EVERY_TENANT });
    queue.take(found.filter(({ endedAtMs }) => endedAtMs > clock.wallMs() - CATCH_UP_MS).map(endOf));
  };
  return {
    ports,
    store,
    callOut,
    /** Begins to take events. */
    async start(): Promise<void> {
      const place = await queue.start();
      live.listen((events) => queue.take(events, events.findLast(({ place: at }) => at !== "")?.place));
      followLive(controlPath, place ?? "0.0", ({ events }) => live.tell(events));
      clock.after(CATCH_UP_AFTER_MS, () => void catchUp().catch((error: unknown) => onProblem(`webhooks of past calls: ${String(error)}`)));
    },
    async close(): Promise<void> {
      queue.close();
      callOut.close();
      await store.close();
    },
  };
}

/** The same event as the live one, by its id. */
const endOf = (cdr: Cdr): LiveEvent => ({
  id: `${cdr.callId}.call.ended`,
  place: "",
  type: "call.ended",
  atMs: cdr.endedAtMs,
  tenant: cdr.tenant,
  callId: cdr.callId,
  webhookUrl: undefined,
  data: {
    call_id: cdr.callId,
    from_number: cdr.caller,
    to_number: cdr.called,
    from_peer: cdr.legs[0]?.peer ?? null,
    started_at: new Date(cdr.startedAtMs).toISOString(),
    outcome: cdr.outcome,
    sip_status: cdr.sipStatus,
    ended_by: cdr.endedBy,
    end_reason: cdr.endReason,
    duration_seconds: Math.round(cdr.durationMs) / 1000,
  },
});
