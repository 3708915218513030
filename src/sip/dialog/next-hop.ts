/**
 * Where a request inside a dialog goes (RFC 3261 §12.2.1.1, §8.1.2): to the first route or the remote
 * target. An address that the peer's transport reaches is used as it stands; names, and addresses that want
 * another transport or address family, go through the Locator (RFC 3263); what can't be resolved or reached
 * goes where the peer was last seen: an ACK that never leaves ends the call. So does whatever a peer behind NAT
 * names by address; what it names by name is a server's in front of it.
 */
import { isIP } from "node:net";
import { parseUri } from "#sip/message/parse-uri.ts";
import type { Uri } from "#sip/message/message.ts";
import type { Target, TransportName } from "#sip/transport/transport.ts";
import { nextHopUri } from "./dialog.ts";
import type { DialogState } from "./user-agent.ts";

/** Server location as dialogs need it; an empty list: can't be resolved. */
export interface Locator {
  /**
   * @param uriText a sip: or sips: URI
   * @param listener name of the listener that the request leaves by
   */
  locate(uriText: string, listener: string): readonly Target[] | Promise<readonly Target[]>;
}

const DEFAULT_PORT = 5060;
const DEFAULT_TLS_PORT = 5061;
const TRANSPORTS: readonly TransportName[] = ["UDP", "TCP", "TLS", "WS", "WSS"];

export function nextHop(state: DialogState, locator: Locator): Target | Promise<Target> {
  const text = nextHopUri(state);
  const uri = parseUri(text);
  if (!uri.ok || (uri.value.scheme !== "sip" && uri.value.scheme !== "sips")) return state.target;
  const address = (uri.value.parameters.get("maddr") ?? uri.value.host).replace(/^\[|\]$/g, "");
  // Deviation: §12.2.1.1 wants the Contact's address, which a peer behind NAT that doesn't know it has from its own side.
  if (state.behindNat === true && isIP(address) !== 0) return state.target;
  const numeric = isIP(address) === 0 ? undefined : numericTarget(uri.value, address, state.target);
  if (numeric?.transport === state.target.transport && isIP(address) === isIP(state.target.address)) return numeric;
  const located = locator.locate(text, state.target.listener);
  if (!isPromise(located)) return chosen(located, state.target);
  return located.then(
    (targets) => chosen(targets, state.target),
    () => state.target,
  );
}

function numericTarget(uri: Uri, address: string, seen: Target): Target {
  const named = uri.parameters.get("transport")?.toUpperCase() as TransportName | undefined;
  // RFC 3263 §4.1 says UDP where nothing is named; a peer that came over a stream is met on a stream.
  const plain = named !== undefined && TRANSPORTS.includes(named) ? named : seen.transport;
  // §19.1.2: sips is TLS whatever stream it names.
  const transport = uri.scheme === "sips" && (plain === "TCP" || plain === "UDP") ? "TLS" : plain;
  const port = uri.port ?? (transport === "TLS" || transport === "WSS" ? DEFAULT_TLS_PORT : DEFAULT_PORT);
  return withConnection({ transport, listener: seen.listener, address, port }, seen);
}

const chosen = (targets: readonly Target[], seen: Target): Target => (targets[0] === undefined ? seen : withConnection(targets[0], seen));

/** A stream on which the peer reached us leads back to it, also through NAT (RFC 5923 in spirit). */
function withConnection(target: Target, seen: Target): Target {
  if (target.transport !== seen.transport || target.listener !== seen.listener) return target;
  return {
    ...target,
    ...(seen.connection === undefined ? {} : { connection: seen.connection }),
    // Deviation: RFC 5922 §7.3 wants the Contact's own host in the certificate. Contacts are addresses mostly, which no
    // certificate names; the domain that the dialog was begun with is asked for instead, at that address too.
    ...(seen.tls === undefined ? {} : { tls: seen.tls }),
  };
}

const isPromise = (value: readonly Target[] | Promise<readonly Target[]>): value is Promise<readonly Target[]> => "then" in value;
