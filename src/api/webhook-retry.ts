/** What becomes of a delivery after an attempt. Pure. */
import type { Delivery, DeliveryResult } from "#store/webhook-store.ts";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15 * 60_000;
export const GIVE_UP_MS = 24 * 3_600_000;
/** The receiver says that it is gone for good (RFC 9110 §15.5.11). */
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
