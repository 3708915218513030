/** Which codecs a side is offered, and in which order: its peer's preference under what either peer's filter lets through. Pure. */
import type { Peer } from "#routing/snapshot.ts";

export interface CodecRule {
  /** Names in order of preference. */
  readonly order: readonly string[];
  /** No others than these. */
  readonly only: boolean;
}
type Codecs = Pick<Peer, "codecs" | "codecsMode"> | undefined;

/** @returns undefined: whatever the other side has, as it orders it */
export function codecRule(own: Codecs, other: Codecs): CodecRule | undefined {
  const named = [...(own?.codecs ?? []), ...(other?.codecs ?? [])];
  if (named.length === 0) return undefined;
  const filters = [own, other].filter((peer) => peer !== undefined && peer.codecs.length > 0 && peer.codecsMode !== "order");
  const allowed = filters.map((peer) => new Set(peer!.codecs.map((name) => name.toLowerCase())));
  const order: string[] = [];
  for (const name of named) {
    const lower = name.toLowerCase();
    if (allowed.every((names) => names.has(lower)) && !order.some((one) => one.toLowerCase() === lower)) order.push(name);
  }
  const only = filters.length > 0;
  const events = !only || order.some((name) => name.toLowerCase() === "telephone-event") ? [] : ["telephone-event"];
  return { order: [...order, ...events], only };
}
