/**
 * Which DSCP (RFC 2474) signalling to an address gets, where trunks and gateways have one of their own: by the
 * networks that they call from and the addresses that their names were resolved to. Sockets know addresses, not peers:
 * of several peers at one address the first one's counts. The listener's own is not here: it is what nothing is said of.
 */
import { type AddressTable, buildAddressTable } from "./addresses.ts";
import type { Peer, Snapshot } from "./snapshot.ts";

/** Addresses that are remembered for a listener. */
const REMEMBERED_MAX = 4_096;

interface ListenerMarks {
  readonly table: AddressTable<number>;
  readonly learned: Map<string, number>;
  /** What the table said; strangers too. */
  readonly known: Map<string, number | undefined>;
}

export class DscpMarks {
  #byListener = new Map<string, ListenerMarks>();
  #byPeer = new Map<string, Peer>();

  constructor(snapshot: Pick<Snapshot, "trunks" | "gateways">) {
    this.apply(snapshot);
  }

  apply({ trunks, gateways }: Pick<Snapshot, "trunks" | "gateways">): void {
    const marked = [...trunks.values(), ...gateways.values()].filter(({ dscp }) => dscp !== undefined);
    const former = this.#byListener;
    this.#byPeer = new Map(marked.map((peer) => [peer.name, peer]));
    this.#byListener = new Map();
    for (const listener of new Set(marked.flatMap(listenersOf))) {
      const here = marked.filter((peer) => listenersOf(peer).includes(listener));
      this.#byListener.set(listener, {
        table: buildAddressTable(here.flatMap(({ addresses, dscp }) => addresses.map((network) => [network, dscp!] as const))),
        learned: former.get(listener)?.learned ?? new Map(),
        known: new Map(),
      });
    }
  }

  /** A peer was looked up. */
  learn(peer: string, addresses: readonly string[]): void {
    const marked = this.#byPeer.get(peer);
    if (marked === undefined) return;
    for (const listener of listenersOf(marked)) {
      const learned = this.#byListener.get(listener)?.learned;
      if (learned === undefined) continue;
      for (const address of addresses) remember(learned, address, marked.dscp!);
    }
  }

  /** Undefined: as the listener's other packets. */
  of(listener: string, address: string): number | undefined {
    const marks = this.#byListener.get(listener);
    if (marks === undefined) return undefined;
    const learned = marks.learned.get(address);
    if (learned !== undefined) return learned;
    if (marks.known.has(address)) return marks.known.get(address);
    const found = marks.table.find(address)[0]?.value;
    remember(marks.known, address, found);
    return found;
  }
}

const listenersOf = ({ listener, egressListener }: Peer): readonly string[] =>
  egressListener === undefined || egressListener === listener ? [listener] : [listener, egressListener];

function remember<T>(known: Map<string, T>, address: string, value: T): void {
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(address, value);
}
