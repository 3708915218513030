/**
 * Requests inside an early dialog, alike on both sides: the owner answers them where it wants to; else the
 * agent does, in a way that the sender tries again later.
 */
import type { ServerTransaction } from "#sip/transaction/transactions.ts";
import type { DialogHost } from "./dialog-host.ts";
import { inspectRequest } from "./inspect-request.ts";
import { refuse, respondInDialog } from "./respond.ts";

/** RFC 3311 §5.2 and RFC 3261 §14.2: "a randomly chosen value of between 0 and 10 seconds". */
const RETRY_AFTER_MAX_S = 10;

export function answerEarly(
  host: DialogHost,
  transaction: ServerTransaction,
  owner: ((transaction: ServerTransaction) => void) | undefined,
): void {
  const { request } = transaction;
  const refusal = inspectRequest(request, transaction.flow.transport, host.policy);
  if (refusal !== undefined) return refuse(transaction, refusal, request.toTag());
  // §14.2: a second INVITE before the final response to the first.
  if (request.method !== "INVITE" && owner !== undefined) return owner(transaction);
  if (request.method === "OPTIONS") return respondInDialog(transaction, 200, "OK", { headers: host.responseHeaders, body: "" });
  const seconds = String(host.random.integer(RETRY_AFTER_MAX_S + 1));
  respondInDialog(transaction, 500, "Server Internal Error", { headers: [["Retry-After", seconds]], body: "" });
}
