/** What a request and the flow it came by say of its sender, for `routing/identify.ts`. Nothing is decided here. */
import type { SourceFacts } from "#routing/decision.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import type { Flow } from "#sip/transport/transport.ts";

/** Carries the ticket of a test call; see `call/test-tickets.ts`. */
const TICKET_PARAMETER = "tandem-test";

/** What `tandem call` was given. */
export function ticketOf(request: ReceivedRequest): string | undefined {
  const uri = request.uri();
  return uri.ok ? uri.value.parameters.get(TICKET_PARAMETER) : undefined;
}

export interface Proofs {
  /** The trunk that registered the Contact user which is called. */
  readonly registeredTrunk: (user: string) => string | undefined;
  /** The trunk that a ticket lets its bearer call from. */
  readonly ticketTrunk: (ticket: string) => string | undefined;
  /** Whom checked credentials proved. */
  readonly digestUser: string | undefined;
}

export function sourceFacts(request: ReceivedRequest, flow: Flow, proofs: Proofs): SourceFacts {
  const uri = request.uri();
  const from = request.from();
  const to = request.to();
  const ticket = ticketOf(request);
  const user = uri.ok ? uri.value.user : undefined;
  return {
    listener: flow.listener,
    transport: flow.transport,
    address: flow.remoteAddress,
    port: flow.remotePort,
    requestUser: user ?? "",
    requestHost: uri.ok ? uri.value.host : "",
    toHost: to.ok ? to.value.uri.host : "",
    fromUser: from.ok ? (from.value.uri.user ?? "") : "",
    fromHost: from.ok ? from.value.uri.host : "",
    registeredTrunk: user === undefined ? undefined : proofs.registeredTrunk(user),
    digestUser: proofs.digestUser,
    certificateNames: flow.certificateNames,
    testTicketFor: ticket === undefined ? undefined : proofs.ticketTrunk(ticket),
  };
}
