/**
 * Webhooks at work: live events in, signed requests out. What is to be delivered stands in the store before it is sent,
 * so that a killed process sends it later (at least once, the same X-Tandem-Delivery). Events of a call are delivered
 * one after the other; a target that fails is asked by one request at a time and holds up nobody else.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { LiveEvent } from "#observe/event.ts";
import { CALL_WEBHOOK, type Delivery, type DeliveryResult, type Webhook, type WebhookStore } from "#store/webhook-store.ts";
import type { CallOut } from "./call-out.ts";
import { type Receiver, SALTS, callReceiver, deliveryId, deliveryOf, laneOfEvent, receiverOf, wants } from "./webhook-deliveries.ts";
import { RequestSlots } from "./webhook-slots.ts";
import { afterAttempt } from "./webhook-retry.ts";
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

const REQUESTS_PER_TARGET = 8;
/** Read from the store at a time. */
const READY_MAX = 64;
/** Results are written together. */
const SETTLE_MS = 10;
/** A timer can be late by a leap of the clock. */
const LONGEST_SLEEP_MS = 60_000;
/** Of one webhook; more is nobody's to catch up with. */
export const PENDING_MAX = 100_000;
const BATCHES_WAITING_MAX = 1_000;
const STORE_RETRY_MS = 1_000;
const COUNT_MS = 60_000;
const KEEP_DELIVERED_MS = 3 * 86_400_000;
const KEEP_DEAD_MS = 30 * 86_400_000;

interface Target {
  readonly name: string;
  /** Requests under way. */
  running: number;
  /** Lanes with a request under way, or with a result that is not stored yet. */
  busy: number;
  /** In a row. */
  failures: number;
  /** First of their lanes, and due. */
  ready: Delivery[];
  /** Whether the store may have more that is due than `ready`. */
  stale: boolean;
  /** When the store has something due again; infinity: when something is touched or settled. */
  nextMs: number;
}

export class WebhookQueue {
  readonly #options: WebhookQueueOptions;
  #webhooks: readonly Webhook[] = [];
  /** Lanes with a request under way, or that wait for their retry. */
  readonly #busy = new Set<string>();
  readonly #blocked = new Map<string, number>();
  readonly #targets = new Map<string, Target>();
  #pending = new Map<string, number>();
  readonly #slots = new RequestSlots();
  #timer: Timer | undefined;
  #counting: Timer | undefined;
  #pumping = false;
  #again = false;
  readonly #results: { readonly result: DeliveryResult; readonly target: Target }[] = [];
  #batches: { readonly events: readonly LiveEvent[]; readonly place: string | undefined }[] = [];
  #taking = false;
  #ids = 0;
  readonly #salt: number;
  #closed = false;
  /** Left out since the start, as too many waited. */
  dropped = 0;

  constructor(options: WebhookQueueOptions) {
    this.#options = options;
    this.#salt = options.random.integer(SALTS);
  }

