/**
 * Responses of the user agent (RFC 3261 §8.2.6): what the transaction layer sends for us, with our tag,
 * Contact and body. Which response is right is decided elsewhere.
 */
import { buildResponse } from "#sip/message/build-response.ts";
import type { HeaderField, OutgoingResponse, ReceivedRequest } from "#sip/message/message.ts";
import type { ServerTransaction } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import type { Refusal } from "./inspect-request.ts";
import type { RequestParts } from "./user-agent.ts";

export const NO_PARTS: RequestParts = { headers: [], body: "" };

export interface ResponseExtras {
  /** Our To tag, for a request that came without one. */
  readonly localTag?: string;
  /** Contact URI without angle brackets. */
  readonly localContact?: string;
  /** After Contact and before those of the parts. */
  readonly headers?: readonly HeaderField[];
}

const NO_EXTRAS: ResponseExtras = {};

/** Via, From, To, Call-ID and CSeq from the request; Record-Route where a dialog may come of it (§12.1.1). */
export function dialogResponse(
  request: ReceivedRequest,
  flow: Flow,
  status: number,
  reasonPhrase: string,
  parts: RequestParts,
  { localTag, localContact, headers: more = NO_PARTS.headers }: ResponseExtras = NO_EXTRAS,
): OutgoingResponse {
  const headers: HeaderField[] = localContact === undefined ? [] : [["Contact", `<${localContact}>`]];
  headers.push(...more, ...parts.headers);
  return buildResponse(request, status, reasonPhrase, {
    toTag: localTag,
    headers,
    body: parts.body,
    contentType: parts.contentType,
    received: { address: flow.remoteAddress, rport: flow.remotePort },
  });
}

/**
 * Answers a request inside a dialog.
 * @param localContact belongs into the 2xx to UPDATE, which refreshes the target (RFC 3311 §5.2): the dialog's `state.localContact`
 */
export function respondInDialog(
  transaction: ServerTransaction,
  status: number,
  reasonPhrase: string,
  parts: RequestParts = NO_PARTS,
  localContact?: string,
): void {
  const extras = localContact === undefined ? {} : { localContact };
  transaction.respond(dialogResponse(transaction.request, transaction.flow, status, reasonPhrase, parts, extras));
}

/** A response without body to a request whose To has no tag yet, or has ours. */
export function respondPlain(
  transaction: ServerTransaction,
  status: number,
  reasonPhrase: string,
  localTag: string,
  headers: readonly HeaderField[] = [],
): void {
  const parts = { headers, body: "" };
  transaction.respond(dialogResponse(transaction.request, transaction.flow, status, reasonPhrase, parts, { localTag }));
}

export const refuse = (transaction: ServerTransaction, { status, reasonPhrase, headers }: Refusal, localTag: string): void =>
  respondPlain(transaction, status, reasonPhrase, localTag, headers);
