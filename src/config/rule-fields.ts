/** How a peer's rules are written (routing/peer-rules.ts has what they mean), and what they say about other entries. */
import { type NumberRewrite, readNumberPattern, wrongReplacement } from "#routing/number-pattern.ts";
import { CALL_QUEUE_MS, BACKUP_ON, FAILURE_WORDS, IDENTITY_AS_IT_IS, IDENTITY_HEADERS, type PeerRules } from "#routing/peer-rules.ts";
import { mayShow } from "#routing/peer-numbers.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { Note } from "./check-listeners.ts";
import { caller } from "./condition-fields.ts";
import {
  type Fields,
  type Of,
  type Path,
  type Reader,
  describe,
  integer,
  listOf,
  maybe,
  object,
  oneOf,
  optional,
  required,
  text,
  yesNo,
} from "./reading.ts";
import { shapedAs } from "./shape.ts";
import { suggestion } from "./suggest.ts";

/** A call that waits longer has a caller who wonders. */
const CALL_QUEUE_MS_MAX = 5_000;
/** 486 and 6xx speak for the person called: no other trunk would change the answer. */
const NEVER_BACKED_UP = ["486", "600", "603", "604", "606", "6xx"];

const rewriteFields = object({
  match: required(text, 'match: a pattern, e.g. "^8(\\d{10})$"'),
  replace: required(text, 'replace: what stands in its place, e.g. "+7$1"; "" for nothing'),
});
const rewriteRule: Reader<NumberRewrite> = (value, reading) => {
  const read = rewriteFields(value, reading);
  if (read === undefined) return undefined;
  const pattern = readNumberPattern(read.match);
  if (!pattern.ok) {
    reading.noteAt("match", `${describe(read.match)} is a pattern ${pattern.reason}`, pattern.remedy);
    return undefined;
  }
  const wrong = wrongReplacement(read.replace, pattern.value);
  if (wrong === undefined) return { pattern: pattern.value, replace: read.replace };
  reading.noteAt("replace", `${describe(read.replace)} can't replace it`, wrong);
  return undefined;
};
shapedAs(rewriteRule, rewriteFields);
const rewrite = object({
  inbound_called: optional(listOf(rewriteRule), []),
  inbound_caller: optional(listOf(rewriteRule), []),
  outbound_called: optional(listOf(rewriteRule), []),
  outbound_caller: optional(listOf(rewriteRule), []),
});

const identity = object({
  read: optional(listOf(oneOf(IDENTITY_HEADERS)), []),
  send: optional(listOf(oneOf(IDENTITY_HEADERS)), []),
  diversion: optional(oneOf(["drop", "pass", "set"]), "drop"),
  anonymous: optional(oneOf(["pass", "withhold", "reveal"]), "pass"),
  anonymous_calls: optional(oneOf(["take", "refuse"]), "take"),
});

const calls = integer(0, 1_000_000, "calls at a time; 0 for none this way");
const callsPerSecond = integer(1, 10_000, "new calls a second");

/** @param name reads a listener's name */
export const ruleFields = (name: Reader<string>) =>
  ({
    rewrite: maybe(rewrite),
    identity: maybe(identity),
    codecs_mode: optional(oneOf(["filter", "order"]), "filter"),
    egress_listener: maybe(name),
    transfers: optional(yesNo, false),
    calls_max_inbound: maybe(calls),
    calls_max_outbound: maybe(calls),
    calls_per_second_inbound: maybe(callsPerSecond),
    calls_per_second_outbound: maybe(callsPerSecond),
    call_queue_ms: optional(integer(0, CALL_QUEUE_MS_MAX, "milliseconds that a call may wait for its turn"), CALL_QUEUE_MS),
    caller_numbers_allowed: optional(listOf(caller), []),
  }) satisfies Fields;
export type RuleFields = Of<ReturnType<typeof ruleFields>>;

const failure: Reader<string> = (value, reading) => {
  const given = text(value, reading)?.toLowerCase();
  if (given === undefined) return undefined;
  if (NEVER_BACKED_UP.includes(given))
    return reading.note(`${given} is the answer of the person called`, "leave it out: another trunk would reach the same person");
  if ((FAILURE_WORDS as readonly string[]).includes(given) || /^([345]xx|[345][0-9]{2})$/.test(given)) return given;
  return reading.note(`${describe(value)} is not a failure`, `${FAILURE_WORDS.join(", ")}, a status such as 403, or a class such as 5xx`);
};

