/** Findings about where a call might have gone and why it didn't: routes, limits, gateways that are down, unknown callers. */
import type { Evidence, Examined, Finding } from "./diagnose.ts";
import { counted, saw } from "./diagnose.ts";

const DOWN = /^(down|resting|draining|in maintenance)/;
const FULL = /^(group )?(\S+ )?full,|^over \d|^limit /;
const LOCKED = /^locked\b/;
const DENIED = /^denied:/;
/** Of a caller who gave up or nobody who picked up: long enough to have heard it ring. */
const RANG_MS = 15_000;

export function routeFindings(call: Examined): readonly Finding[] {
  return [unknownSource, notRouted, limits, locked, denied, allDown, loop, noAnswer].flatMap((rule) => rule(call) ?? []);
}

interface Reason {
  readonly peer: string;
  readonly reason: string;
}
/** Everything that was said against a candidate, and against the call. */
function reasonsOf({ cdr }: Examined): readonly Reason[] {
  if (cdr === undefined) return [];
  return [...cdr.skipped, ...cdr.attempts.filter(({ status }) => status === 0).map(({ peer, reason }) => ({ peer, reason }))];
}
const told = ({ peer, reason }: Reason): Evidence => counted(`${peer}: ${reason}`);
const answered = ({ cdr }: Examined): boolean => cdr?.answeredAtMs !== undefined;

/** An INVITE that no call was made of. */
function unknownSource(call: Examined): Finding | undefined {
  const { messages, events, cdr } = call;
  if (cdr !== undefined || events.some(({ event }) => event.type === "call-started")) return undefined;
  const invite = messages.find(({ method, status, direction }) => method === "INVITE" && status === 0 && direction === "in");
  if (invite === undefined || messages.some(({ status, direction }) => status > 0 && direction === "out")) return undefined;
  return {
    code: "UNKNOWN_SOURCE",
    severity: "error",
    title: "The caller is unknown and got no answer",
    evidence: [saw(invite, invite.remote, "no trunk or gateway of this listener has the address")],
    advice: `addresses: [${invite.remoteHost}] at the trunk or gateway that it is, on the listener it came in by; digest: if its address changes`,
  };
}

function notRouted({ cdr }: Examined): Finding | undefined {
  if (cdr === undefined || cdr.attempts.length > 0 || cdr.outcome !== "invalid_number") return undefined;
  return {
    code: "NUMBER_NOT_ROUTED",
    severity: "error",
    title: `No route takes ${cdr.called}`,
    evidence: [counted(cdr.endReason)],
    advice:
      "a DID or outbound rule for it; where the number looks wrong, numbers: of the trunk that it came from; tandem route shows the decision",
  };
}

function limits(call: Examined): Finding | undefined {
  const { cdr } = call;
  if (cdr === undefined) return undefined;
  const full = reasonsOf(call).filter(({ reason }) => FULL.test(reason));
  const refused = cdr.outcome === "capacity" || cdr.outcome === "rate_limited" || cdr.endReason.startsWith("limit ");
  const whole = refused && cdr.attempts.length === 0;
  if (full.length === 0 && !whole) return undefined;
  return {
    code: "LIMIT_REACHED",
    severity: answered(call) ? "warning" : "error",
    title: "A limit was reached",
    evidence: [...(whole ? [counted(cdr.endReason)] : []), ...full.map(told)],
    advice:
      "calls_max, calls_per_second_… or limits: of what is named, where the contract allows more; GET /api/limits shows what is in use",
  };
}

function locked(call: Examined): Finding | undefined {
  const found = reasonsOf(call).filter(({ reason }) => LOCKED.test(reason));
  if (found.length === 0) return undefined;
  return {
    code: "OUTBOUND_LOCKED",
    severity: "error",
    title: "Calls out are locked after what looked like fraud",
    evidence: found.map(told),
    advice: "look at its last calls first; then POST /api/limits/{subject}/{name}/unlock, or wait until the lock is over",
  };
}

function denied(call: Examined): Finding | undefined {
  const found = reasonsOf(call).filter(({ reason }) => DENIED.test(reason));
  if (found.length === 0) return undefined;
  return {
    code: "DESTINATION_DENIED",
    severity: answered(call) ? "warning" : "error",
    title: "The destination is not allowed",
    evidence: found.map(told),
    advice: "if such calls are wanted: limits: of the tenant or trunk, with allowed_prefixes, allowed_countries or premium: allow",
  };
}

function allDown(call: Examined): Finding | undefined {
  const { cdr } = call;
  if (cdr === undefined || answered(call)) return undefined;
  const down = cdr.skipped.filter(({ reason }) => DOWN.test(reason));
  const silent = cdr.attempts.filter(({ outcome, status }) => status === 0 && (outcome === "timeout" || outcome === "failed"));
  if (down.length + silent.length === 0 || silent.length < cdr.attempts.length) return undefined;
  return {
    code: "ALL_DOWN",
    severity: "error",
    title: "Nobody that the call could go to was up",
    evidence: [...down, ...silent].map(told),
    advice:
      "tandem gateways shows since when and why; tandem preflight <name> what is wrong; a further gateway in the group, or backup_trunks",
  };
}

function loop({ cdr }: Examined): Finding | undefined {
  if (cdr === undefined || (cdr.sipStatus !== 482 && cdr.sipStatus !== 483)) return undefined;
  return {
    code: "LOOP",
    severity: "error",
    title: "The call came back to us",
    evidence: [counted(cdr.endReason)],
    advice: "whoever it was sent to sent it here again: its forwarding, or an outbound rule that takes our own number",
  };
}

function noAnswer({ cdr, messages, nameOf }: Examined): Finding | undefined {
  if (cdr === undefined || cdr.answeredAtMs !== undefined) return undefined;
  const gaveUp = cdr.outcome === "cancelled" && cdr.setupMs >= RANG_MS;
  if (cdr.outcome !== "no_answer" && !gaveUp) return undefined;
  const ringing = messages.find(({ status, direction }) => status >= 180 && status < 200 && direction === "in");
  const heard = ringing === undefined ? [] : [saw(ringing, nameOf(ringing))];
  return {
    code: "NO_ANSWER",
    severity: "note",
    title: gaveUp ? `The caller gave up after ${Math.round(cdr.setupMs / 1000)} s` : "Nobody answered",
    evidence: [...heard, counted(`${cdr.endReason}, after ${Math.round(cdr.setupMs / 1000)} s`)],
    advice: "hunt: ring_timeout_ms and setup_budget_ms say how long it rings; an AI that should answer at once may be overloaded",
  };
}
