/**
 * Webhooks at work: live events in, signed requests out. What is to be delivered stands in the store before it is sent,
 * so that a killed process sends it later (at least once, the same X-Tandem-Delivery). Events of a call are delivered
 * one after the other; a target that fails is asked by one request at a time and holds up nobody else.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { LiveEvent } from "#observe/event.ts";
import { CALL_WEBHOOK, type Delivery, type DeliveryResult, type Webhook, type WebhookStore, laneOf } from "#store/webhook-store.ts";
import type { CallOut } from "./call-out.ts";
import { liveEventBody } from "./event-routes.ts";
import { type Reach, reaches } from "./access.ts";
import { callSecret, signatureOf, webhookSecret } from "./webhook-signature.ts";

export interface WebhookQueueOptions {
  readonly store: WebhookStore;
  readonly callOut: CallOut;
  readonly clock: Clock;
  readonly random: Random;
  readonly key: Uint8Array;
  readonly version: string;
  /** The store failed, or events were left out. */
  readonly onProblem: (text: string) => void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15 * 60_000;
export const GIVE_UP_MS = 24 * 3_600_000;
const REQUESTS_PER_TARGET = 4;
const REQUESTS_MAX = 64;
/** Of one webhook; more is nobody's to catch up with. */
export const PENDING_MAX = 100_000;
const BATCHES_WAITING_MAX = 1_000;
const STORE_RETRY_MS = 1_000;
const COUNT_MS = 60_000;
const KEEP_DELIVERED_MS = 3 * 86_400_000;
const KEEP_DEAD_MS = 30 * 86_400_000;
const GONE = 410;

/** Doubled each time, and anywhere between half of it and all of it, so that many don't come back at once. */
export function retryDelayMs(attempts: number, fraction: number): number {
  const most = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 30));
  return Math.round(most * (0.5 + fraction / 2));
}

/** What becomes of a delivery after an attempt. */
export function afterAttempt(
  { tenant, id, lane, attempts: before, createdAtMs }: Delivery,
  { status, problem }: { readonly status: number; readonly problem: string },
  nowMs: number,
  fraction: number,
): DeliveryResult {
  const attempts = before + 1;
  const told = { tenant, id, lane, attempts, status, problem };
  if (status >= 200 && status < 300) return { ...told, state: "delivered", nextAtMs: nowMs, endedAtMs: nowMs };
  const nextAtMs = nowMs + retryDelayMs(attempts, fraction);
  if (status === GONE || nextAtMs > createdAtMs + GIVE_UP_MS)
    return { ...told, problem: problem || `answered ${status}`, state: "dead", nextAtMs: nowMs, endedAtMs: nowMs };
  return { ...told, problem: problem || `answered ${status}`, state: "pending", nextAtMs, endedAtMs: undefined };
}

/** A webhook hears nothing of what was before it. */
export const wants = ({ events, active, tenant, createdAtMs }: Webhook, event: LiveEvent): boolean =>
  active &&
  event.atMs >= createdAtMs &&
  reaches({ reach: tenant as Reach }, event.tenant) &&
  (events.length === 0 || events.some((one) => event.type === one || event.type.startsWith(`${one}.`)));

interface Target {
  running: number;
  failures: number;
}

export class WebhookQueue {
  readonly #options: WebhookQueueOptions;
  #webhooks: readonly Webhook[] = [];
  /** Lanes with a request under way, or that wait for their retry. */
  readonly #busy = new Set<string>();
  readonly #blocked = new Map<string, number>();
  readonly #targets = new Map<string, Target>();
  #pending = new Map<string, number>();
  #running = 0;
  #timer: Timer | undefined;
  #counting: Timer | undefined;
  #pumping = false;
  #again = false;
  #batches: { readonly events: readonly LiveEvent[]; readonly place: string | undefined }[] = [];
  #taking = false;
  #ids = 0;
  #closed = false;
  /** Left out since the start, as too many waited. */
  dropped = 0;

  constructor(options: WebhookQueueOptions) {
    this.#options = options;
  }

