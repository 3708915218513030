/**
 * What travels between the signalling process and a relay worker, both ways, as JSON frames. The shapes
 * of `media/engine.ts` are used as they are. Commands of the relay's own user only arrive here (0600), so
 * their reading checks what could break the relay, not every field.
 */
import { TONES } from "#media/engine.ts";
import type {
  Commit,
  LocalMedia,
  MediaEvent,
  PortPool,
  Play,
  PrepareSide,
  Prepared,
  SessionId,
  SessionStats,
  SideName,
} from "#media/engine.ts";

export const PROTOCOL_VERSION = 1;

/** A side on a port that was lent, or that the side had at a former relay. */
export type AssignSide = PrepareSide & { readonly port: number };

export type Command =
  /** First after hello, and again whenever they change. */
  | { readonly op: "pools"; readonly pools: readonly PortPool[]; readonly coalesceUs?: number }
  | { readonly op: "prepare"; readonly id: number; readonly session: SessionId; readonly sides: readonly PrepareSide[] }
  /** Only to a relay that lends; a side that can't be had ends the session with "gone". Otherwise unanswered. */
  | { readonly op: "assign"; readonly session: SessionId; readonly sides: readonly AssignSide[] }
  /** Opens so many ports ahead, for `assign`. They are taken back when the controller goes or names its pools anew. */
  | { readonly op: "lend"; readonly id: number; readonly pool: string; readonly pairs: number }
  | { readonly op: "commit"; readonly commit: Commit }
  | { readonly op: "play"; readonly play: Play }
  | { readonly op: "abort"; readonly session: SessionId; readonly side: SideName }
  | { readonly op: "release"; readonly id: number; readonly session: SessionId }
  | { readonly op: "stats"; readonly id: number; readonly session: SessionId };

export interface Hello {
  readonly type: "hello";
  readonly version: number;
  /** New at each start of the process. */
  readonly bootId: string;
  readonly pid: number;
  readonly sockets: "koffi" | "dgram";
  /** How many sockets descriptors allow; a call needs four, two with rtcp-mux. */
  readonly socketsMax: number;
  readonly sessions: readonly SessionId[];
  /** Relays of this process. */
  readonly workers?: number;
  /** Knows "lend" and "assign". */
  readonly lends?: boolean;
}

export type Message =
  | Hello
  | { readonly type: "prepared"; readonly id: number; readonly prepared: Prepared }
  /** None where ports or descriptors run short. */
  | { readonly type: "lent"; readonly id: number; readonly pool: string; readonly ports: readonly LocalMedia[] }
  /** null: unknown session. */
  | { readonly type: "stats"; readonly id: number; readonly stats: SessionStats | null }
  | { readonly type: "event"; readonly event: MediaEvent }
  | { readonly type: "problem"; readonly session: SessionId; readonly side: SideName; readonly detail: string };

const SESSION_ID_CHARS_MAX = 128;
const PORT_MAX = 65_535;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
const isSession = (value: unknown): value is SessionId => typeof value === "string" && value !== "" && value.length <= SESSION_ID_CHARS_MAX;
const isId = (value: unknown): value is number => Number.isSafeInteger(value);
const areRecords = (value: unknown, ...texts: readonly string[]): boolean =>
  Array.isArray(value) && value.every((each) => isRecord(each) && texts.every((text) => typeof each[text] === "string"));

const hasPort = (value: unknown): boolean => isRecord(value) && isId(value["port"]) && value["port"] > 0 && value["port"] < PORT_MAX;

function isPool(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { portMin, portMax } = value;
  return Number.isInteger(portMin) && Number.isInteger(portMax) && (portMin as number) >= 0 && (portMax as number) <= PORT_MAX;
}

function isCommit(value: unknown): boolean {
  if (!isRecord(value) || !isSession(value["session"]) || !isRecord(value["remotes"])) return false;
  return Object.values(value["remotes"]).every(
    (remote) => isRecord(remote) && typeof remote["address"] === "string" && typeof remote["rtcpAddress"] === "string",
  );
}

function isPlay(value: unknown): boolean {
  if (!isRecord(value) || !isSession(value["session"]) || typeof value["side"] !== "string") return false;
  const { tone, encoding, payloadType, durationMs } = value;
  const known = TONES.some((one) => one === tone) && (encoding === "PCMU" || encoding === "PCMA");
  return known && isId(payloadType) && payloadType >= 0 && payloadType < 128 && isId(durationMs) && durationMs >= 0;
}

/** @returns undefined when it is no command that this version knows */
export function parseCommand(value: unknown): Command | undefined {
  if (!isRecord(value)) return undefined;
  const { op, id, session } = value;
  const valid =
    op === "pools"
      ? areRecords(value["pools"], "name", "bindAddress", "advertisedAddress") && (value["pools"] as unknown[]).every(isPool)
      : op === "prepare"
        ? isId(id) && isSession(session) && areRecords(value["sides"], "side", "pool", "signallingAddress")
        : op === "assign"
          ? isSession(session) &&
            areRecords(value["sides"], "side", "pool", "signallingAddress") &&
            (value["sides"] as unknown[]).every(hasPort)
          : op === "lend"
            ? isId(id) && typeof value["pool"] === "string" && isId(value["pairs"])
            : op === "commit"
              ? isCommit(value["commit"])
              : op === "play"
                ? isPlay(value["play"])
                : op === "abort"
                  ? isSession(session) && typeof value["side"] === "string"
                  : (op === "release" || op === "stats") && isId(id) && isSession(session);
  return valid ? (value as unknown as Command) : undefined;
}

/** The relay is of our own release; only its version is looked at. */
export function parseMessage(value: unknown): Message | undefined {
  if (!isRecord(value) || typeof value["type"] !== "string") return undefined;
  return value as unknown as Message;
}
