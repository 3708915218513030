/** How the commands of the control port that place and move calls are read: names are looked at where the configuration is known. */
import type { OriginateCommand, PlaceName, TransferCommand } from "./control.ts";

type Fields = Readonly<Record<string, unknown>>;
const KINDS = ["group", "gateway", "number"] as const;
const text = (value: unknown): value is string => typeof value === "string";
/** JSON has no undefined. */
const maybe = <T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined | null =>
  value === undefined || value === null || is(value);
const time = (value: unknown): value is number => typeof value === "number" && value > 0;

const isPlace = (value: unknown): value is PlaceName => {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name } = value as Fields;
  return KINDS.some((one) => one === kind) && text(name) && name !== "";
};

export function readTransfer({ callId, place, leg }: Fields): TransferCommand | undefined {
  const known = leg === undefined || leg === null || leg === "caller" || leg === "callee";
  return text(callId) && isPlace(place) && known ? { type: "transfer", callId, place, leg: leg ?? undefined } : undefined;
}

export function readOriginate(fields: Fields): OriginateCommand | undefined {
  const { tenant, fromNumber, toNumber, trunk, connect, timeoutMs, webhookUrl } = fields;
  if (!text(fromNumber) || !text(toNumber) || !maybe(tenant, text) || !maybe(trunk, text) || !maybe(connect, isPlace)) return undefined;
  if (!maybe(timeoutMs, time) || !maybe(webhookUrl, text)) return undefined;
  return {
    type: "originate",
    tenant: tenant ?? undefined,
    fromNumber,
    toNumber,
    trunk: trunk ?? undefined,
    connect: connect ?? undefined,
    timeoutMs: timeoutMs ?? undefined,
    webhookUrl: webhookUrl ?? undefined,
  };
}
