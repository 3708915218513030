/**
 * What the journal holds of a call, section by section, and how a section is read back: the JSON comes
 * from a former process of ours, perhaps of another version, so it is looked at before it is believed.
 * Taking a call up again is `calls.ts`'s.
 */
import type { CdrAttempt, CdrSkip } from "#cdr/record.ts";
import type { HeaderField } from "#sip/message/message.ts";
import type { DialogState } from "#sip/dialog/user-agent.ts";
import type { AttemptParameters } from "./attempt.ts";
import type { CallEnding } from "./cdr-of-call.ts";
import type { LegFacts } from "./leg.ts";
import type { FirstSection } from "./origination.ts";
import type { Flow } from "./ports.ts";
import type { MediaState } from "./stream.ts";

export interface PeerName {
  readonly kind: "trunk" | "gateway";
  readonly name: string;
}

/** Written with the INVITE, before its first provisional response; never changes. */
export interface CoreSection {
  readonly startedAtMs: number;
  readonly source: PeerName;
  readonly caller: string;
  readonly called: string;
  readonly route: string;
  readonly generation: number;
  readonly facts: LegFacts;
  /** Of the CDR. */
  readonly decision?: object;
  /** Tandem itself called. */
  readonly placed?: true;
}
/** Enough to answer the caller after a crash; removed by a refusal, and by the ACK to our answer. */
export interface IncomingSection {
  readonly wire: string;
  readonly flow: Flow;
  readonly localTag: string;
  /** Of the answer, once there is one: what the callee's response passed on. */
  readonly headers?: readonly HeaderField[];
}
/** An INVITE that is out; all are removed by the answer. */
export interface AttemptSection {
  readonly number: number;
  readonly peer: PeerName;
  readonly startedAtMs: number;
  readonly parameters: AttemptParameters;
}
export interface AnsweredSection {
  readonly answeredAtMs: number;
  readonly setupMs: number;
  readonly callee: PeerName;
  readonly leg: string;
  readonly facts: LegFacts;
  readonly attempts: readonly CdrAttempt[];
  readonly skipped: readonly CdrSkip[];
  /** Absent: nobody was replaced. */
  readonly left?: readonly LeftLeg[];
}

/** A side that was replaced, for the CDR. */
export interface LeftLeg {
  readonly name: string;
  readonly peer: PeerName & { readonly listener: string };
  readonly facts: LegFacts;
  readonly codec: string;
}

/** What was tried before what is out now; of a call that was not answered. */
export interface TriedSection {
  readonly attempts: readonly CdrAttempt[];
  readonly skipped: readonly CdrSkip[];
}

export interface CallSections {
  readonly core?: CoreSection;
  readonly incoming?: IncomingSection | null;
  /** Those that are out: several while gateways ring at once. A former version wrote the one without the list. */
  readonly attempt?: readonly AttemptSection[] | AttemptSection | null;
  readonly tried?: TriedSection;
  readonly answered?: AnsweredSection;
  /** Who "a" is, of a call that Tandem places or that was moved. */
  readonly first?: FirstSection;
  readonly dialogA?: DialogState;
  readonly dialogB?: DialogState;
  readonly media?: MediaState;
  readonly ended?: CallEnding;
}

export type Recovered =
  | {
      readonly type: "answered";
      readonly core: CoreSection;
      readonly answered: AnsweredSection;
      readonly dialogA: DialogState;
      readonly dialogB: DialogState;
      readonly media: MediaState;
      /** No ACK had come: perhaps the caller never heard the answer. */
      readonly incoming: IncomingSection | undefined;
      readonly first: FirstSection | undefined;
      /** Of a transfer that was under way. */
      readonly attempts: readonly AttemptSection[];
      readonly ended: CallEnding | undefined;
    }
  | {
      readonly type: "set-up";
      readonly core: CoreSection;
      readonly incoming: IncomingSection | undefined;
      readonly attempts: readonly AttemptSection[];
      readonly tried: TriedSection | undefined;
      /** It was answered and is over: only its record is missing. */
      readonly answered: AnsweredSection | undefined;
      /** It had answered already, and has to hear BYE. */
      readonly first: FirstSection | undefined;
      readonly dialogA: DialogState | undefined;
      readonly ended: CallEnding | undefined;
    }
  /** Nothing of it can be understood; its record is closed all the same. */
  | { readonly type: "unreadable" };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
const has = (value: unknown, ...names: readonly string[]): boolean =>
  isObject(value) && names.every((name) => value[name] !== undefined && value[name] !== null);

export function readSections(written: Readonly<Record<string, unknown>>): Recovered {
  const sections = written as CallSections;
  const { core, answered, dialogA, dialogB, media } = sections;
  if (core === undefined || !has(core, "startedAtMs", "source", "facts")) return { type: "unreadable" };
  const ended = has(sections.ended, "outcome", "endedAtMs") ? sections.ended : undefined;
  const incoming = has(sections.incoming, "wire", "flow", "localTag") ? sections.incoming! : undefined;
  const first = has(sections.first, "peer", "leg", "facts") ? sections.first : undefined;
  const attempts = [sections.attempt ?? []].flat().filter((attempt) => has(attempt, "parameters", "peer"));
  const tookPlace = has(answered, "answeredAtMs", "callee", "facts");
  if (answered !== undefined && dialogA !== undefined && dialogB !== undefined && media !== undefined) {
    const whole = tookPlace && has(dialogA, "sipCallId", "target") && has(dialogB, "sipCallId", "target") && has(media, "a", "b");
    return whole ? { type: "answered", core, answered, dialogA, dialogB, media, incoming, first, attempts, ended } : { type: "unreadable" };
  }
  const tried = has(sections.tried, "attempts", "skipped") ? sections.tried : undefined;
  return {
    type: "set-up",
    core,
    incoming,
    attempts,
    tried,
    answered: ended !== undefined && tookPlace ? answered : undefined,
    first,
    dialogA: has(dialogA, "sipCallId", "target") ? dialogA : undefined,
    ended,
  };
}
