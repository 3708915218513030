/** Questions about one call, asked of a Tandem elsewhere: where it would go, and what went wrong in it. */
import type { ApiClient } from "#api-client/client.ts";
import type { ControlCommand } from "#call/control.ts";
import { ControlError } from "./context.ts";
import { recordsOf, told } from "./remote.ts";
import type { RouteAnswer } from "./route.ts";
import type { Diagnosed } from "./why.ts";

export async function remoteRoute(
  client: ApiClient,
  { number, from, caller }: Extract<ControlCommand, { readonly type: "route" }>,
): Promise<RouteAnswer> {
  const decided = await told(client.call("simulateRoute", { body: { to: number, from: caller, trunk: from } }));
  const { outcome, from_peer, tenant, route, from_number, to_number, sip_status, reason, attempts, skipped } = decided;
  return {
    from: from_peer,
    outcome,
    tenant,
    route,
    called: to_number,
    caller: from_number,
    status: sip_status,
    reason,
    attempts: attempts.map(({ request_uri, from_number: shown, ...one }) => ({ ...one, requestUri: request_uri, caller: shown })),
    skipped,
  };
}

/** What `tandem why` says, as the API found it. @param call whole id; undefined: the last one that is over */
export async function remoteWhy(client: ApiClient, call: string | undefined): Promise<Diagnosed> {
  const [last] = call === undefined ? await told(recordsOf(client, { type: "cdr", limit: 1, callId: undefined, number: undefined })) : [];
  const callId = call ?? last?.callId;
  if (callId === undefined) throw new ControlError("NO_SUCH_CALL", "no calls yet");
  const { findings } = await told(client.call("getCall", { path: { call_id: callId } }));
  const [cdr] = await told(recordsOf(client, { type: "cdr", limit: 1, callId, number: undefined }));
  return {
    callId,
    cdr,
    findings: findings.map(({ evidence, ...rest }) => ({
      ...rest,
      evidence: evidence.map(({ text, message }) => (message === null ? { text } : { text, message })),
    })),
  };
}
