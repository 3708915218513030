/**
 * What was set over the API beyond tandem.yaml's limits, and locks: kept in the state folder, because a restart must
 * neither lift a lock nor forget what an operator set. A file that can't be read counts as empty.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { LIMIT_SUBJECTS, type LimitPolicy, type LimitSubject, type Limits } from "#routing/limits.ts";
import type { Lock } from "./limit-book.ts";

export interface SetLimits {
  readonly subject: LimitSubject;
  readonly name: string;
  readonly limits: Limits;
}
export interface LimitFile {
  readonly set: readonly SetLimits[];
  readonly locks: readonly Lock[];
}

export function readLimitFile(path: string): LimitFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { set: [], locks: [] };
  }
  const { set, locks } = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof LimitFile, unknown>>;
  return { set: Array.isArray(set) ? set.filter(isSet) : [], locks: Array.isArray(locks) ? locks.filter(isLock) : [] };
}
/** @throws what the disk says */
export function writeLimitFile(path: string, file: LimitFile): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Field by field above the file's. */
export function policyWith(policy: LimitPolicy, set: readonly SetLimits[]): LimitPolicy {
  if (set.length === 0) return policy;
  const named = { ...policy.named };
  for (const { subject, name, limits } of set)
    named[subject] = new Map(named[subject]).set(name, { ...policy.named[subject].get(name), ...limits });
  return { defaults: policy.defaults, named };
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isSet = (value: unknown): value is SetLimits =>
  isFields(value) &&
  LIMIT_SUBJECTS.some((one) => one === value["subject"]) &&
  typeof value["name"] === "string" &&
  isLimits(value["limits"]);
const isLock = (value: unknown): value is Lock =>
  isFields(value) &&
  (value["subject"] === "tenant" || value["subject"] === "trunk") &&
  typeof value["name"] === "string" &&
  typeof value["untilMs"] === "number" &&
  typeof value["reason"] === "string";

const isCount = (value: unknown): boolean => value === undefined || (Number.isInteger(value) && (value as number) >= 0);
const isTexts = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.every((one) => typeof one === "string"));
/** From a file or another process: the shape is checked, the words were by who took them. */
export function isLimits(value: unknown): value is Limits {
  if (!isFields(value)) return false;
  const { callsMax, callsPerSecond, minutesPerDay, allowedPrefixes, deniedPrefixes, allowedCountries, deniedCountries, premium, fraud } =
    value;
  const fraudCounts = isFields(fraud) ? [fraud["calls"], fraud["windowMs"], fraud["shortMs"], fraud["lockMs"]] : [];
  return (
    [callsMax, callsPerSecond, minutesPerDay].every(isCount) &&
    callsPerSecond !== 0 &&
    [allowedPrefixes, deniedPrefixes, allowedCountries, deniedCountries].every(isTexts) &&
    (premium === undefined || premium === "allow" || premium === "deny") &&
    (fraud === undefined || fraud === false || (isFields(fraud) && fraudCounts.every((one) => one !== undefined && isCount(one))))
  );
}
