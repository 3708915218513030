/**
 * One registration at one provider (RFC 3261 §10.2) as a pure function: state + event → state + what to send.
 *
 * It never gives up: whatever goes wrong, it comes back after a jittered and growing while. It refreshes well
 * before the binding ends, answers challenges (sip/auth), takes the registrar's interval (§10.2.8), follows
 * redirects a few times (§21.3), rests as long as Retry-After says. Deliberately without several Contacts,
 * outbound flows (RFC 5626) and GRUU; where a request goes and timers are `registrations.ts`'s.
 */
import {
  type Account,
  type DigestMemory,
  NO_MEMORY,
  answerChallenges,
  authorize,
  beginRequest,
  tryOtherPassword,
} from "#sip/auth/digest-client.ts";
import type { HeaderField, ReceivedResponse } from "#sip/message/message.ts";

/** What never changes while it runs. */
export interface RegistrationTerms {
  /** Request-URI. */
  readonly registrar: string;
  /** User part of our Contact, by which the registrar's answer tells our binding from others. */
  readonly contactUser: string;
  readonly expiresS: number;
  /** undefined: it must do without a challenge. */
  readonly account: Account | undefined;
}

/** `registering`: a request is out. `waiting`: for the time to refresh or to try again. */
export type RegistrationStage = "idle" | "registering" | "waiting" | "removing" | "removed";

export interface RegistrationState {
  readonly stage: RegistrationStage;
  /** CSeq of the last request (§10.2: "MUST increment the CSeq … for each REGISTER request with the same Call-ID"). */
  readonly sequence: number;
  readonly memory: DigestMemory;
  /** What we ask for; a 423 raises it. */
  readonly askedS: number;
  /** Where a 3xx sent us. */
  readonly redirect: string | undefined;
  /** Of the present round: redirects followed and intervals raised. */
  readonly detours: number;
  /** Rounds without success since the last one that had it. */
  readonly failures: number;
  /** Monotonic; until then the provider knows us, as far as we know. */
  readonly boundUntilMs: number;
  /** Monotonic; when `clock` is wanted; Infinity: not. */
  readonly nextAtMs: number;
  readonly grantedS: number;
  /** Why the last round failed, or how it went. */
  readonly reason: string;
}

export type RegistrationEvent =
  | { readonly type: "start" }
  | { readonly type: "clock" }
  | { readonly type: "response"; readonly sequence: number; readonly response: ReceivedResponse }
  /** Nobody answered, or nothing could be sent. */
  | { readonly type: "no-answer"; readonly sequence: number; readonly detail: string }
  | { readonly type: "stop" };

/** A REGISTER to send. */
export interface RegisterRequest {
  readonly sequence: number;
  readonly requestUri: string;
  /** 0 takes the binding away (§10.2.2). */
  readonly expiresS: number;
  readonly credentials: readonly HeaderField[];
}

export interface RegistrationStep {
  readonly state: RegistrationState;
  readonly send: RegisterRequest | undefined;
}

/** Time and chance of one step. */
export interface Circumstances {
  readonly nowMs: number;
  /** In [0, 1). */
  readonly fraction: () => number;
  readonly makeCnonce: () => string;
}

const DETOURS_MAX = 3;
const BACKOFF_FIRST_MS = 2_000;
const BACKOFF_MAX_MS = 300_000;
/** Providers lock accounts after some wrong passwords. */
const BACKOFF_REFUSED_FIRST_MS = 30_000;
const BACKOFF_REFUSED_MAX_MS = 900_000;
const RETRY_AFTER_MAX_S = 3_600;
const EXPIRES_MAX_S = 7 * 86_400;
/** Before the end of a long binding; so a lost round leaves time for another. */
const REFRESH_BEFORE_S = 30;

export const registrationAt = (terms: RegistrationTerms): RegistrationState => ({
  stage: "idle",
  sequence: 0,
  memory: NO_MEMORY,
  askedS: terms.expiresS,
  redirect: undefined,
  detours: 0,
  failures: 0,
  boundUntilMs: -Infinity,
  nextAtMs: Infinity,
  grantedS: 0,
  reason: "",
});

