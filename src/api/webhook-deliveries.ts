/** Which webhooks an event is for, and the delivery that it becomes. Pure. */
import type { LiveEvent } from "#observe/event.ts";
import { CALL_WEBHOOK, type Delivery, type Webhook, laneOf } from "#store/webhook-store.ts";
import { type Reach, reaches } from "./access.ts";
import { liveEventBody } from "./event-routes.ts";

/** A webhook hears nothing of what was before it. */
export const wants = ({ events, active, tenant, hearsFromMs }: Webhook, event: LiveEvent): boolean =>
  active &&
  event.atMs >= hearsFromMs &&
  reaches({ reach: tenant as Reach }, event.tenant) &&
  (events.length === 0 || events.some((one) => event.type === one || event.type.startsWith(`${one}.`)));

/** Whom it is for. */
export interface Receiver {
  readonly webhookId: string;
  readonly tenant: string;
  readonly url: string;
  /** Whose slowness it would be. */
  readonly target: string;
}

export const receiverOf = ({ id, tenant, url }: Webhook): Receiver => ({ webhookId: id, tenant, url, target: id });
/** Of a URL that a call named itself: hosts are slow, not calls. */
export const callReceiver = (tenant: string, url: string): Receiver => ({
  webhookId: CALL_WEBHOOK,
  tenant,
  url,
  target: `call ${URL.parse(url)?.host ?? ""}`,
});

/** What is delivered one after the other. */
export const laneOfEvent = (webhookId: string, { callId, data }: LiveEvent): string =>
  laneOf(webhookId, callId ?? String(data["trunk_id"] ?? data["gateway"] ?? data["alert"] ?? ""));

/** @param notBeforeMs its lane waits so long */
export function deliveryOf(
  event: LiveEvent,
  { webhookId, tenant, url, target }: Receiver,
  id: string,
  nowMs: number,
  notBeforeMs: number,
): Delivery {
  return {
    id,
    tenant,
    webhookId,
    eventId: event.id,
    eventType: event.type,
    callId: event.callId ?? "",
    lane: laneOfEvent(webhookId, event),
    target,
    url,
    body: JSON.stringify(liveEventBody(event)),
    state: "pending",
    attempts: 0,
    createdAtMs: nowMs,
    nextAtMs: Math.max(nowMs, notBeforeMs),
    endedAtMs: undefined,
    status: 0,
    problem: "",
  };
}

const MS_DIGITS = 13;
const COUNTER_DIGITS = 7;
const SALT_DIGITS = 4;
/** A process takes one of so many, so that two never make the same id. */
export const SALTS = 16 ** SALT_DIGITS;
/** In order of time and, within a process, of making. */
export const deliveryId = (atMs: number, count: number, salt: number): string =>
  [
    String(atMs).padStart(MS_DIGITS, "0"),
    String(count % 10 ** COUNTER_DIGITS).padStart(COUNTER_DIGITS, "0"),
    salt.toString(16).padStart(SALT_DIGITS, "0"),
  ].join("-");
