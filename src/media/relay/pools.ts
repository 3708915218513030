/**
 * The port pools that the controller has named, and the pairs of sockets that are lent to it: open ahead of
 * their calls, so that a call need not wait for them. What arrives at a lent socket is read and dropped.
 */
import type { LocalMedia, PortPool } from "#media/engine.ts";
import { canonicalAddress } from "./learning.ts";
import type { PacketSockets, SocketId } from "./packet-sockets.ts";
import { PortPool as Ports } from "./port-pool.ts";

/** Lent only while so many times as many stay free: for other pools on the same ports, and for calls that ask. */
const FREE_PER_LENT = 8;

export interface Pool {
  readonly spec: PortPool;
  readonly bindAddress: string;
  readonly ports: Ports;
}

export interface SocketPair {
  readonly rtp: SocketId;
  readonly rtcp: SocketId;
}
interface Lent extends SocketPair {
  readonly pool: Pool;
  readonly port: number;
}

export interface PoolsOptions {
  readonly sockets: PacketSockets;
  /** A random integer in [0, below): where in its range a fresh pool begins. */
  readonly portStart: (below: number) => number;
  /** Ports of sessions that lived through a restart. */
  readonly inUse: (bindAddress: string) => Iterable<number>;
  readonly problem: (detail: string) => void;
}

const lentKey = (pool: string, port: number): string => `${pool} ${port}`;

export class Pools {
  readonly #options: PoolsOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #lent = new Map<string, Lent>();

  constructor(options: PoolsOptions) {
    this.#options = options;
  }

  get(name: string): Pool | undefined {
    return this.#pools.get(name);
  }

  /** What was lent is taken back. A pool that stays as it was keeps its ports and their drain times. */
  set(specs: readonly PortPool[]): void {
    this.takeBack();
    const before = new Map(this.#pools);
    this.#pools.clear();
    for (const spec of specs) {
      const bindAddress = canonicalAddress(spec.bindAddress);
      if (bindAddress === undefined) {
        this.#options.problem(`pool ${spec.name}: ${spec.bindAddress} is not a numeric address`);
        continue;
      }
      const same = ({ bindAddress: address, spec: other }: Pool) =>
        address === bindAddress && other.portMin === spec.portMin && other.portMax === spec.portMax;
      const known = [...before.values(), ...this.#pools.values()].find(same);
      this.#pools.set(spec.name, { spec, bindAddress, ports: known?.ports ?? this.#freshPorts(bindAddress, spec) });
    }
  }

  #freshPorts(bindAddress: string, { portMin, portMax }: PortPool): Ports {
    const { portStart, inUse } = this.#options;
    return new Ports(portMin, portMax, portStart(Math.max(1, (portMax - portMin) >> 1)), new Set(inUse(bindAddress)));
  }

  /** Every pool of a range shares one set of ports; a pool that was reconfigured meanwhile ignores it. */
  freed(bindAddress: string, port: number): void {
    for (const pool of this.#pools.values()) if (pool.bindAddress === bindAddress) pool.ports.put(port, this.#options.sockets.nowMs);
  }

  /** Opens pairs ahead. @returns fewer, or none, where ports or descriptors run short */
  lend(name: string, pairs: number): readonly LocalMedia[] {
    const pool = this.#pools.get(name);
    const { socketsMax, socketsOpen, nowMs } = this.#options.sockets;
    const free = Math.min(pool?.ports.free ?? 0, (socketsMax - socketsOpen) >> 1);
    if (pool === undefined || pairs * FREE_PER_LENT > free) return [];
    const { spec, ports } = pool;
    const lent: LocalMedia[] = [];
    for (let i = 0; i < pairs; i++) {
      const port = ports.take(nowMs);
      if (port === undefined) break;
      const pair = this.#open(pool, port);
      if (pair === undefined) {
        // Another program's port, or no right to the device: whoever asks hears why.
        ports.put(port, nowMs);
        continue;
      }
      this.#lent.set(lentKey(name, port), { pool, port, ...pair });
      lent.push({ address: spec.advertisedAddress, port, rtcpPort: port + 1 });
    }
    return lent;
  }

  #open({ bindAddress: address, spec: { device, dscp } }: Pool, port: number): SocketPair | undefined {
    const { sockets } = this.#options;
    const marks = { ...(device === undefined ? {} : { device }), ...(dscp === undefined ? {} : { dscp }) };
    const rtp = sockets.open({ address, port, ...marks });
    if (!rtp.ok) return undefined;
    const rtcp = sockets.open({ address, port: port + 1, ...marks });
    if (rtcp.ok) return { rtp: rtp.id, rtcp: rtcp.id };
    sockets.close(rtp.id);
    return undefined;
  }

  /** The sockets are the caller's from now on; undefined: that port was not lent. */
  use(pool: string, port: number): SocketPair | undefined {
    const lent = this.#lent.get(lentKey(pool, port));
    if (lent !== undefined) this.#lent.delete(lentKey(pool, port));
    return lent;
  }

  /** What nobody has used: the controller has gone or starts anew. */
  takeBack(): void {
    const { sockets } = this.#options;
    for (const { pool, port, rtp, rtcp } of this.#lent.values()) {
      sockets.close(rtp);
      sockets.close(rtcp);
      pool.ports.put(port, sockets.nowMs);
    }
    this.#lent.clear();
  }
}