/** How it stands, in a word for people. */
export type RegistrationStanding = "registered" | "registering" | "failed" | "unregistered";

export function standingOf(state: RegistrationState, nowMs: number): RegistrationStanding {
  if (state.stage === "removing" || state.stage === "removed" || state.stage === "idle") return "unregistered";
  if (state.boundUntilMs > nowMs) return "registered";
  return state.failures > 0 ? "failed" : "registering";
}

export function stepRegistration(
  state: RegistrationState,
  event: RegistrationEvent,
  terms: RegistrationTerms,
  now: Circumstances,
): RegistrationStep {
  switch (event.type) {
    case "start":
      return state.stage === "idle" ? begin(state, terms) : stay(state);
    case "clock":
      return state.stage === "waiting" && now.nowMs >= state.nextAtMs ? begin(state, terms) : stay(state);
    case "stop":
      return stop(state, terms, now);
    case "no-answer":
      if (event.sequence !== state.sequence) return stay(state);
      return state.stage === "removing" ? stay(removed(state)) : failed(state, event.detail, now);
    case "response":
      if (event.sequence !== state.sequence) return stay(state);
      return responded(state, event.response, terms, now);
  }
}

const stay = (state: RegistrationState): RegistrationStep => ({ state, send: undefined });
const removed = (state: RegistrationState): RegistrationState => ({
  ...state,
  stage: "removed",
  nextAtMs: Infinity,
  boundUntilMs: -Infinity,
});

function begin(state: RegistrationState, terms: RegistrationTerms): RegistrationStep {
  return sendAgain({ ...state, stage: "registering", detours: 0, nextAtMs: Infinity, memory: beginRequest(state.memory) }, terms);
}

function sendAgain(state: RegistrationState, terms: RegistrationTerms): RegistrationStep {
  const sequence = state.sequence + 1;
  const requestUri = state.redirect ?? terms.registrar;
  const { memory, headers } =
    terms.account === undefined
      ? { memory: state.memory, headers: [] }
      : authorize(state.memory, terms.account, { method: "REGISTER", uri: requestUri, body: "" });
  const expiresS = state.stage === "removing" ? 0 : state.askedS;
  return { state: { ...state, sequence, memory }, send: { sequence, requestUri, expiresS, credentials: headers } };
}

function stop(state: RegistrationState, terms: RegistrationTerms, now: Circumstances): RegistrationStep {
  if (state.stage === "removing" || state.stage === "removed") return stay(state);
  // A request that is out may still make a binding.
  const known = state.boundUntilMs > now.nowMs || state.stage === "registering";
  if (!known) return stay(removed(state));
  return sendAgain({ ...state, stage: "removing", detours: 0, nextAtMs: Infinity, memory: beginRequest(state.memory) }, terms);
}

function responded(state: RegistrationState, response: ReceivedResponse, terms: RegistrationTerms, now: Circumstances): RegistrationStep {
  const { status } = response;
  const { account } = terms;
  if (status < 200 || (state.stage !== "registering" && state.stage !== "removing")) return stay(state);
  if (status === 401 || status === 407) {
    if (account === undefined) return refused(state, `${status}: a password is wanted, and none is configured`, response, now);
    const answered = answerChallenges(state.memory, response, account, now.makeCnonce);
    if (answered.type === "again") return sendAgain({ ...state, memory: answered.memory }, terms);
    return refused({ ...state, memory: answered.memory }, answered.reason, response, now);
  }
  if (status === 403 && account !== undefined) {
    const memory = tryOtherPassword(state.memory, account);
    if (memory !== undefined) return sendAgain({ ...state, memory }, terms);
  }
  if (state.stage === "removing") return stay(removed(state));
  if (status < 300) return bound(state, response, terms, now);
  if (status === 423) return tooBrief(state, response, terms, now);
  if (status < 400) return redirected(state, response, terms, now);
  const text = `${status} ${response.reasonPhrase}`.trim();
  return status === 403 ? refused(state, text, response, now) : failed(state, text, now, retryAfterS(response));
}