  /** @returns the place to follow live events from */
  async start(): Promise<string | undefined> {
    await this.reload();
    for (const target of await this.#options.store.targets()) this.#touch(target);
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
    this.#touch(target);
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
        for (const { target } of deliveries) this.#touch(target);
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
    const { store, clock } = this.#options;
    const made: Delivery[] = [];
    const add = (event: LiveEvent, receiver: Receiver): void => {
      if (!this.#hasRoom(receiver.webhookId)) return;
      const nowMs = clock.wallMs();
      const notBeforeMs = this.#blocked.get(laneOfEvent(receiver.webhookId, event)) ?? 0;
      made.push(deliveryOf(event, receiver, deliveryId(nowMs, ++this.#ids, this.#salt), nowMs, notBeforeMs));
    };
    for (const event of events) {
      for (const webhook of this.#webhooks) if (wants(webhook, event)) add(event, receiverOf(webhook));
      // A call that a former process took said its URL then.
      const forgotten = event.callId !== undefined && (event.data["from_peer"] === null || event.place === "");
      const url = event.webhookUrl ?? (forgotten ? await store.urlOfCall(event.callId) : undefined);
      if (url !== undefined) add(event, callReceiver(event.tenant, url));
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

  /** Starts what is due; one at a time, as it asks the store. */
  #pump(): void {
    this.#again = true;
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#startDue().then(
      () => {
        this.#pumping = false;
        // Asked for between the last look and here.
        if (this.#again) this.#pump();
      },
      (error: unknown) => {
        this.#pumping = false;
        this.#options.onProblem(`the queue of webhooks can't be read: ${String(error)}; trying again`);
        for (const target of this.#targets.values()) target.stale = true;
        this.#pumpIn(STORE_RETRY_MS);
      },
    );
  }

  #pumpIn(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(delayMs, () => this.#pump());
  }

  /** The store has, or may have, something new for it. */
  #touch(name: string): void {
    const target = this.#targets.get(name);
    if (target === undefined) this.#targets.set(name, { name, running: 0, busy: 0, failures: 0, ready: [], stale: true, nextMs: 0 });
    else target.stale = true;
  }

  async #startDue(): Promise<void> {
    const { clock } = this.#options;
    let nextMs = Number.POSITIVE_INFINITY;
    while (this.#again && !this.#closed) {
      this.#again = false;
      nextMs = Number.POSITIVE_INFINITY;
      for (const target of this.#targets.values()) {
        const nowMs = clock.wallMs();
        this.#startReady(target);
        if (target.ready.length === 0 && (target.stale || target.nextMs <= nowMs)) {
          await this.#refill(target, nowMs);
          this.#startReady(target);
        }
        if (target.ready.length > 0 || target.stale) continue;
        nextMs = Math.min(nextMs, target.nextMs);
        if (target.busy === 0 && target.nextMs === Number.POSITIVE_INFINITY) this.#targets.delete(target.name);
      }
    }
    if (Number.isFinite(nextMs)) this.#pumpIn(Math.min(LONGEST_SLEEP_MS, Math.max(1, nextMs - clock.wallMs())));
  }

  #startReady(target: Target): void {
    while (target.ready.length > 0 && target.running < (target.failures > 0 ? 1 : REQUESTS_PER_TARGET)) {
      if (!this.#slots.hasRoom(target.ready[0]!.tenant)) return;
      this.#startUnlessGone(target.ready.shift()!, target);
    }
  }

  async #refill(target: Target, nowMs: number): Promise<void> {
    const { store } = this.#options;
    target.stale = false;
    const due = await store.due(target.name, nowMs, READY_MAX + target.busy);
    target.ready = due.filter(({ lane }) => !this.#busy.has(lane));
    if (target.ready.length > 0) target.nextMs = nowMs;
    else target.nextMs = (target.busy > 0 ? undefined : await store.nextDueMs(target.name)) ?? Number.POSITIVE_INFINITY;
  }

  #startUnlessGone(delivery: Delivery, target: Target): void {
    // Read before its webhook was taken out.
    if (delivery.webhookId !== CALL_WEBHOOK && !this.#webhooks.some(({ id }) => id === delivery.webhookId)) return;
    this.#busy.add(delivery.lane);
    target.busy++;
    target.running++;
    this.#slots.take(delivery.tenant);
    void this.#attempt(delivery, target);
  }

  async #attempt(delivery: Delivery, target: Target): Promise<void> {
    const { callOut, clock, random, version } = this.#options;
    const answer = await callOut({
      method: "POST",
      // A webhook that moved hears there what waited for it.
      url: this.#webhooks.find(({ id }) => id === delivery.webhookId)?.url ?? delivery.url,
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
    target.running--;
    this.#slots.give(delivery.tenant);
    if (this.#results.push({ result, target }) === 1) clock.after(SETTLE_MS, () => void this.#settle());
    this.#pump();
  }

  /** A lane goes on when the store knows how its last delivery went. */
  async #settle(): Promise<void> {
    const settled = this.#results.splice(0);
    const { store, onProblem } = this.#options;
    await store
      .settle(settled.map(({ result }) => result))
      .catch((error: unknown) => onProblem(`webhooks can't be stored: ${String(error)}`));
    for (const { result, target } of settled) {
      this.#busy.delete(result.lane);
      target.busy--;
      target.stale = true;
    }
    this.#pump();
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
