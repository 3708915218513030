/**
 * How a call or attempt ended, in one word: the same in CDR, API, metrics and events.
 * Found from SIP status, Q.850 cause (RFC 3326 Reason) and vendor header; an exhaustive table leads back to the status.
 */

export const OUTCOMES = [
  "answered",
  "busy",
  "no_answer",
  "rejected",
  "invalid_number",
  "carrier_blocked",
  "rate_limited",
  "capacity",
  "auth_failed",
  "media_failed",
  "timeout",
  "cancelled",
  "failed",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The SIP status that tells a caller of this outcome when no better response is at hand. */
export const sipStatusOf: Readonly<Record<Outcome, number>> = {
  answered: 200,
  busy: 486,
  no_answer: 480,
  rejected: 603,
  invalid_number: 404,
  carrier_blocked: 403,
  rate_limited: 503,
  capacity: 503,
  auth_failed: 403,
  media_failed: 500,
  timeout: 408,
  cancelled: 487,
  failed: 500,
};

/** Q.850 causes that say more than the SIP status they came with. */
const OUTCOME_OF_Q850: Readonly<Record<number, Outcome>> = {
  1: "invalid_number",
  3: "invalid_number",
  16: "rejected",
  17: "busy",
  18: "no_answer",
  19: "no_answer",
  21: "rejected",
  22: "invalid_number",
  28: "invalid_number",
  34: "capacity",
  38: "failed",
  41: "failed",
  42: "capacity",
  55: "carrier_blocked",
  57: "carrier_blocked",
  63: "carrier_blocked",
  102: "timeout",
};

/** The outcome of a final response other than 2xx. */
export function outcomeOf(status: number, q850?: number): Outcome {
  const told = q850 === undefined ? undefined : OUTCOME_OF_Q850[q850];
  // Only vague statuses are refined: 486 with a wrong cause stays busy.
  if (told !== undefined && (status === 480 || status === 403 || status >= 500)) return told;
  switch (status) {
    case 401:
    case 407:
      return "auth_failed";
    case 403:
      return "carrier_blocked";
    case 404:
    case 410:
    case 414:
    case 416:
    case 484:
    case 485:
    case 604:
      return "invalid_number";
    case 408:
    case 504:
      return "timeout";
    case 429:
      return "rate_limited";
    case 480:
    case 430:
      return "no_answer";
    case 486:
    case 600:
      return "busy";
    case 487:
      return "cancelled";
    case 415:
    case 488:
    case 606:
      return "media_failed";
    case 503:
      return "capacity";
    case 433:
    case 603:
    case 607:
    case 608:
      return "rejected";
    default:
      return status >= 200 && status < 300 ? "answered" : "failed";
  }
}
