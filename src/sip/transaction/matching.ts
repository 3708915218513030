/**
 * Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3) and which requests are the same one
 * that took two ways (§8.2.2.2). Keys are copied out, so that none keeps its message alive for 64*T1.
 */
import type { ReceivedRequest, Via } from "#sip/message/message.ts";
import { MAGIC_COOKIE } from "#sip/message/parse-via.ts";
import { ownText } from "#sip/message/received-message.ts";

/**
 * The key of the server transaction for a request. ACK and, when `method` says INVITE, CANCEL have the key
 * of their INVITE.
 */
export function serverKey(request: ReceivedRequest, via: Via, method: string): string {
  if (!via.branch.startsWith(MAGIC_COOKIE)) return rfc2543Key(request, via, method);
  // The sent-by belongs to it: two clients may have made the same branch, by accident or malice.
  return ownText(`${method} ${via.branch} ${via.host.toLowerCase()}:${via.port ?? ""}`);
}

/**
 * RFC 2543 senders give no usable branch: Request-URI, From tag, Call-ID, CSeq number and top Via together
 * name the transaction. The To tag is left out, because the ACK carries ours and its INVITE did not; within
 * a dialog the CSeq number tells requests apart.
 */
function rfc2543Key(request: ReceivedRequest, via: Via, method: string): string {
  const cseq = request.cseq();
  const number = cseq.ok ? cseq.value.number : -1;
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? ""};${via.branch}`;
  return ownText(`${method} 2543 ${number} ${request.fromTag()} ${request.callId()} ${request.requestUri} ${sentBy}`);
}

/** What merged requests share; undefined within a dialog, where nothing is merged. */
export function mergeKey(request: ReceivedRequest): string | undefined {
  if (request.toTag() !== "") return undefined;
  const cseq = request.cseq();
  if (!cseq.ok) return undefined;
  return ownText(`${cseq.value.number} ${cseq.value.method} ${request.fromTag()} ${request.callId()}`);
}

/**
 * A To tag for answers that keep no state: the same for every repeat of the request (§8.2.7).
 * FNV-1a over Call-ID and From tag; it is no secret.
 */
export function statelessTag(request: ReceivedRequest): string {
  const text = request.callId() + request.fromTag();
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `s${(hash >>> 0).toString(36)}`;
}
