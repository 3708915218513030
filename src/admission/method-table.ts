/**
 * The method table: who may come in, and what happens to what came. Floods first, then probes, then
 * proof (credentials, flow, address …), and only for the recognised a transaction and a call.
 * It deliberately decides nothing about where a call goes; an unknown sender gets silence (RFC 3261 knows
 * no such answer, scanners live by any).
 */
import type { Random } from "#base/ids.ts";
import type { Publish } from "#observe/event.ts";
import type { Identified } from "#routing/decision.ts";
import type { DigestUsers } from "#routing/digest-users.ts";
import { FloodLimit } from "#routing/flood-limit.ts";
import type { Identifier } from "#routing/identify.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { DigestServer } from "#sip/auth/digest-server.ts";
import { respondPlain } from "#sip/dialog/respond.ts";
import type { AgentUser, IncomingInvite } from "#sip/dialog/user-agent.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import type { Admission } from "#sip/transaction/transactions.ts";
import type { Flow } from "#sip/transport/transport.ts";
import { sourceFacts, ticketOf } from "./source-facts.ts";

export interface AdmissionPorts {
  readonly clock: { nowMs(): number };
  readonly random: Random;
  readonly publish: Publish;
  readonly floods: FloodLimit;
  readonly invitesPerSecond: number;
  readonly digest: DigestServer;
  /** Of the configuration in force. */
  readonly identifier: () => Identifier;
  readonly digestUsers: () => DigestUsers;
  readonly registeredTrunk: (contactUser: string) => string | undefined;
  readonly tickets: { trunkOf(ticket: string): string | undefined; spend(ticket: string): void };
  readonly calls: {
    newInvite(request: ReceivedRequest, flow: Flow): { readonly localTag: string; readonly localContact: string };
    onInvite(invite: IncomingInvite, source: Peer): void;
  };
}

/** An event of refused strangers a second is enough to know. */
const REFUSED_EVENTS_PER_SECOND = 10;
/** Of strangers, all together: their addresses may be forged, and each answer stands in the ladder and hits somebody. */
const STRANGE_PROBES_PER_SECOND = 500;
const ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO";
/** RFC 3261 §21.5.4. */
const FLOODED: Admission = { status: 503, headers: [["Retry-After", "1"]] };

type Challenge = Exclude<Admission, boolean>;

