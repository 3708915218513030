/**
 * From which source a side's packets may be taken, and when that is fixed. Pure.
 *
 * RTP has no authentication here, so whoever reaches the port first could steal the audio: only the
 * address that the SDP or the signalling came from may be learned, unless the trunk says `nat: yes`;
 * the first acceptable packet locks, and only a changed remote in a commit opens the lock again.
 * RFC 4961 (symmetric RTP): where packets come from is where ours go.
 */
import { SocketAddress, isIP } from "node:net";

/** A transport address. `raw` is kept by the socket layer for system calls. */
export interface Endpoint {
  /** Canonical text (RFC 5952 for IPv6). */
  readonly address: string;
  readonly port: number;
  raw?: Uint8Array;
}

/** One spelling for one address; undefined when the text is no numeric address. */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 4) return text;
  if (family === 0 || text.includes("%")) return undefined;
  return new SocketAddress({ address: text, family: "ipv6" }).address;
}

export function endpoint(address: string, port: number): Endpoint | undefined {
  const canonical = canonicalAddress(address);
  if (canonical === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) return undefined;
  return { address: canonical, port };
}

export const sameEndpoint = (a: Endpoint | undefined, b: Endpoint | undefined): boolean => a?.address === b?.address && a?.port === b?.port;

/** "192.0.2.1:4000", "[2001:db8::1]:4000". */
export const endpointText = (e: Endpoint): string => (e.address.includes(":") ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`);

/** Can packets be sent there? Port 0 refuses a stream (RFC 3264 §6); 0.0.0.0 and :: are the old hold (RFC 3264 §8.4). */
export const reachable = (e: Endpoint): boolean => e.port !== 0 && e.address !== "0.0.0.0" && e.address !== "::";

/** Packets of the place that a stream has left are on their way for so long; they must not lock it again. */
export const LEFT_BEHIND_MS = 500;

export interface LearningPolicy {
  readonly nat: boolean;
  /** Canonical. */
  readonly signallingAddress: string;
  /** From the SDP; undefined before the first commit. */
  readonly remote: Endpoint | undefined;
  /** Where the stream came from until less than LEFT_BEHIND_MS ago. */
  readonly left?: Endpoint | undefined;
}

/** May this source be taken while nothing is locked? Any port of an allowed host: NATs and gateways change ports. */
export function mayLearn(policy: LearningPolicy, source: Endpoint): boolean {
  // Without a remote we don't know who the peer is: the first packet may be anyone's.
  if (policy.remote === undefined) return false;
  if (policy.nat || sameEndpoint(source, policy.remote)) return true;
  // Behind a NAT the same source goes on after a re-INVITE; elsewhere a moved stream's old one is a latecomer.
  if (policy.left !== undefined && sameEndpoint(source, policy.left)) return false;
  return source.address === policy.remote.address || source.address === policy.signallingAddress;
}
