/** Which of our own calls a request speaks of: our signed tokens in its Call-ID, From tag, Via branches and Contact. */
import type { CallId, TokenSigner } from "#base/ids.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";

const BRANCH = /;\s*branch\s*=\s*z9hG4bK([^;,\s]+)/i;
/** Hops that are looked at. */
const VIAS_MAX = 10;

export function ownCallsIn(request: ReceivedRequest, signer: TokenSigner): readonly CallId[] {
  const vias = request.headerValues("via").slice(0, VIAS_MAX);
  const contact = request.contact();
  const marks = [
    request.callId(),
    request.fromTag(),
    contact.ok && contact.value !== "star" ? contact.value?.uri.user : undefined,
    ...vias.map((via) => BRANCH.exec(via)?.[1]),
  ];
  const found = new Set<CallId>();
  for (const mark of marks) {
    const token = mark === undefined ? undefined : signer.read(mark);
    if (token?.ok === true) found.add(token.value.callId);
  }
  return [...found];
}