export class MethodTable implements AgentUser {
  readonly #ports: AdmissionPorts;
  /** What `admit` found, for `onInvite` of the same request, which follows at once. */
  #admitted: { readonly request: ReceivedRequest; readonly who: Identified } | undefined;
  readonly #strangeProbes = new FloodLimit(STRANGE_PROBES_PER_SECOND);
  #refusedSecond = 0;
  #refusedInSecond = 0;

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
  }

  admit(request: ReceivedRequest, flow: Flow): Admission {
    const { floods, clock, publish, invitesPerSecond } = this.#ports;
    const flood = floods.take(flow.remoteAddress, clock.nowMs());
    if (flood === "far-over") return this.#refuse(flow, "flood");
    if (request.method === "OPTIONS" && request.toTag() === "") return this.#admitProbe(request, flow);
    const { user, challenge } = this.#examineDigest(request, flow);
    if (challenge !== undefined) return challenge;
    const who = this.#identify(request, flow, user);
    const stranger = who.type === "unknown" || who.type === "rewritten" ? this.#challengeStranger(request, flow) : undefined;
    if (stranger !== undefined) return stranger;
    if (who.type === "unknown") return this.#refuse(flow, who.detail ?? `${request.method} from an address that no trunk or gateway has`);
    if (flood === "over") {
      publish({ type: "limit", limit: "invites per second per source", detail: `${flow.remoteAddress} is over ${invitesPerSecond}` });
      return FLOODED;
    }
    this.#admitted = { request, who };
    return true;
  }

  /** Probes are answered on every listener, whoever asks: carriers watch us by them. */
  #admitProbe(request: ReceivedRequest, flow: Flow): boolean {
    if (this.#identify(request, flow, undefined).type !== "unknown") return true;
    return this.#strangeProbes.take("", this.#ports.clock.nowMs()) === "within" || this.#refuse(flow, "flood of OPTIONS from strangers");
  }

  newInvite(request: ReceivedRequest, flow: Flow): { readonly localTag: string; readonly localContact: string } {
    return this.#ports.calls.newInvite(request, flow);
  }

  onInvite(invite: IncomingInvite): void {
    const admitted = this.#admitted?.request === invite.request ? this.#admitted : undefined;
    this.#admitted = undefined;
    const who = admitted?.who ?? this.#identify(invite.request, invite.flow, undefined);
    if (who.type === "peer") {
      const ticket = ticketOf(invite.request);
      if (ticket !== undefined) this.#ports.tickets.spend(ticket);
      return this.#ports.calls.onInvite(invite, who.peer);
    }
    const reason =
      who.type === "ambiguous" ? `ambiguous: ${who.candidates.join(", ")} fit` : who.type === "rewritten" ? who.detail : "unknown";
    this.#ports.publish({
      type: "refused",
      listener: invite.flow.listener,
      remote: `${invite.flow.remoteAddress}:${invite.flow.remotePort}`,
      reason,
    });
    invite.reject(403, "Forbidden");
  }

  onRequest(transaction: Parameters<AgentUser["onRequest"]>[0]): void {
    const tag = this.#ports.random.integer(2 ** 32).toString(36);
    if (transaction.request.method === "OPTIONS") {
      return respondPlain(transaction, 200, "OK", tag, [
        ["Allow", ALLOW],
        ["Accept", "application/sdp"],
      ]);
    }
    respondPlain(transaction, 405, "Method Not Allowed", tag, [["Allow", ALLOW]]);
  }

  #identify(request: ReceivedRequest, flow: Flow, digestUser: string | undefined): Identified {
    const { identifier, registeredTrunk, tickets } = this.#ports;
    return identifier().identify(
      sourceFacts(request, flow, { registeredTrunk, ticketTrunk: (ticket) => tickets.trunkOf(ticket), digestUser }),
    );
  }

  /** The digest step: who the credentials prove, or the challenge that they earn. */
  #examineDigest(request: ReceivedRequest, flow: Flow): { readonly user?: string; readonly challenge?: Challenge } {
    const present = request.headerCount("Authorization") + request.headerCount("Proxy-Authorization") > 0;
    if (!present || request.method !== "INVITE" || this.#ports.digestUsers().none) return {};
    const examined = this.#ports.digest.examine(request, flow.remoteAddress);
    if (examined.type === "none") return {};
    return examined.type === "proved"
      ? { user: examined.username }
      : { challenge: this.#challenge(flow, examined.realm, examined.stale, examined.reason) };
  }

  /** An INVITE without proof is asked for it where the domain that it calls has digest users on that listener. */
  #challengeStranger(request: ReceivedRequest, flow: Flow): Challenge | undefined {
    const digestUsers = this.#ports.digestUsers();
    if (digestUsers.none || request.method !== "INVITE") return undefined;
    const uri = request.uri();
    const to = request.to();
    const realm = digestUsers.realmFor(flow.listener, [uri.ok ? uri.value.host : "", to.ok ? to.value.uri.host : ""]);
    return realm === undefined ? undefined : this.#challenge(flow, realm, false, "");
  }

  #challenge(flow: Flow, realm: string, stale: boolean, reason: string): Challenge {
    const { publish, digest, digestUsers } = this.#ports;
    publish({ type: "challenged", listener: flow.listener, remote: `${flow.remoteAddress}:${flow.remotePort}`, realm, reason });
    return { status: 401, headers: digest.challenge(realm, flow.remoteAddress, stale, digestUsers().algorithmsOf(flow.listener, realm)) };
  }

  #refuse(flow: Flow, reason: string): false {
    const second = Math.floor(this.#ports.clock.nowMs() / 1000);
    if (second !== this.#refusedSecond) [this.#refusedSecond, this.#refusedInSecond] = [second, 0];
    if (++this.#refusedInSecond <= REFUSED_EVENTS_PER_SECOND) {
      this.#ports.publish({ type: "refused", listener: flow.listener, remote: `${flow.remoteAddress}:${flow.remotePort}`, reason });
    }
    return false;
  }
}
