/** Which of our own calls a request speaks of: our signed tokens in its Call-ID, From tag, Via branches and Contact. */
import type { CallId, TokenSigner } from "#base/ids.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";

const BRANCH = /;\s*branch\s*=\s*z9hG4bK([^;,\s]+)/i;
/** Hops that are looked at. */
const VIAS_MAX = 10;

export function ownCallsIn(request: ReceivedRequest, signer: TokenSigner): readonly CallId[] {
  const contact = request.contact();
  const found: CallId[] = [];
  const look = (mark: string | undefined): void => {
    const token = mark === undefined ? undefined : signer.read(mark);
    if (token?.ok === true && !found.includes(token.value.callId)) found.push(token.value.callId);
  };
  look(request.callId());
  look(request.fromTag());
  look(contact.ok && contact.value !== "star" ? contact.value?.uri.user : undefined);
  let vias = 0;
  for (const via of request.headerValues("via")) if (vias++ < VIAS_MAX) look(BRANCH.exec(via)?.[1]);
  return found;
}
