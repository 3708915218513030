/**
 * What the call room needs of the world, given at construction. Each member is one port with one owner
 * elsewhere; nothing here is looked up or imported at run time.
 */
import type { Clock } from "#base/clock.ts";
import type { CallId, CallIds, TokenSigner } from "#base/ids.ts";
import type { Parsed } from "#base/bytes.ts";
import type { Journal } from "#journal/journal.ts";
import type { MediaEngine } from "#media/engine.ts";
import type { Publish } from "#observe/event.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { TransferQuestion } from "#routing/plan-transfer.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { DialogUser, IncomingInvite, InviteParameters } from "#sip/dialog/user-agent.ts";
import type { HeaderField, ReceivedRequest, Uri } from "#sip/message/message.ts";

/** Types of the transport as the user agent's contract shows them. */
export type Flow = IncomingInvite["flow"];
export type Target = InviteParameters["target"];
export type ServerTransaction = Parameters<DialogUser["onRequest"]>[0];

/** What a listener tells the world of itself. */
export interface Face {
  readonly advertised: string;
  portOf(transport: Flow["transport"]): number | undefined;
}

export type Located =
  | { readonly ok: true; readonly targets: readonly Target[] }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** What `planCall` may look at. */
export interface CallFacts {
  readonly source: Peer;
  readonly flow: Flow;
  readonly request: ReceivedRequest;
  readonly uri: Parsed<Uri>;
  /** User part of the R-URI, unescaped; "" when absent. */
  readonly calledUser: string;
  /** The caller's number as it came; "" when there is none. */
  readonly callerUser: string;
  readonly callId: CallId;
}

/** What one attempt taught about a gateway. */
export interface AttemptResult {
  readonly peer: string;
  readonly target: string;
  /** 0 when no final response came. */
  readonly status: number;
  /** False after a transport error or silence. */
  readonly alive: boolean;
  /** From 503 with Retry-After, in seconds; bounded. */
  readonly restS: number | undefined;
  readonly reason: string;
}

/** What a 2xx has beyond its status. */
export interface RawAnswer {
  /** Contact URI. */
  readonly contact: string;
  /** As in the first answer: a 2xx that is repeated is the same to the byte. */
  readonly headers: readonly HeaderField[];
  readonly sdp: string;
}

/** What tenants, peers and sources may have (admission/limit-book.ts). */
export interface CallLimits {
  /** A place for a call, or why there is none. */
  admit(call: LimitedCall): CallLease | LimitRefusal;
  /** For a call of the former process, whatever the limits say. */
  resume(call: LimitedCall): CallLease;
  /** Why no call may go to a peer now. */
  against(peer: { readonly name: string; readonly kind: Peer["kind"]; readonly calls: number }): LimitRefusal | undefined;
}
export interface LimitedCall {
  readonly tenant: string;
  /** Undefined: Tandem places it. `calls`: at it already, both ways. */
  readonly peer: { readonly name: string; readonly kind: Peer["kind"]; readonly calls: number } | undefined;
  /** Address; "" where there is none. */
  readonly source: string;
}
export interface LimitRefusal {
  readonly outcome: "capacity" | "rate_limited" | "carrier_blocked";
  readonly reason: string;
  /** For the wire: which limit, and no name. */
  readonly said: string;
}
export interface CallLease {
  answered(callee: { readonly name: string; readonly kind: Peer["kind"] }, agoMs: number): void;
  end(how: { readonly called: string; readonly trunks: readonly string[]; readonly talkedMs: number }): void;
}

export interface CallPorts {
  readonly clock: Clock;
  readonly ids: CallIds;
  readonly signer: TokenSigner;
  readonly media: MediaEngine;
  readonly journal: Journal;
  readonly publish: Publish;
  /** The dial plan for a new call, from the snapshot of this moment. */
  readonly plan: (facts: CallFacts) => DialPlan;
  /** The same for a running call of which one side is replaced. */
  readonly planTransfer: (question: TransferQuestion, callId: CallId) => DialPlan;
  /** Generation of that snapshot. */
  readonly generation: () => number;
  /** RFC 3263; at once for numeric hosts. Never rejects. */
  /** @param peer whose uri it is: its addresses that are down are left out; "" for a redirect's */
  readonly locate: (uri: Uri, listener: string, peer: string) => Located | Promise<Located>;
  readonly face: (listener: string) => Face | undefined;
  /** A peer of the present snapshot, for calls that outlived a restart. */
  readonly peer: (kind: "trunk" | "gateway", name: string) => Peer | undefined;
  readonly onAttempt: (result: AttemptResult) => void;
  /** Answers an INVITE of the former process without a transaction: its caller hears the end of the set-up, or the answer again. */
  readonly answerRaw: (wire: string, flow: Flow, localTag: string, status: number, reasonPhrase: string, answer?: RawAnswer) => void;
  /** Absent: nothing but peers' own fields limits calls. */
  readonly limits?: CallLimits;
  /** Whole node; 0: no limit. */
  readonly callsMax: number;
}
