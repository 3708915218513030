/**
 * A call of the former process is taken up again from its journal sections (`recovery.ts` reads them): one that was
 * answered goes on, one in set-up is ended, one that was over gets its record.
 */
import type { Peer } from "#routing/snapshot.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import { lostAttempt } from "./call-sections.ts";
import { type CallInside, isPlaced } from "./call-state.ts";
import { Leg } from "./leg.ts";
import { MediaSession } from "./media-session.ts";
import { q850Reason } from "./reason-across.ts";
import type { Recovered } from "./recovery.ts";

type Answered = Extract<Recovered, { readonly type: "answered" }>;
type InSetUp = Extract<Recovered, { readonly type: "set-up" }>;

export function takeUp(inside: CallInside, recovered: Answered, callee: Peer, firstPeer: Peer): void {
  const { call, is } = inside;
  const { core, answered, media, first, ended } = recovered;
  const { clock } = call.ports;
  const agoMs = Math.max(0, clock.wallMs() - answered.answeredAtMs);
  is.core = core;
  is.answered = { answeredAtMs: answered.answeredAtMs, answeredMs: clock.nowMs() - agoMs, setupMs: answered.setupMs };
  is.attempts = answered.attempts;
  is.skipped = answered.skipped;
  is.media = MediaSession.restore(call.ports.media, call.id, firstPeer, callee, media);
  is.held = is.media.held;
  const a = new Leg(call, "a", first?.leg ?? "a", firstPeer, first?.facts ?? core.facts);
  const b = new Leg(call, "b", answered.leg, callee, answered.facts);
  [is.a, is.b] = [a, b];
  takePlaces(inside, recovered, [a, b], agoMs);
  for (const { parameters } of recovered.attempts) call.calls.agent.recoverInvite({ ...parameters, headers: [], body: "" });
  // Whoever ended the call itself needs nothing more: a repeated BYE meets 481, which ends it as well.
  const { agent } = call.calls;
  if (ended?.endedBy !== inside.personAt(a)) a.dialog = agent.restore(recovered.dialogA, a, firstPeer.account);
  if (ended?.endedBy !== inside.personAt(b)) b.dialog = agent.restore(recovered.dialogB, b, callee.account);
  if (ended !== undefined) {
    // Its BYEs were out when the process died, or just not yet.
    is.phase = "ending";
    is.ending = ended;
    inside.bye(a, []);
    inside.bye(b, []);
    void is.media.release();
    return inside.finish(ended);
  }
  is.phase = "answered";
  answerAgain(inside, recovered);
  inside.limitDuration(agoMs);
}

/** Among the calls of peers, tenant and source, as before. */
function takePlaces({ call, is }: CallInside, { core, answered, first }: Answered, legs: readonly [Leg, Leg], agoMs: number): void {
  const { moves } = call;
  moves.swapped = first?.swapped === true;
  moves.everSwapped = first !== undefined;
  moves.left = answered.left ?? [];
  for (const leg of legs) if (leg.name !== "a") moves.count(leg.peer.name, "out");
  if (!isPlaced(is) && legs.every(({ name }) => name !== "a")) moves.give({ name: "a", peer: call.source });
  const from = first === undefined ? call.calls.callsAt(call.source, "in") : undefined;
  const [, source = ""] = /^[a-z]+:(.*):\d+$/.exec(core.facts.remoteAddress) ?? [];
  is.lease = call.ports.limits?.resume({ tenant: is.tenant, peer: from, source });
  for (const { peer } of legs) is.lease?.answered(peer, agoMs);
}

/** RFC 3261 §13.3.1.4: a 2xx is repeated until its ACK; who has it already sends the ACK once more. */
function answerAgain({ call, is }: CallInside, { incoming, dialogA }: Answered): void {
  if (incoming === undefined) return;
  const headers = [...call.calls.agent.responseHeaders, ...(incoming.headers ?? [])];
  const answer = { contact: dialogA.localContact, headers, sdp: is.media.told("a") };
  call.ports.answerRaw(incoming.wire, incoming.flow, incoming.localTag, 200, reasonPhraseOf(200), answer);
  call.ports.journal.append(call.id, is.tenant, { incoming: null });
}

/**
 * Ends a call that was being set up when the former process died (RFC 3261 §9.1 for what was out), or closes
 * the record of one that was over.
 * @param callee of one that was answered
 * @param firstPeer of one that we placed, where he had answered
 */
export function closeSetUp(inside: CallInside, recovered: InSetUp, callee: Peer | undefined, firstPeer: Peer | undefined): void {
  const { call, is } = inside;
  const { core, incoming, attempts, tried, ended } = recovered;
  const { ports } = call;
  is.core = core;
  is.phase = "ending";
  is.attempts = tried?.attempts ?? [];
  is.skipped = tried?.skipped ?? [];
  setLegs(inside, recovered, callee, firstPeer);
  const reason = "restart during set-up";
  if (ended === undefined) {
    if (incoming !== undefined) ports.answerRaw(incoming.wire, incoming.flow, incoming.localTag, 500, reasonPhraseOf(500));
    for (const { parameters } of attempts) call.calls.agent.recoverInvite({ ...parameters, headers: [], body: "" });
    const lost = attempts.map((attempt) => lostAttempt(attempt, ports.clock.wallMs(), reason));
    is.attempts = [...is.attempts, ...lost];
  }
  is.ending = ended;
  void ports.media.release(call.id);
  const endedAtMs = ports.clock.wallMs();
  is.incoming = incoming;
  const setupMs = Math.max(0, endedAtMs - core.startedAtMs);
  inside.finish(ended ?? { outcome: "failed", sipStatus: 500, q850: 41, endedBy: "us", reason, endedAtMs, setupMs, durationMs: 0 });
}

function setLegs(inside: CallInside, recovered: InSetUp, callee: Peer | undefined, firstPeer: Peer | undefined): void {
  const { call, is } = inside;
  const { core, answered, first, ended, dialogA } = recovered;
  const answeredMs = call.ports.clock.nowMs();
  if (answered !== undefined && callee !== undefined) {
    const { answeredAtMs, setupMs, leg, facts } = answered;
    is.answered = { answeredAtMs, answeredMs, setupMs };
    is.attempts = answered.attempts;
    is.skipped = answered.skipped;
    is.b = new Leg(call, "b", leg, callee, facts);
    call.moves.count(callee.name, "out");
  }
  if (core.placed !== true) is.a = new Leg(call, "a", "a", call.source, core.facts);
  else if (first !== undefined && firstPeer !== undefined) {
    is.answered ??= { answeredAtMs: first.answeredAtMs, answeredMs, setupMs: first.setupMs };
    const a = new Leg(call, "a", first.leg, firstPeer, first.facts);
    is.a = a;
    call.moves.count(firstPeer.name, "out");
    if (dialogA === undefined || ended?.endedBy === inside.personAt(a)) return;
    a.dialog = call.calls.agent.restore(dialogA, a, firstPeer.account);
    inside.bye(a, [q850Reason(41)]);
  }
}
