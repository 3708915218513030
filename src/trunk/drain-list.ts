/**
 * Which peers an operator drains: no new calls to them until he takes it back. Kept in the state folder, because a
 * restart of signalling must not send calls to a machine that is being taken apart.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

export interface DrainList {
  has(peer: string): boolean;
  /** True when that changed something. Throws what the disk says. */
  set(peer: string, draining: boolean): boolean;
}

export function openDrainList(path: string): DrainList {
  const names = new Set(read(path));
  return {
    has: (peer) => names.has(peer),
    set(peer, draining) {
      if (names.has(peer) === draining) return false;
      if (draining) names.add(peer);
      else names.delete(peer);
      writeFileSync(`${path}.new`, `${JSON.stringify([...names].sort())}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      return true;
    },
  };
}

function read(path: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