  /** @returns the place to follow live events from */
  async start(): Promise<string | undefined> {
    await this.reload();
    for (const target of await this.#options.store.targets()) this.#targets.set(target, { running: 0, failures: 0 });
    await this.#count();
    this.#pump();
    return this.#options.store.place();
  }

  /** After a change of webhooks. */
  async reload(): Promise<void> {
    this.#webhooks = await this.#options.store.webhooks("*");
  }

  /** Something was put into the queue by hand. */
  wake(target: string): void {
    if (!this.#targets.has(target)) this.#targets.set(target, { running: 0, failures: 0 });
    this.#blocked.clear();
    this.#pump();
  }

  take(events: readonly LiveEvent[], place?: string): void {
    if (this.#batches.length >= BATCHES_WAITING_MAX) {
      this.dropped += events.length;
      return;
    }
    this.#batches.push({ events, place });
    void this.#takeBatches();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#counting?.cancel();
  }

  async #takeBatches(): Promise<void> {
    if (this.#taking) return;
    this.#taking = true;
    while (this.#batches.length > 0 && !this.#closed) {
      const [{ events, place }] = this.#batches as [{ readonly events: readonly LiveEvent[]; readonly place: string | undefined }];
      try {
        const deliveries = await this.#deliveriesOf(events);
        if (deliveries.length > 0) await this.#options.store.enqueue(deliveries, place);
        for (const { target } of deliveries) if (!this.#targets.has(target)) this.#targets.set(target, { running: 0, failures: 0 });
        this.#batches.shift();
        if (deliveries.length > 0) this.#pump();
      } catch (error) {
        this.#options.onProblem(`webhooks can't be stored: ${String(error)}; trying again`);
        await new Promise<void>((resolve) => void this.#options.clock.after(STORE_RETRY_MS, resolve));
      }
    }
    this.#taking = false;
  }

  async #deliveriesOf(events: readonly LiveEvent[]): Promise<Delivery[]> {
    const made: Delivery[] = [];
    for (const event of events) {
      for (const webhook of this.#webhooks)
        if (wants(webhook, event) && this.#hasRoom(webhook.id))
          made.push(this.#delivery(event, webhook.id, webhook.tenant, webhook.url, webhook.id));
      // A call that a former process took said its URL then.
      const unknown = event.callId !== undefined && event.data["from_peer"] === null;
      const url = event.webhookUrl ?? (unknown ? await this.#options.store.urlOfCall(event.callId) : undefined);
      if (url !== undefined && this.#hasRoom(CALL_WEBHOOK))
        made.push(this.#delivery(event, CALL_WEBHOOK, event.tenant, url, `call ${URL.parse(url)?.host ?? ""}`));
    }
    return made;
  }

  #hasRoom(webhookId: string): boolean {
    const waiting = this.#pending.get(webhookId) ?? 0;
    if (waiting >= PENDING_MAX) {
      if (this.dropped++ === 0) this.#options.onProblem(`${waiting} deliveries wait for webhook ${webhookId}; further events are left out`);
      return false;
    }
    this.#pending.set(webhookId, waiting + 1);
    return true;
  }

  #delivery(event: LiveEvent, webhookId: string, tenant: string, url: string, target: string): Delivery {
    const { clock } = this.#options;
    const nowMs = clock.wallMs();
    const lane = laneOf(webhookId, event.callId ?? String(event.data["trunk_id"] ?? event.data["gateway"] ?? event.data["alert"] ?? ""));
    return {
      id: deliveryId(nowMs, ++this.#ids),
      tenant,
      webhookId,
      eventId: event.id,
      eventType: event.type,
      callId: event.callId ?? "",
      lane,
      target,
      url,
      body: JSON.stringify(liveEventBody(event)),
      state: "pending",
      attempts: 0,
      createdAtMs: nowMs,
      nextAtMs: Math.max(nowMs, this.#blocked.get(lane) ?? 0),
      endedAtMs: undefined,
      status: 0,
      problem: "",
    };
  }

  /** Starts what is due; one at a time, as it asks the store. */
  #pump(): void {
    this.#again = true;
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#startDue()
      .catch((error: unknown) => {
        this.#options.onProblem(`the queue of webhooks can't be read: ${String(error)}; trying again`);
        this.#pumpIn(STORE_RETRY_MS);
      })
      .finally(() => {
        this.#pumping = false;
      });
  }

  #pumpIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(delayMs, () => this.#pump());
  }

  async #startDue(): Promise<void> {
    const { store, clock } = this.#options;
    let nextMs = Number.POSITIVE_INFINITY;
    while (this.#again && !this.#closed) {
      this.#again = false;
      nextMs = Number.POSITIVE_INFINITY;
      for (const [name, target] of this.#targets) {
        const free =
          Math.min(target.failures > 0 ? 1 : REQUESTS_PER_TARGET, REQUESTS_MAX - this.#running + target.running) - target.running;
        const nowMs = clock.wallMs();
        const due = free > 0 ? await store.due(name, nowMs, free + target.running) : [];
        let started = 0;
        for (const delivery of due)
          if (!this.#busy.has(delivery.lane) && started < free) {
            started++;
            this.#start(delivery, target);
          }
        if (target.running > 0) continue;
        const dueMs = await store.nextDueMs(name);
        if (dueMs !== undefined) nextMs = Math.min(nextMs, Math.max(dueMs, nowMs + 1));
        else if (target.running === 0) this.#targets.delete(name);
      }
    }
    if (Number.isFinite(nextMs)) this.#pumpIn(Math.max(0, nextMs - clock.wallMs()));
  }

  #start(delivery: Delivery, target: Target): void {
    this.#busy.add(delivery.lane);
    target.running++;
    this.#running++;
    void this.#attempt(delivery, target).finally(() => {
      this.#busy.delete(delivery.lane);
      target.running--;
      this.#running--;
      this.#pump();
    });
  }

  async #attempt(delivery: Delivery, target: Target): Promise<void> {
    const { callOut, clock, random, store, onProblem, version } = this.#options;
    const answer = await callOut({
      method: "POST",
      url: delivery.url,
      body: delivery.body,
      headers: {
        "content-type": "application/json",
        "user-agent": `Tandem/${version}`,
        "x-tandem-event": delivery.eventType,
        "x-tandem-delivery": delivery.id,
        "x-tandem-signature": signatureOf(this.#secretOf(delivery), clock.wallMs(), delivery.body),
      },
    });
    const result = afterAttempt(delivery, answer, clock.wallMs(), random.fraction());
    target.failures = result.state === "delivered" ? 0 : target.failures + 1;
    if (result.state === "pending") this.#blocked.set(delivery.lane, result.nextAtMs);
    else {
      this.#blocked.delete(delivery.lane);
      this.#pending.set(delivery.webhookId, Math.max(0, (this.#pending.get(delivery.webhookId) ?? 0) - 1));
    }
    await store.settle([result]).catch((error: unknown) => onProblem(`webhook ${delivery.id}: ${String(error)}`));
  }

  #secretOf({ webhookId, tenant }: Delivery): string {
    if (webhookId === CALL_WEBHOOK) return callSecret(this.#options.key, tenant);
    const webhook = this.#webhooks.find(({ id }) => id === webhookId);
    return webhookSecret(this.#options.key, webhookId, webhook?.secretVersion ?? 1);
  }

  /** Old ones go, and what waits is counted again: replays and removals change it, too. */
  async #count(): Promise<void> {
    const { store, clock, onProblem } = this.#options;
    try {
      const nowMs = clock.wallMs();
      await store.purge(nowMs - KEEP_DELIVERED_MS, nowMs - KEEP_DEAD_MS);
      const counts = await store.counts();
      this.#pending = new Map(counts.filter(({ state }) => state === "pending").map(({ webhookId, count }) => [webhookId, count]));
      for (const [lane, untilMs] of this.#blocked) if (untilMs < nowMs) this.#blocked.delete(lane);
    } catch (error) {
      onProblem(`webhooks can't be counted: ${String(error)}`);
    }
    if (!this.#closed) this.#counting = clock.after(COUNT_MS, () => void this.#count());
  }
}

const MS_DIGITS = 13;
const COUNTER_DIGITS = 7;
/** In order of time and, within a process, of making. */
export const deliveryId = (atMs: number, count: number): string =>
  `${String(atMs).padStart(MS_DIGITS, "0")}-${String(count % 10 ** COUNTER_DIGITS).padStart(COUNTER_DIGITS, "0")}`;
