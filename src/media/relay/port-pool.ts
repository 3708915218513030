/**
 * The RTP ports of one address: even ports (RFC 3550 §11), oldest freed first, and none again before
 * late packets of its last call have drained. Pure: time is an argument, binding is the caller's.
 */

/** A peer that has not seen our BYE yet goes on sending for so long; its packets must not meet a new call. */
export const PORT_DRAIN_MS = 5_000;

export class PortPool {
  /** Ring of free ports in the order they were freed, with the time of each. */
  readonly #ports: Uint16Array;
  readonly #freedAtMs: Float64Array;
  #head = 0;
  #free: number;
  readonly #taken = new Set<number>();
  readonly portMin: number;
  readonly portMax: number;

  /** @param portMin first even port (an odd one is rounded up)
   *  @param portMax last port; a pair needs port and port + 1
   *  @param start which pair is given out first, so that a restarted process does not begin where it began before
   *  @param taken ports in use already: sessions that lived through a restart */
  constructor(portMin: number, portMax: number, start = 0, taken: ReadonlySet<number> = new Set()) {
    this.portMin = portMin + (portMin & 1);
    this.portMax = portMax;
    const pairs = Math.max(0, Math.floor((portMax + 1 - this.portMin) / 2));
    this.#ports = new Uint16Array(pairs);
    this.#freedAtMs = new Float64Array(pairs).fill(Number.NEGATIVE_INFINITY);
    this.#free = 0;
    for (let i = 0; i < pairs; i++) {
      const port = this.portMin + 2 * ((i + start) % pairs);
      if (taken.has(port)) this.#taken.add(port);
      else this.#ports[this.#free++] = port;
    }
  }

  get pairs(): number {
    return this.#ports.length;
  }
  /** Free pairs, draining ones included. */
  get free(): number {
    return this.#free;
  }

  /** The port that has been free longest, or undefined when all are taken or still draining. */
  take(nowMs: number): number | undefined {
    if (this.#free === 0 || this.#freedAtMs[this.#head]! > nowMs - PORT_DRAIN_MS) return undefined;
    const port = this.#ports[this.#head]!;
    this.#head = (this.#head + 1) % this.#ports.length;
    this.#free--;
    this.#taken.add(port);
    return port;
  }

  /** Puts a port back; ports that were never taken here are ignored. Also for a port that another program holds. */
  put(port: number, nowMs: number): void {
    if (!this.#taken.delete(port)) return;
    const at = (this.#head + this.#free) % this.#ports.length;
    this.#ports[at] = port;
    this.#freedAtMs[at] = nowMs;
    this.#free++;
  }
}
