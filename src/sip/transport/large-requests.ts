/**
 * RFC 3261 §18.1.1: a request above 1,300 bytes that would leave by UDP goes by TCP, and by UDP after all
 * where the peer has no TCP. The topmost Via is rewritten to say so; everything else of the request stays.
 *
 * What belongs to one transaction stays on one transport: CANCEL and the ACK of a failure (same branch)
 * follow their INVITE, and the repeats of a transaction that believes it is on UDP are swallowed while TCP
 * carries the request. A place whose TCP did not answer is not asked again for a while.
 */
import type { Clock } from "#base/clock.ts";
import type { TcpDestination } from "./transport-tcp.ts";
import type { TransportFailure } from "./transport.ts";
import { topBranch, viaOverTcp } from "./via-response.ts";

const LARGE_REQUEST_BYTES = 1_300;
/** Shorter than a hunt's patience: a firewall that drops TCP must not make a gateway look dead. */
const CONNECT_TIMEOUT_MS = 1_000;
const NO_TCP_MS = 10 * 60_000;
const NO_TCP_PLACES_MAX = 1_000;
/** Longer than an INVITE rings (timer C, §16.6). */
const TRANSACTION_MAX_MS = 5 * 60_000;
const TRANSACTIONS_MAX = 4_096;

type OnFailure = (failure: TransportFailure) => void;

export interface LargeRequestPaths {
  tcp(destination: TcpDestination, wire: string, onFailure: OnFailure, connectTimeoutMs: number): void;
  udp(address: string, port: number, wire: string, onFailure: OnFailure): void;
}

interface Moved {
  /** The last request of this branch, as it was given to us; "" before the first. */
  wire: string;
  overTcp: boolean;
  readonly untilMs: number;
}

export class LargeRequests {
  readonly #paths: LargeRequestPaths;
  readonly #clock: Clock;
  /** By branch; the oldest first. */
  readonly #moved = new Map<string, Moved>();
  readonly #noTcpUntilMs = new Map<string, number>();

  constructor(paths: LargeRequestPaths, clock: Clock) {
    this.#paths = paths;
    this.#clock = clock;
  }

  send(address: string, port: number, wire: string, onFailure: OnFailure): void {
    const large = wire.length > LARGE_REQUEST_BYTES;
    if (!large && this.#moved.size === 0) return this.#paths.udp(address, port, wire, onFailure);
    const nowMs = this.#clock.nowMs();
    const branch = topBranch(wire);
    const moved = this.#moved.get(branch) ?? (large ? this.#move(branch, `${address} ${port}`, nowMs) : undefined);
    const rewritten = moved?.overTcp === true ? viaOverTcp(wire) : undefined;
    if (moved === undefined || rewritten === undefined) return this.#paths.udp(address, port, wire, onFailure);
    if (moved.wire === wire) return;
    moved.wire = wire;
    this.#paths.tcp(
      { address, port },
      rewritten,
      () => {
        // Deviation: §18.1.1 names a reset and "protocol not supported"; carriers also just drop TCP, or
        // accept and close it.
        moved.overTcp = false;
        this.#rememberNoTcp(`${address} ${port}`);
        this.#paths.udp(address, port, wire, onFailure);
      },
      CONNECT_TIMEOUT_MS,
    );
  }

  #move(branch: string, place: string, nowMs: number): Moved | undefined {
    if (branch === "" || nowMs < (this.#noTcpUntilMs.get(place) ?? 0)) return undefined;
    for (const [old, { untilMs }] of this.#moved) {
      if (untilMs > nowMs && this.#moved.size < TRANSACTIONS_MAX) break;
      this.#moved.delete(old);
    }
    const moved: Moved = { wire: "", overTcp: true, untilMs: nowMs + TRANSACTION_MAX_MS };
    this.#moved.set(branch, moved);
    return moved;
  }

  #rememberNoTcp(place: string): void {
    this.#noTcpUntilMs.delete(place);
    this.#noTcpUntilMs.set(place, this.#clock.nowMs() + NO_TCP_MS);
    if (this.#noTcpUntilMs.size > NO_TCP_PLACES_MAX) this.#noTcpUntilMs.delete(this.#noTcpUntilMs.keys().next().value!);
  }
}