/** Of trunks only. @param name reads a trunk's name */
export const backupFields = (name: Reader<string>) =>
  ({ backup_trunks: optional(listOf(name), []), backup_on: optional(listOf(failure), BACKUP_ON) }) satisfies Fields;
export type BackupFields = Of<ReturnType<typeof backupFields>>;

/** Absent where nothing is asked. */
export function toRules(fields: RuleFields): PeerRules {
  const { rewrite: numbers, identity: shown } = fields;
  return {
    ...(numbers !== undefined && {
      rewrite: {
        inboundCalled: numbers.inbound_called,
        inboundCaller: numbers.inbound_caller,
        outboundCalled: numbers.outbound_called,
        outboundCaller: numbers.outbound_caller,
      },
    }),
    ...(shown !== undefined && {
      identity: {
        ...IDENTITY_AS_IT_IS,
        read: shown.read,
        send: shown.send,
        diversion: shown.diversion,
        anonymous: shown.anonymous,
        refuseAnonymous: shown.anonymous_calls === "refuse",
      },
    }),
    ...(fields.codecs_mode === "order" && { codecsMode: "order" }),
    ...(fields.transfers && { transfers: true }),
    ...(fields.egress_listener !== undefined && { egressListener: fields.egress_listener }),
    ...(fields.calls_max_inbound !== undefined && { inboundCallsMax: fields.calls_max_inbound }),
    ...(fields.calls_max_outbound !== undefined && { outboundCallsMax: fields.calls_max_outbound }),
    ...(fields.calls_per_second_inbound !== undefined && { inboundCallsPerSecond: fields.calls_per_second_inbound }),
    ...(fields.calls_per_second_outbound !== undefined && { outboundCallsPerSecond: fields.calls_per_second_outbound }),
    ...(fields.call_queue_ms !== CALL_QUEUE_MS && { callQueueMs: fields.call_queue_ms }),
    ...(fields.caller_numbers_allowed.length > 0 && { callerNumbersAllowed: fields.caller_numbers_allowed }),
  };
}
export function toBackups({ backup_trunks, backup_on }: BackupFields): PeerRules {
  return backup_trunks.length === 0 ? {} : { backupTrunks: backup_trunks, backupOn: backup_on };
}

interface RuleCheck {
  readonly listeners: readonly string[];
  readonly trunks: ReadonlyMap<string, Peer>;
  /** Names of entries too broken to be read. */
  readonly alsoNamed: ReadonlySet<string>;
  readonly error: Note;
  readonly warn: Note;
}

/** What a peer's rules say about itself and about others. */
export function checkRules(peer: Peer, path: Path, { listeners, trunks, alsoNamed, error, warn }: RuleCheck): void {
  const { egressListener, backupTrunks = [], name } = peer;
  if (egressListener !== undefined && !listeners.includes(egressListener) && !alsoNamed.has(egressListener))
    error([...path, "egress_listener"], `there is no listener ${egressListener}`, suggestion(egressListener, listeners, "listener"));
  for (const [i, backup] of backupTrunks.entries()) {
    const at = [...path, "backup_trunks", i];
    const trunk = trunks.get(backup);
    if (backup === name) error(at, `${name} can't be its own backup`, "another trunk of the tenant");
    else if (trunk === undefined) {
      if (!alsoNamed.has(backup)) error(at, `there is no trunk ${backup}`, suggestion(backup, [...trunks.keys()], "trunk"));
    } else if (trunk.tenant !== peer.tenant)
      error(at, `${backup} is of tenant ${trunk.tenant}, not ${peer.tenant}`, "a trunk of the tenant's own");
    else if (trunk.uri === undefined) error(at, `${backup} has no uri, so no call can go there`, "give it a uri");
  }
  if (peer.callerNumber !== "" && !mayShow(peer, peer.callerNumber))
    error([...path, "caller_number"], `caller_numbers_allowed doesn't have ${peer.callerNumber}`, "add it there");
  for (const [field, most] of [
    ["calls_max_inbound", peer.inboundCallsMax],
    ["calls_max_outbound", peer.outboundCallsMax],
  ] as const) {
    if (most !== undefined && most > peer.callsMax)
      warn([...path, field], `${most} is never reached: calls_max is ${peer.callsMax}`, "calls_max at least as large");
  }
  if (peer.codecsMode === "order" && peer.codecs.length === 0)
    warn([...path, "codecs_mode"], "there is nothing to order", "codecs: [PCMA, PCMU]");
}
