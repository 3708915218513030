/**
 * Executes what the call-control port is told. Every ability is an argument, so this file is the list
 * of what an operator can do, and nothing else.
 */
import type {
  CallSummary,
  ControlCommand,
  GatewaysReport,
  LegQuality,
  LimitReport,
  LimitSubjectName,
  OriginateCommand,
  OriginateReport,
  RefusalReport,
  StatusReport,
  TestCallTicket,
  TokenReport,
  TransferCommand,
  TransferReport,
  TrunkReport,
} from "./control.ts";
import { readOriginate, readTransfer } from "./read-placing.ts";

export interface ControlAbilities {
  status(): StatusReport;
  calls(): readonly CallSummary[];
  /** Undefined: no such call. */
  find(callId: string): CallSummary | undefined;
  quality(callId: string): Promise<readonly LegQuality[] | undefined>;
  /** False: no such call. */
  hangUp(callId: string, reason: string): boolean;
  originate(command: OriginateCommand): OriginateReport;
  /** Undefined: no such call. */
  transfer(command: TransferCommand): TransferReport | undefined;
  route(question: Extract<ControlCommand, { readonly type: "route" }>): Outcome<unknown>;
  cdrs(question: { readonly limit: number; readonly callId: string | undefined; readonly number: string | undefined }): Promise<unknown>;
  trace(call: string | undefined): Promise<unknown>;
  testCall(number: string, trunk: string | undefined): Outcome<TestCallTicket>;
  reload(): Promise<Outcome<unknown>>;
  token(role: TokenRole, tenant: string | undefined): TokenReport;
  apply(wish: Extract<ControlCommand, { readonly type: "apply" }>): Promise<Outcome<unknown>>;
  write(wish: Extract<ControlCommand, { readonly type: "write" }>): Promise<Outcome<unknown>>;
  gateways(): GatewaysReport;
  trunks(): readonly TrunkReport[];
  drainGateway(name: string, draining: boolean): Outcome<unknown>;
  refusals(): readonly RefusalReport[];
  limits(): readonly LimitReport[];
  setLimits(subject: LimitSubjectName, name: string, limits: object | null): Outcome<LimitReport>;
  unlock(subject: LimitSubjectName, name: string): Outcome<LimitReport>;
  drain(timeoutMs: number): Promise<unknown>;
}

export type TokenRole = Extract<ControlCommand, { readonly type: "token" }>["role"];
const LIMIT_SUBJECTS: readonly LimitSubjectName[] = ["tenant", "trunk", "gateway", "source"];
const TOKEN_ROLES: readonly TokenRole[] = ["owner", "operator", "viewer"];

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly message: string };

const LIMIT_MAX = 10_000;
const done = <T>(value: T): Outcome<T> => ({ ok: true, value });
const noCall = (callId: string): Outcome<never> => ({
  ok: false,
  code: "NO_SUCH_CALL",
  message: `no call "${callId}" is up; tandem calls lists them, tandem cdr those that ended`,
});

/** What came over the socket is looked at before it is believed. Never throws; never rejects. */
export async function execute(command: unknown, abilities: ControlAbilities): Promise<Outcome<unknown>> {
  const read = readCommand(command);
  if (read === undefined)
    return { ok: false, code: "BAD_COMMAND", message: "not a command of this version; is the client of another version?" };
  try {
    return await perform(read, abilities);
  } catch (error) {
    return { ok: false, code: "FAILED", message: error instanceof Error ? error.message : String(error) };
  }
}

async function perform(command: ControlCommand, abilities: ControlAbilities): Promise<Outcome<unknown>> {
  switch (command.type) {
    case "status":
      return done(abilities.status());
    case "calls":
      return done(abilities.calls());
    case "call": {
      const call = abilities.find(command.callId);
      return call === undefined ? noCall(command.callId) : done(call);
    }
    case "quality": {
      const quality = await abilities.quality(command.callId);
      return quality === undefined ? noCall(command.callId) : done(quality);
    }
    case "hangup": {
      const call = abilities.find(command.callId);
      return call !== undefined && abilities.hangUp(call.callId, command.reason) ? done({ callId: call.callId }) : noCall(command.callId);
    }
    case "originate":
      return done(abilities.originate(command));
    case "transfer": {
      const report = abilities.transfer(command);
      return report === undefined ? noCall(command.callId) : done(report);
    }
    case "route":
      return abilities.route(command);
    case "cdr":
      return done(await abilities.cdrs({ ...command, limit: Math.min(Math.max(1, command.limit), LIMIT_MAX) }));
    case "trace":
      return done(await abilities.trace(command.call));
    case "events":
      return { ok: false, code: "BAD_COMMAND", message: "events are a subscription: send it with follow: true" };
    case "test-call":
      return abilities.testCall(command.number, command.trunk);
    case "reload":
      return abilities.reload();
    case "apply":
      return abilities.apply(command);
    case "write":
      return abilities.write(command);
    case "token":
      return done(abilities.token(command.role, command.tenant));
    case "gateways":
      return done(abilities.gateways());
    case "trunks":
      return done(abilities.trunks());
    case "drain-gateway":
      return abilities.drainGateway(command.name, command.draining);
    case "refusals":
      return done(abilities.refusals());
    case "limits":
      return done(abilities.limits());
    case "limit-set":
      return abilities.setLimits(command.subject, command.name, command.limits);
    case "limit-unlock":
      return abilities.unlock(command.subject, command.name);
    case "drain":
      return done(await abilities.drain(command.timeoutMs));
  }
}

