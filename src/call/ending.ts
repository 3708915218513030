/**
 * How an attempt ended: which of several speaks for the call (RFC 3261 §16.7 step 6), what the caller is told of it,
 * and the Q.850 cause of a status (RFC 3398 §7.2.4.1). Tables, all pure.
 */
import type { Outcome } from "#cdr/outcome.ts";

/** How one attempt, or the whole hunt, failed. `status` 0: no final response came. */
export interface Ending {
  readonly status: number;
  readonly q850: number | undefined;
  readonly outcome: Outcome;
  readonly reason: string;
}

/** RFC 3261 §16.7 step 6: 6xx first, then the lowest class; what a person did before what a machine failed at. */
export function better(a: Ending | undefined, b: Ending): Ending {
  return a === undefined || rank(b) < rank(a) ? b : a;
}

function rank(ending: Ending): number {
  const { status } = ending;
  if (ending.outcome === "no_answer") return 1;
  if (status >= 600) return 0;
  if (status === 401 || status === 407) return 7;
  if (status >= 400 && status < 500) return status === 404 ? 2 : status === 403 ? 3 : 4;
  if (status >= 500) return 5;
  if (status >= 300) return 6;
  return 8;
}

/**
 * What the caller is told: our own verdict, never the far side's topology or its account with us.
 * 401 and 407 stay ours; 503 would rest us at the carrier, so it is kept for our own overload.
 */
export function upward(ending: Ending): Ending {
  const status = upwardStatus(ending);
  return { ...ending, status, q850: ending.q850 ?? q850Of(ending.status) };
}

function upwardStatus({ status, outcome }: Ending): number {
  switch (status) {
    case 0:
      // Our own pace is our own overload.
      return outcome === "no_answer" ? 480 : outcome === "rate_limited" ? 503 : 502;
    case 401:
    case 407:
      return 500;
    case 408:
    case 430:
    case 487:
      return 480;
    case 420:
    case 421:
    case 422:
    case 423:
    case 481:
    case 491:
      return 500;
    case 502:
    case 503:
    case 504:
      return 502;
  }
  if (status < 400) return 502;
  if (status >= 500 && status < 600) return 500;
  return status;
}

/** RFC 3398 §7.2.4.1, for a gateway that gave no Reason; undefined where that table has nothing certain. */
export function q850Of(status: number): number | undefined {
  switch (status) {
    case 401:
    case 402:
    case 403:
    case 407:
    case 433:
    case 603:
      return 21;
    case 404:
    case 485:
    case 604:
      return 1;
    case 405:
      return 63;
    case 406:
    case 415:
    case 501:
      return 79;
    case 408:
    case 504:
      return 102;
    case 410:
      return 22;
    case 480:
      return 18;
    case 482:
    case 483:
      return 25;
    case 484:
      return 28;
    case 486:
    case 600:
      return 17;
    case 488:
    case 606:
      return 88;
    case 502:
      return 38;
    case 400:
    case 481:
    case 500:
    case 503:
      return 41;
    default:
      return status >= 300 && status < 400 ? 23 : status >= 400 ? 127 : undefined;
  }
}