function bound(state: RegistrationState, response: ReceivedResponse, terms: RegistrationTerms, now: Circumstances): RegistrationStep {
  const grantedS = grantedIn(response, terms.contactUser, state.askedS);
  if (grantedS <= 0) return failed(state, "the registrar's 200 took us for 0 seconds", now);
  const refreshS = Math.max(grantedS * 0.5, Math.min(grantedS * 0.9, grantedS - REFRESH_BEFORE_S)) * (1 - 0.05 * now.fraction());
  return stay({
    ...state,
    stage: "waiting",
    failures: 0,
    grantedS,
    boundUntilMs: now.nowMs + grantedS * 1000,
    nextAtMs: now.nowMs + refreshS * 1000,
    reason: `registered for ${grantedS} s`,
  });
}

/** §10.2.8: "If a UA receives a 423 … it MAY retry the registration after making the expiration interval … equal to or greater" */
function tooBrief(state: RegistrationState, response: ReceivedResponse, terms: RegistrationTerms, now: Circumstances): RegistrationStep {
  const wantedS = decimal(response.header("Min-Expires"));
  const usable = wantedS !== undefined && wantedS > state.askedS && wantedS <= EXPIRES_MAX_S;
  if (!usable || state.detours >= DETOURS_MAX) {
    return failed(state, `423 with Min-Expires ${response.header("Min-Expires") ?? "missing"}, and ${state.askedS} s were asked for`, now);
  }
  return sendAgain({ ...state, askedS: wantedS, detours: state.detours + 1 }, terms);
}

function redirected(state: RegistrationState, response: ReceivedResponse, terms: RegistrationTerms, now: Circumstances): RegistrationStep {
  const contact = response.contact();
  const uri = contact.ok && contact.value !== undefined && contact.value !== "star" ? contact.value : undefined;
  const usable = uri !== undefined && uri.uri.scheme === "sip" && uri.uri.host !== "";
  if (!usable) return failed(state, `${response.status} without a Contact that can be followed`, now);
  if (state.detours >= DETOURS_MAX) return failed(state, `redirected more than ${DETOURS_MAX} times`, now);
  return sendAgain({ ...state, redirect: uri.uriText.replace(/\?.*$/s, ""), detours: state.detours + 1 }, terms);
}

/** The account itself was refused. */
function refused(state: RegistrationState, reason: string, response: ReceivedResponse, now: Circumstances): RegistrationStep {
  if (state.stage === "removing") return stay(removed(state));
  return failed(state, reason, now, retryAfterS(response), true);
}

function failed(state: RegistrationState, reason: string, now: Circumstances, retryS = 0, account = false): RegistrationStep {
  const failures = state.failures + 1;
  const [first, most] = account ? [BACKOFF_REFUSED_FIRST_MS, BACKOFF_REFUSED_MAX_MS] : [BACKOFF_FIRST_MS, BACKOFF_MAX_MS];
  const growing = Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.5 + 0.5 * now.fraction());
  // RFC 3261 §20.33; a little later, so that not everybody comes back in one second.
  const told = Math.min(retryS, RETRY_AFTER_MAX_S) * 1000 * (1 + 0.1 * now.fraction());
  return stay({ ...state, stage: "waiting", failures, redirect: undefined, nextAtMs: now.nowMs + Math.max(growing, told), reason });
}

/** §10.2.4: the `expires` of our Contact, else Expires, else what we asked for. */
function grantedIn(response: ReceivedResponse, contactUser: string, askedS: number): number {
  const contacts = response.contacts();
  const ours = contacts.ok ? contacts.value.find(({ uri }) => uri.user === contactUser) : undefined;
  const granted = decimal(ours?.parameters.get("expires")) ?? decimal(response.header("Expires")) ?? askedS;
  return Math.min(granted, EXPIRES_MAX_S);
}

/** delta-seconds, with a comment or parameters behind. */
function decimal(text: string | undefined): number | undefined {
  const digits = text === undefined ? null : /^\s*(\d{1,9})(?![\d.])/.exec(text);
  return digits === null ? undefined : Number(digits[1]);
}

const retryAfterS = (response: ReceivedResponse): number => decimal(response.header("Retry-After")) ?? 0;