type Fields = Readonly<Record<string, unknown>>;
const text = (value: unknown): value is string => typeof value === "string";
const maybeText = (value: unknown): value is string | undefined | null =>
  value === undefined || value === null || typeof value === "string";

/** JSON has no undefined: an absent field is what the sender's undefined became. */
function readCommand(value: unknown): ControlCommand | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { name, draining } = value as Fields;
  const { type, callId, reason, number, from, caller, limit, call, follow, trunk, timeoutMs } = value as Fields;
  switch (type) {
    case "status":
    case "calls":
    case "reload":
    case "gateways":
    case "trunks":
      return { type };
    case "apply":
      return readApply(value as Fields);
    case "write":
      return readWrite(value as Fields);
    case "originate":
      return readOriginate(value as Fields);
    case "transfer":
      return readTransfer(value as Fields);
    case "token": {
      const { role, tenant } = value as Fields;
      const known = TOKEN_ROLES.find((one) => one === role);
      return known !== undefined && maybeText(tenant) ? { type, role: known, tenant: tenant ?? undefined } : undefined;
    }
    case "refusals":
    case "limits":
      return { type };
    case "limit-set":
    case "limit-unlock": {
      const subject = LIMIT_SUBJECTS.find((one) => one === (value as Fields)["subject"]);
      if (subject === undefined || !text(name)) return undefined;
      if (type === "limit-unlock") return { type, subject, name };
      const { limits } = value as Fields;
      return typeof limits === "object" ? { type, subject, name, limits } : undefined;
    }
    case "drain-gateway":
      return text(name) && typeof draining === "boolean" ? { type, name, draining } : undefined;
    case "call":
    case "quality":
      return text(callId) ? { type, callId } : undefined;
    case "hangup":
      return text(callId) && text(reason) ? { type, callId, reason } : undefined;
    case "route": {
      const { address, atMs } = value as Fields;
      if (!text(number) || !maybeText(from) || !maybeText(caller) || !maybeText(address)) return undefined;
      const more = { address: address ?? undefined, atMs: typeof atMs === "number" && Number.isFinite(atMs) ? atMs : undefined };
      return { type, number, from: from ?? undefined, caller: caller ?? undefined, ...more };
    }
    case "cdr":
      return Number.isInteger(limit) && maybeText(callId) && maybeText(number)
        ? { type, limit: limit as number, callId: callId ?? undefined, number: number ?? undefined }
        : undefined;
    case "trace":
      return maybeText(call) ? { type, call: call ?? undefined, follow: follow === true } : undefined;
    case "events":
      return { type, after: undefined };
    case "test-call":
      return text(number) && maybeText(trunk) ? { type, number, trunk: trunk ?? undefined } : undefined;
    case "drain":
      return typeof timeoutMs === "number" ? { type, timeoutMs } : undefined;
    default:
      return undefined;
  }
}

const isNamed = (value: unknown): value is { readonly kind: string; readonly name: string } =>
  typeof value === "object" && value !== null && text((value as Fields)["kind"]) && text((value as Fields)["name"]);

function readApply({ spool, sha256, file, tenant, prune, commit, expectedGeneration, origin, remove }: Fields): ControlCommand | undefined {
  if (!text(spool) || !text(sha256) || !text(file) || !maybeText(tenant) || typeof prune !== "boolean" || typeof commit !== "boolean")
    return undefined;
  const expected = expectedGeneration ?? undefined;
  if (expected !== undefined && !Number.isInteger(expected)) return undefined;
  const removals = remove ?? [];
  if (!Array.isArray(removals) || !removals.every(isNamed) || (origin !== undefined && origin !== "api")) return undefined;
  const more = { expectedGeneration: expected as number | undefined, origin: origin as "api" | undefined, remove: removals };
  return { type: "apply", spool, sha256, file, tenant: tenant ?? undefined, prune, commit, ...more };
}

function readWrite({ sections, remove, tenant, expectedGeneration, file }: Fields): ControlCommand | undefined {
  const expected = expectedGeneration ?? undefined;
  if (typeof sections !== "object" || sections === null || !Object.values(sections).every(Array.isArray)) return undefined;
  if (!Array.isArray(remove) || !remove.every(isNamed) || !maybeText(tenant) || !text(file)) return undefined;
  if (expected !== undefined && !Number.isInteger(expected)) return undefined;
  const entries = sections as Readonly<Record<string, readonly unknown[]>>;
  return {
    type: "write",
    sections: entries,
    remove,
    tenant: tenant ?? undefined,
    expectedGeneration: expected as number | undefined,
    file,
  };
}
